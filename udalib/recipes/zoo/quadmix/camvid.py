"""QuadMix from stills to a real clip: CamVid's drive 0006R0, a frame a second, to its 15 Hz clip.

Source: 101 labelled frames of one drive; as clips they stand still. Target: the clip of 101 frames (split val, another
drive), read without labels and scored with them: this is adapting to one clip, and says nothing of any other. Frames
at 180 x 240, scored at 360 x 480, MobileNetV2 as in :mod:`udalib.recipes.zoo.camvid`. Flow by Lucas-Kanade; with RAFT's
weights at hand, set ``flow.estimator=raft_large`` in stream and evaluation. Patches of poles, signs, fences,
pedestrians and bicyclists. Nobody has published numbers for this set-up.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from udalib.recipes.comparisons import Comparison, register_comparison
from udalib.recipes.registry import register
from udalib.recipes.spec.options import Options
from udalib.recipes.spec.specs import (
    DatasetSpec,
    EvaluationSpec,
    MethodSpec,
    Recipe,
    SamplerSpec,
    StreamSpec,
    TransformSpec,
)
from udalib.recipes.zoo.camvid import NETWORK, RESIZE, camvid_presets, camvid_recipe

FLOW = TransformSpec.of("flow", estimator="lucas_kanade")
FLIP = TransformSpec.of("flip")
BATCH = 4
PATCHES: dict[str, Any] = {"rare_stream": "rare", "rare_classes": (2, 6, 7, 9, 10), "rare_pixels": 65}
RARE = SamplerSpec.of("rare_class", temperature=0.01, min_pixels=260, min_crop_ratio=0.0)

SOURCE = StreamSpec(
    "source",
    DatasetSpec.of("camvid", domain="0006R0"),
    BATCH,
    sample_transforms=(RESIZE,),
    batch_transforms=(FLIP,),
)
TARGET = StreamSpec(
    "target",
    DatasetSpec("camvid", Options(frames=3, labels=False), split="val"),
    BATCH,
    sample_transforms=(RESIZE,),
    batch_transforms=(FLOW, FLIP),
)
CLIP = EvaluationSpec(
    "target",
    DatasetSpec("camvid", Options(frames=3), split="val"),
    batch_size=8,
    transforms=(RESIZE, FLOW),
    task="video",
)


def clip_recipe(name: str, summary: str, method: MethodSpec, *streams: StreamSpec, **parts: Any) -> Recipe:
    """Training in CamVid's set-up, scored on the clip."""
    base = camvid_presets("source", ("target",))
    places = ("sample_transforms.resize.size", "batch_size", "dataset.limit")
    quick: dict[str, Any] = {**base["quick"], "train.iterations": 6}
    paper: dict[str, Any] = dict(base["paper"])
    for stream in streams:
        quick |= {f"streams.{stream.name}.{places[1]}": 2, f"streams.{stream.name}.{places[2]}": 8}
        paper |= {f"streams.{stream.name}.{places[0]}": (360, 480), f"streams.{stream.name}.workers": 4}
    if len(streams) > 1:
        paper["method.rare_pixels"] = 260
    recipe = camvid_recipe(
        f"camvid-clip/{name}", summary, streams[0], (CLIP,), Options(quick=quick, laptop={}, paper=paper)
    )
    return replace(recipe, method=method, streams=streams, **parts)


RARE_FRAMES = replace(SOURCE, name="rare", sampler=RARE)
register(
    clip_recipe(
        "source-only",
        "Real stills to a real clip: trained on 101 labelled frames of one drive, tested on a clip of another.",
        MethodSpec.of("supervised"),
        SOURCE,
    )
)
register(
    clip_recipe(
        "single-frame",
        "QuadMix on stills and single frames of the clip.",
        MethodSpec.of("quadmix-dacs", **PATCHES),
        SOURCE,
        replace(TARGET, batch_transforms=(FLIP,)),
        RARE_FRAMES,
    )
)
register(
    clip_recipe(
        "quadmix-video",
        "QuadMix on stills and clips: labels carried by estimated flow, two frames fused, aggregation.",
        MethodSpec.of("quadmix-video", threshold=0.968, **PATCHES),
        SOURCE,
        TARGET,
        RARE_FRAMES,
        network=replace(NETWORK, two_frames=True),
    )
)

register_comparison(
    Comparison(
        "camvid-clip",
        recipes=("camvid-clip/source-only", "camvid-clip/single-frame", "camvid-clip/quadmix-video"),
        baselines=("camvid-clip/source-only", "camvid-clip/single-frame"),
        seeds=(0, 1, 2),
        what="CamVid, 11 classes, in percent on the 99 clips of three frames of one 15 Hz clip, which is the "
        "unlabelled target as well: mIoU of the last frame at 360 x 480, and its consistency with the frame before "
        "along estimated flow. Nobody has published numbers for this set-up.",
        metrics=("target/miou", "target/temporal_consistency"),
    )
)
