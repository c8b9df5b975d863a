"""Clips of the embedded streets: what a second frame, its flow and QuadMix on both give.

1000 clips of each style, 17 frames a second, exact flow: two frames of the source, three of the target. All rows have
one network, that of two frames, and see the same clips; ``source-only`` and ``single-frame`` take each last frame for a
still. ``source-only`` trains for 1000 iterations; the others go on from it for 400 with batches of 4 clips and patches
from stills. The target is scored on the last of three frames; consistency compares it with the frame before. Pseudo
labels are weighted by the share of sure pixels, as in DACS.
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
    ScheduleSpec,
    StartSpec,
    StreamSpec,
)
from udalib.recipes.zoo.quadmix.streets import PATCHES
from udalib.recipes.zoo.self_training.streets import SAMPLER
from udalib.recipes.zoo.streets import FLIP, NOT_CITYSCAPES, SIZE, world_presets, world_recipe

CLIPS, BATCH = 1000, 4
FRAMES = {"source": 2, "target": 3}
TWO_FRAMES = replace(NetworkSpec.of("streets"), two_frames=True)


def clip_stream(style: str) -> StreamSpec:
    """Training clips of a style, mirrored on the device."""
    dataset = DatasetSpec.of(f"streets/{style}", length=CLIPS, size=SIZE, frames=FRAMES[style])
    return StreamSpec(style, dataset, batch_size=BATCH, batch_transforms=(FLIP,))


def clip_evaluation(style: str) -> EvaluationSpec:
    """200 validation clips of three frames."""
    options = Options(length=200, size=SIZE, frames=3)
    return EvaluationSpec(style, DatasetSpec(f"streets/{style}", options, split="val"), batch_size=20, task="video")


def rare_stream() -> StreamSpec:
    """Stills of the source by Rare Class Sampling, one for each source clip."""
    dataset = DatasetSpec.of("streets/source", length=CLIPS, size=SIZE)
    return StreamSpec("rare", dataset, batch_size=BATCH, sampler=SAMPLER, batch_transforms=(FLIP,))


def clip_recipe(name: str, summary: str, method: MethodSpec, *streams: StreamSpec) -> Recipe:
    """Recipe on clips of the streets, from scratch."""
    recipe = world_recipe(f"streets-clips/{name}", summary, streams, method)
    presets = {key: dict(values) for key, values in world_presets(streams).items()}
    for stream in streams:
        presets["quick"][f"streams.{stream.name}.batch_size"] = 2
        presets["paper"][f"streams.{stream.name}.batch_size"] = 8
    presets["quick"]["train.iterations"] = 10
    evaluations = (clip_evaluation("target"), clip_evaluation("source"))
    return replace(recipe, network=TWO_FRAMES, evaluations=evaluations, presets=Options(presets))


def adapted(name: str, summary: str, method: MethodSpec) -> Recipe:
    """Adaptation to target clips, from the source-only run of the same seed."""
    recipe = clip_recipe(name, summary, method, SOURCE, TARGET, rare_stream())
    pixels = {"streams.rare.sampler.min_pixels": 48, "method.rare_pixels": 48, "train.iterations": 4000}
    presets = {**recipe.presets, "paper": {**recipe.presets["paper"], **pixels}}
    return replace(
        recipe,
        optimizer=replace(recipe.optimizer, lr=2e-3),
        schedule=ScheduleSpec.of("warmup_poly", power=0.9, warmup=20),
        train=replace(recipe.train, iterations=400),
        start=StartSpec("streets-clips/source-only"),
        presets=Options(presets),
    )


def video(**options: Any) -> MethodSpec:
    """QuadMix on clips."""
    return MethodSpec.of("quadmix-video", threshold=0.968, **PATCHES, **options)


SOURCE, TARGET = clip_stream("source"), clip_stream("target")
register(
    clip_recipe(
        "source-only",
        "Supervised on the last frames of source clips, tested on target clips: the lower reference.",
        MethodSpec.of("supervised"),
        SOURCE,
    )
)
ADAPTED = {
    "single-frame": (
        "QuadMix on the last frames of clips alone: every clip is an image.",
        MethodSpec.of("quadmix-dacs", **PATCHES),
    ),
    "quadmix-video": ("QuadMix on clips: labels carried by exact flow, two frames fused, aggregation.", video()),
    "quadmix-video-without-flow-guidance": (
        "QuadMix on clips whose pseudo labels are the frame's own, not carried from the frame before.",
        video(flow_guidance=False),
    ),
    "quadmix-video-without-aggregation": (
        "QuadMix on clips without the discrepancy of centroids.",
        video(lambda_mmd=0.0),
    ),
    "quadmix-video-without-templates": (
        "QuadMix on clips with templates of the next sample of the batch, not of a bank.",
        video(templates="batch"),
    ),
}
for _name, (_summary, _method) in ADAPTED.items():
    register(adapted(_name, _summary, _method))

register_comparison(
    Comparison(
        "streets-clips",
        recipes=("streets-clips/source-only", *(f"streets-clips/{name}" for name in ADAPTED)),
        baselines=("streets-clips/source-only", "streets-clips/single-frame", "streets-clips/quadmix-video"),
        seeds=(0, 1, 2, 3, 4),
        what="Clips of the embedded streets, 19 classes, in percent on 200 validation clips of each style: mIoU of the "
        "last frame, and its consistency with the frame before (mIoU of the two predictions along exact flow, on what "
        f"both frames show). {NOT_CITYSCAPES}",
        metrics=("target/miou", "target/temporal_consistency"),
    )
)
