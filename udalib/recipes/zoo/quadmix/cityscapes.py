"""QuadMix from GTA5 and SYNTHIA to Cityscapes, on MIC with HRDA's two scales (quadmix sheet, section 3).

Two networks: MiT-B5 with DAFormer's head ("ViT") and ResNet-101 with DeepLab-v2's classifier ("CNN"). Both train as
MIC until the iteration at which the published training, which resumes a checkpoint of MIC, begins to mix four ways.
Patches of rare classes come from whole source images at 1024 x 2048, cut to the crop: two for each of the two images
and each of the two paths. Where we differ: a patch is of a rare class that its image shows, the images being drawn by
Rare Class Sampling; the published code draws the class first, one for the batch, and files from an index until one
fits.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from udalib.recipes.registry import register
from udalib.recipes.spec.options import Options
from udalib.recipes.spec.specs import DatasetSpec, NetworkSpec, Recipe, StreamSpec, TransformSpec
from udalib.recipes.zoo.quadmix.numbers import numbers
from udalib.recipes.zoo.self_training.hrda import hrda_method, hrda_network
from udalib.recipes.zoo.self_training.mic import masks
from udalib.recipes.zoo.self_training.presets import small_presets
from udalib.recipes.zoo.self_training.setting import SYNTHETIC, Pair, rare_classes, self_training
from udalib.recipes.zoo.synthetic_to_real import deeplabv2

CROP = (1024, 1024)
RARE: dict[str, dict[str, Any]] = {
    "gta2cityscapes": {"rare_classes": (3, 4, 5, 6, 12, 15, 16, 17, 18), "rare_pixels": 50},
    "synthia2cityscapes": {"rare_classes": (3, 3, 4, 4, 4, 4, 5, 5, 6, 7, 12, 13, 18), "rare_pixels": 10},
}
"""Classes of the patches (one that is listed twice is drawn twice as often) and the pixels that a patch must exceed."""
FIRST = {
    ("gta2cityscapes", "quadmix-hrda"): 6000,
    ("synthia2cityscapes", "quadmix-hrda"): 6000,
    ("gta2cityscapes", "quadmix-hrda-deeplabv2"): 7000,
    ("synthia2cityscapes", "quadmix-hrda-deeplabv2"): 6001,
}
"""First iteration of QuadMix."""


def patch_stream(pair: Pair) -> StreamSpec:
    """Source images that show rare classes: 2 images x 2 patches x 2 paths."""
    geometry = (
        TransformSpec.of("resize", size=(1024, 2048)),
        TransformSpec.of("crop", size=CROP),
        TransformSpec.of("pad", size=CROP),
    )
    sampler = rare_classes(scale=2)
    return StreamSpec("rare", DatasetSpec(pair.source), 8, sampler, sample_transforms=geometry, workers=4)


def quadmix(pair: Pair, name: str, title: str, network: NetworkSpec) -> Recipe:
    """QuadMix on ``pair`` at full resolution."""
    rare = {"rare_stream": "rare", **RARE[pair.family]}
    options = {**masks(pair, 64), **rare, "quad_from": FIRST[pair.family, name]}
    method = hrda_method("quadmix-hrda", **options)
    base = self_training(
        pair, name, f"QuadMix on MIC and HRDA, {title}.", network, method, sampler=rare_classes(scale=2), scale=2
    )
    recipe = replace(base, streams=(*base.streams, patch_stream(pair)), published=numbers(base.name))
    presets = small_presets(recipe)
    starts = {"quick": {"method.quad_from": 1}, "laptop": {"method.quad_from": 50}, "paper": {}}
    return replace(recipe, presets=Options({key: {**presets[key], **more} for key, more in starts.items()}))


for _pair in SYNTHETIC:
    register(quadmix(_pair, "quadmix-hrda", "MiT-B5", hrda_network()))
    _cnn = replace(deeplabv2(), multi_resolution=hrda_network().multi_resolution)
    register(quadmix(_pair, "quadmix-hrda-deeplabv2", "DeepLab-v2 on ResNet-101", _cnn))
