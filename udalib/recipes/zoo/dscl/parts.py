"""What the long-tailed recipes share: cross-entropy in one stage; SCL, DSCL, and DSCL with PBSD in two."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from udalib.engine.config import TrainConfig
from udalib.engine.optim.build import OptimizerSpec
from udalib.recipes.registry import register
from udalib.recipes.spec.options import Options
from udalib.recipes.spec.specs import (
    DatasetSpec,
    EvaluationSpec,
    MethodSpec,
    NetworkSpec,
    Published,
    Recipe,
    SamplerSpec,
    ScheduleSpec,
    StartSpec,
    StreamSpec,
    TransformSpec,
)

KINDS: dict[str, tuple[str, dict[str, Any]]] = {
    "scl": ("supervised contrast", {"positives": "alike", "patch_weight": 0.0}),
    "dscl": ("decoupled contrast", {"patch_weight": 0.0}),
    "pbsd": ("supervised contrast and patch-based self-distillation", {"positives": "alike"}),
    "dscl-pbsd": ("decoupled contrast and patch-based self-distillation", {}),
}
FLIP = TransformSpec.of("flip")
SHORT: dict[str, dict[str, Any]] = {
    "warmup_cosine": {"schedule.warmup": 1},
    "warmup_steps": {"schedule.milestones": (), "schedule.warmup": 0},
}
"""Schedules of a run of a few iterations."""


@dataclass(frozen=True)
class Stage:
    """How long and how a stage trains.

    Attributes:
        iterations: of it.
        batch: images an iteration.
        optimizer, schedule: of it.
    """

    iterations: int
    batch: int
    optimizer: OptimizerSpec
    schedule: ScheduleSpec


@dataclass(frozen=True)
class LongTail:
    """A long-tailed set and how everything is trained on it.

    Attributes:
        family: beginning of the recipes' names.
        label_space: of its classes.
        train, test: its parts.
        network: a pair, of which the encoder matters.
        features, classifier: the two stages.
        baseline: the one stage of cross-entropy.
        contrast: options of the method "dscl".
        transforms: on each sample in training.
        test_transforms: in the evaluation.
        official: statistics of the second stage as published.
        presets: preset to overrides of all recipes.
        feature_presets: of those of the first stage, besides.
        workers: loader processes.
        shortened: presets too short for warm-ups and milestones that count epochs.
    """

    family: str
    label_space: str
    train: DatasetSpec
    test: DatasetSpec
    network: NetworkSpec
    features: Stage
    classifier: Stage
    baseline: Stage
    contrast: Mapping[str, Any]
    transforms: tuple[TransformSpec, ...] = ()
    test_transforms: tuple[TransformSpec, ...] = ()
    official: bool = False
    presets: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    feature_presets: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    workers: int = 0
    shortened: tuple[str, ...] = ("quick",)


def register_family(setup: LongTail, published: Mapping[str, tuple[Published, ...]] | None = None) -> None:
    """Register cross-entropy and both stages of every kind; ``published`` by the name after the family."""
    numbers = published or {}
    summary = "Cross-entropy in one stage, images as they come: the lower reference of long tails."
    method = MethodSpec.of("classification")
    register(_recipe(setup, "cross-entropy", summary, setup.baseline, method, numbers))
    for kind, (title, options) in KINDS.items():
        first = MethodSpec.of("dscl", **{**setup.contrast, **options})
        name, summary = f"{kind}-features", f"Stage 1, features by {title}; scored by a vote of the queue."
        features = _recipe(setup, name, summary, setup.features, first, numbers)
        register(_with(features, setup.feature_presets))
        second = MethodSpec.of("linear-classifier", **({"official": True} if setup.official else {}))
        summary = f"Stage 2, a linear layer, sampled by class, on features by {title}."
        linear = _recipe(setup, kind, summary, setup.classifier, second, numbers)
        balanced = replace(linear.streams[0], sampler=SamplerSpec("class_balanced"))
        start = StartSpec(f"{setup.family}/{name}", part="encoder")
        register(replace(linear, streams=(balanced,), start=start))


def _recipe(
    setup: LongTail,
    name: str,
    summary: str,
    stage: Stage,
    method: MethodSpec,
    published: Mapping[str, tuple[Published, ...]],
) -> Recipe:
    # Stage 1 makes its own views; the others see flipped pictures.
    flips = () if method.name == "dscl" else (FLIP,)
    stream = StreamSpec(
        "labelled",
        setup.train,
        stage.batch,
        sample_transforms=setup.transforms,
        batch_transforms=flips,
        workers=setup.workers,
    )
    evaluation = EvaluationSpec(
        "test", setup.test, batch_size=100, sample_transforms=setup.test_transforms, task="long-tail"
    )
    return Recipe(
        name=f"{setup.family}/{name}",
        summary=summary,
        label_space=setup.label_space,
        streams=(stream,),
        network=setup.network,
        method=method,
        optimizer=stage.optimizer,
        schedule=stage.schedule,
        train=TrainConfig(iterations=stage.iterations, monitor="test/accuracy"),
        evaluations=(evaluation,),
        published=published.get(name, ()),
        presets=Options({preset: _preset(setup, stage, preset) for preset in ("quick", "laptop", "paper")}),
    )


def _preset(setup: LongTail, stage: Stage, preset: str) -> dict[str, Any]:
    short = SHORT[stage.schedule.name] if preset in setup.shortened else {}
    return {**setup.presets.get(preset, {}), **short}


def _with(recipe: Recipe, more: Mapping[str, Mapping[str, Any]]) -> Recipe:
    return replace(recipe, presets=Options({p: {**v, **more.get(p, {})} for p, v in recipe.presets.items()}))
