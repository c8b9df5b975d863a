"""Two resolutions on the embedded streets: HRDA at 128 x 256 beside the same training at half the resolution.

All three recipes have the images, labels, scoring and sampling of 128 x 256. ``streets/hrda`` sees the whole image at
64 x 128 (the context) and a quarter of it sharply (the detail); ``streets/hrda-control`` is the rung ``dacs-rcs`` on
images and labels shrunk to 64 x 128, its logits enlarged for the score. Nothing is pretrained, so there is no feature
distance. RCS counts a class from 48 of the pixels on, the same share as in the ladder. Offsets of the detail are
multiples of 4: the stride 2 of the network's logits / 0.5.

A pseudo label of HRDA takes nine detail windows and the context, so all three train with batches of 4, half of the
ladder's.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from udalib.recipes.comparisons import Comparison, register_comparison
from udalib.recipes.registry import register
from udalib.recipes.spec.options import Options
from udalib.recipes.spec.overrides import apply_overrides
from udalib.recipes.spec.specs import (
    DecoderSpec,
    EncoderSpec,
    MethodSpec,
    MultiResolutionSpec,
    NetworkSpec,
    Recipe,
    TransformSpec,
)
from udalib.recipes.zoo.self_training.streets import LADDER
from udalib.recipes.zoo.streets import NOT_CITYSCAPES

FULL, HALF, QUARTER = (128, 256), (64, 128), (32, 64)
PLACES = ("streams.source", "streams.target", "evaluations.target", "evaluations.source")
NETWORK = NetworkSpec.pair(
    EncoderSpec.of("streets"),
    DecoderSpec.of("light_fpn"),
    multi_resolution=MultiResolutionSpec(detail=HALF, context_scale=0.5, divisible=4),
)
HRDA: dict[str, Any] = {"alpha": 0.99, "lambda_fd": 0.0}


def at_full_size(name: str, summary: str, quick: dict[str, Any], **parts: Any) -> Recipe:
    """The rung ``dacs-rcs`` at 128 x 256 with other ``parts``; ``quick`` is what halves them with the images."""
    rung = LADDER["dacs-rcs"]
    size: dict[str, Any] = {f"{place}.dataset.size": FULL for place in PLACES}
    size |= {"streams.source.sampler.min_pixels": 48, "streams.source.batch_size": 4, "streams.target.batch_size": 4}
    small = {f"{place}.dataset.size": HALF for place in PLACES} | {"streams.source.sampler.min_pixels": 12}
    presets = Options({**rung.presets, "quick": {**rung.presets["quick"], **small, **quick}})
    train = replace(rung.train, evaluate_every=None)
    return replace(apply_overrides(rung, size), name=name, summary=summary, presets=presets, train=train, **parts)


def control() -> Recipe:
    """Low resolution alone: everything is shrunk on the device, before the flip."""
    resize = TransformSpec.of("resize", size=HALF)
    kinds = {"streams": "batch_transforms", "evaluations": "transforms"}
    quick = {f"{place}.{kinds[place.split('.')[0]]}.resize.size": QUARTER for place in PLACES}
    rung = at_full_size("streets/hrda-control", "HRDA's control: DACS with RCS at half the resolution.", quick)
    streams = tuple(replace(stream, batch_transforms=(resize, *stream.batch_transforms)) for stream in rung.streams)
    evaluations = tuple(replace(evaluation, transforms=(resize,)) for evaluation in rung.evaluations)
    return replace(rung, streams=streams, evaluations=evaluations)


def two_scales(name: str, summary: str, method: MethodSpec, **quick: Any) -> Recipe:
    """HRDA's network and a method for it."""
    quick["network.multi_resolution.detail"] = QUARTER
    return at_full_size(name, summary, quick, network=NETWORK, method=method)


register(control())
register(two_scales("streets/hrda", "HRDA: DACS with RCS, a context and a detail crop.", MethodSpec.of("hrda", **HRDA)))
register(
    two_scales(
        "streets/mic-hrda",
        "MIC (HRDA): masked image consistency on top of streets/hrda.",
        MethodSpec.of("mic-hrda", mask_block=32, **HRDA),
        **{"method.mask_block": 16},
    )
)

register_comparison(
    Comparison(
        "streets-hrda",
        recipes=("streets/hrda-control", "streets/hrda", "streets/mic-hrda"),
        baselines=("streets/hrda-control", "streets/hrda"),
        seeds=(0, 1, 2, 3, 4),
        what="The embedded streets at 128 x 256, 19 classes, mIoU in percent on 200 validation images of each style, "
        "student, batches of 4. hrda-control is DACS with Rare Class Sampling at half the resolution, scored at 128 x "
        f"256. {NOT_CITYSCAPES}",
    )
)
