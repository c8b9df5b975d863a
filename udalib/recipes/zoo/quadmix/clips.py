"""Clips of the embedded streets: what a second frame, its flow and QuadMix on both give.

1000 clips of each style, two frames of the source (of which only the labels are known that a still would have, and the
frame before) and three of the target, 17 a second, exact flow. All rows see the same clips; ``source-only`` and
``single-frame`` use their last frames alone. The target's score is that of the last of three frames; consistency
compares it with the frame before. Batches of 4 clips, 1000 iterations from scratch; pseudo labels are weighted by the
share of sure pixels as in DACS, because nothing is pretrained.
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
    NetworkSpec,
    Recipe,
    StreamSpec,
)
from udalib.recipes.zoo.quadmix.streets import PATCHES
from udalib.recipes.zoo.self_training.streets import SAMPLER
from udalib.recipes.zoo.streets import FLIP, NOT_CITYSCAPES, SIZE, world_presets, world_recipe

CLIPS, BATCH = 1000, 4
FRAMES = {"source": 2, "target": 3}
TWO_FRAMES = replace(NetworkSpec.of("streets"), two_frames=True)


def clip_stream(style: str) -> StreamSpec:
    """Training clips of a style, flipped on the device."""
    dataset = DatasetSpec.of(f"streets/{style}", length=CLIPS, size=SIZE, frames=FRAMES[style])
    return StreamSpec(style, dataset, batch_size=BATCH, batch_transforms=(FLIP,))


def clip_evaluation(style: str) -> EvaluationSpec:
    """200 validation clips of three frames."""
    options = Options(length=200, size=SIZE, frames=3)
    return EvaluationSpec(
        style, DatasetSpec(f"streets/{style}", options, split="val"), batch_size=20, task="video"
    )


def rare_stream() -> StreamSpec:
    """Stills of the source by Rare Class Sampling, one for each source clip."""
    dataset = DatasetSpec.of("streets/source", length=CLIPS, size=SIZE)
    return StreamSpec("rare", dataset, batch_size=BATCH, sampler=SAMPLER, batch_transforms=(FLIP,))


def clip_recipe(name: str, summary: str, method: MethodSpec, *streams: StreamSpec, **parts: Any) -> Recipe:
    """Recipe on clips of the streets."""
    recipe = world_recipe(f"streets-clips/{name}", summary, streams, method)
    presets = {key: dict(values) for key, values in world_presets(streams).items()}
    for stream in streams:
        presets["quick"][f"streams.{stream.name}.batch_size"] = 2
        presets["paper"][f"streams.{stream.name}.batch_size"] = 8
        if stream.sampler.name == "rare_class":
            presets["paper"] |= {f"streams.{stream.name}.sampler.min_pixels": 48, "method.rare_pixels": 48}
    presets["quick"]["train.iterations"] = 20
    evaluations = (clip_evaluation("target"), clip_evaluation("source"))
    return replace(recipe, evaluations=evaluations, presets=Options(presets), **parts)


def video(name: str, summary: str, **options: Any) -> Recipe:
    """QuadMix on clips."""
    method = MethodSpec.of("quadmix-video", threshold=0.968, **PATCHES, **options)
    streams = (clip_stream("source"), clip_stream("target"), rare_stream())
    return clip_recipe(name, summary, method, *streams, network=TWO_FRAMES)


SOURCE, TARGET = clip_stream("source"), clip_stream("target")
register(
    clip_recipe(
        "source-only",
        "Supervised on the last frames of source clips, tested on target clips: the lower reference.",
        MethodSpec.of("supervised"),
        SOURCE,
    )
)
register(
    clip_recipe(
        "single-frame",
        "QuadMix on the last frames of clips alone: every clip is an image.",
        MethodSpec.of("quadmix-dacs", **PATCHES),
        SOURCE,
        TARGET,
        rare_stream(),
    )
)
register(video("quadmix-video", "QuadMix on clips: labels carried by exact flow, two frames fused, aggregation."))
register(
    video(
        "quadmix-video-without-flow-guidance",
        "QuadMix on clips whose pseudo labels are the frame's own, not carried from the frame before.",
        flow_guidance=False,
    )
)
register(
    video("quadmix-video-without-aggregation", "QuadMix on clips without the discrepancy of centroids.", lambda_mmd=0.0)
)
register(
    video(
        "quadmix-video-without-templates",
        "QuadMix on clips with templates of the next sample of the batch, not of a bank.",
        templates="batch",
    )
)

ROWS = ("source-only", "single-frame", "quadmix-video")
ABLATIONS = ("without-flow-guidance", "without-aggregation", "without-templates")

register_comparison(
    Comparison(
        "streets-clips",
        recipes=(*(f"streets-clips/{row}" for row in ROWS), *(f"streets-clips/quadmix-video-{a}" for a in ABLATIONS)),
        baselines=("streets-clips/source-only", "streets-clips/single-frame", "streets-clips/quadmix-video"),
        seeds=(0, 1, 2, 3, 4),
        what="Clips of the embedded streets, 19 classes, in percent on 200 validation clips of each style: mIoU of the "
        "last frame, and its consistency with the frame before (mIoU of the two predictions along exact flow, on what "
        f"both frames show). {NOT_CITYSCAPES}",
        metrics=("target/miou", "target/temporal_consistency"),
    )
)
