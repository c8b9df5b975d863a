"""The embedded world: what a model loses between two styles of the same streets, and what simple means give back.

Set-up measured for a small network from scratch: AdamW 5e-3, weight decay 0.01, 100 iterations of warm-up, poly 0.9.
None of these numbers says anything about Cityscapes. ``paper`` means the size for a GPU: nobody has published these.
"""

from __future__ import annotations

from dataclasses import replace

from udalib.engine.config import TrainConfig
from udalib.engine.optim.build import OptimizerSpec
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
    TransformSpec,
)

SIZE = (64, 128)
TRAIN_IMAGES = {"source": 2000, "target": 1500}
FLIP = TransformSpec.of("flip")


def world_stream(style: str, *transforms: TransformSpec) -> StreamSpec:
    """Training stream named after its style; flips, then ``transforms``, on the device."""
    dataset = DatasetSpec.of(f"streets/{style}", length=TRAIN_IMAGES[style], size=SIZE)
    return StreamSpec(style, dataset, batch_size=8, batch_transforms=(FLIP, *transforms))


def world_evaluation(style: str) -> EvaluationSpec:
    """200 validation images of a style."""
    options = Options(length=200, size=SIZE)
    return EvaluationSpec(style, DatasetSpec(f"streets/{style}", options, split="val"), batch_size=20)


def world_presets(recipe_streams: tuple[StreamSpec, ...], paper_iterations: int = 8000) -> Options:
    """Presets of a streets recipe: everything smaller for ``quick``, 128 x 256 and batch 16 for ``paper``."""
    quick: dict[str, object] = {"train.iterations": 30, "train.log_every": 10, "schedule.warmup": 5}
    paper: dict[str, object] = {"train.iterations": paper_iterations, "train.evaluate_every": 1000}
    for stream in recipe_streams:
        quick[f"streams.{stream.name}.dataset.length"] = 32
        quick[f"streams.{stream.name}.batch_size"] = 4
        paper[f"streams.{stream.name}.dataset.size"] = (128, 256)
        paper[f"streams.{stream.name}.batch_size"] = 16
        paper[f"streams.{stream.name}.workers"] = 4
    for style in ("target", "source"):
        quick[f"evaluations.{style}.dataset.length"] = 8
        paper[f"evaluations.{style}.dataset.size"] = (128, 256)
    return Options(quick=quick, laptop={}, paper=paper)


def world_recipe(
    name: str, summary: str, streams: tuple[StreamSpec, ...], method: MethodSpec, iterations: int = 1000
) -> Recipe:
    """Recipe on the streets with the set-up above; evaluated on the target and, as a control, on the source style."""
    return Recipe(
        name=name,
        summary=summary,
        label_space="cityscapes19",
        streams=streams,
        network=NetworkSpec.of("streets"),
        method=method,
        optimizer=OptimizerSpec(kind="adamw", lr=5e-3, weight_decay=0.01),
        schedule=ScheduleSpec.of("warmup_poly", power=0.9, warmup=100),
        train=TrainConfig(iterations=iterations, channels_last=True),
        evaluations=(world_evaluation("target"), world_evaluation("source")),
        presets=world_presets(streams),
    )


WHAT = "The embedded streets, 19 classes, mIoU in percent on 200 validation images of each style"
NOT_CITYSCAPES = "These numbers say nothing about Cityscapes."
"""What the numbers of comparisons on the streets are, and are not."""

SOURCE_ONLY = register(
    world_recipe(
        "streets/source-only",
        "Supervised on the source style, tested on the target style: the lower reference.",
        (world_stream("source"),),
        MethodSpec.of("supervised"),
    )
)
register(
    world_recipe(
        "streets/jitter",
        "Source-only with colour jitter and blur: the baseline beside which every adaptation result stands.",
        (
            world_stream(
                "source",
                TransformSpec.of("jitter", brightness=0.4, contrast=0.4, saturation=0.4, hue=0.1),
                TransformSpec.of("blur"),
            ),
        ),
        MethodSpec.of("supervised"),
    )
)


def adabn() -> Recipe:
    """100 batches of the target for the BatchNorm statistics of the source-only model."""
    recipe = world_recipe(
        "streets/adabn",
        "The source-only model with BatchNorm statistics measured anew on unlabelled target images.",
        (world_stream("target"),),
        MethodSpec.of("adabn"),
        iterations=100,
    )
    quick = {**recipe.presets["quick"], "train.iterations": 10}
    paper = {**recipe.presets["paper"], "train.iterations": 200}
    return replace(recipe, start=StartSpec("streets/source-only"), presets=Options(quick=quick, laptop={}, paper=paper))


register(adabn())
register(
    world_recipe(
        "streets/oracle",
        "Supervised on labelled target images: the upper reference.",
        (world_stream("target"),),
        MethodSpec.of("supervised", stream="target"),
        iterations=1500,
    )
)
