"""What the recipes of ELN and its baselines share: networks, and one recipe for each way to use unlabelled images."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from udalib.engine.config import TrainConfig
from udalib.engine.optim.build import OptimizerSpec
from udalib.recipes.spec.options import Options
from udalib.recipes.spec.specs import (
    EvaluationSpec,
    MethodSpec,
    NetworkSpec,
    Published,
    Recipe,
    SamplerSpec,
    ScheduleSpec,
    StartSpec,
    StreamSpec,
)

KINDS = {
    "eln": "ELN: pseudo labels that an error localisation network accepts, and pixel contrast.",
    "threshold": "Pseudo labels above a confidence threshold and pixel contrast: ELN's stage 2 without ELN.",
    "s-ecn": "Pseudo labels that an error correction network has gone over, and pixel contrast.",
    "supervised": "The labelled part alone: the lower reference of the semi-supervised recipes.",
    "control": "The labelled part alone for as long as the semi-supervised recipes, from where they start.",
}
METHODS = {"eln": "eln", "threshold": "confidence-threshold", "s-ecn": "s-ecn"}


def partition(part: str, denominator: int) -> SamplerSpec:
    """Order of the items of one part; one image in ``denominator`` is labelled."""
    return SamplerSpec.of("partition", part=part, denominator=denominator)


def small_judge(channels: int = 32) -> dict[str, Any]:
    """Options of a judge for small images, from random weights."""
    shape = {"eln_blocks": (1, 1, 1, 1), "eln_width": 16, "eln_channels": channels, "eln_rates": (2, 4, 6)}
    return {**shape, "eln_backbone_lr_mult": 1.0}


def and_localization(evaluation: EvaluationSpec) -> tuple[EvaluationSpec, EvaluationSpec]:
    """``evaluation`` of segmentation, and how well a method finds its own errors on the same images."""
    return evaluation, replace(evaluation, name="localization", task="error_localization")


@dataclass(frozen=True)
class SetUp:
    """All that the recipes on one set of labelled images have in common.

    Attributes:
        label_space: of the classes.
        streams: labelled, then unlabelled images.
        network: the student.
        optimizer: of the student.
        schedule: of the learning rates.
        train: length and so on.
        evaluations: labelled images.
        pretrain: iterations on labels alone.
        judge: iterations of stage 1.
        host: options that all semi-supervised methods take.
        judged: options of those with a judge.
        presets: overrides by preset, those of the semi-supervised methods' options left out.
        phases: (pretrain, judge) by preset, where they differ.
        start: recipe whose network the training goes on from; None = from the network's own weights.
    """

    label_space: str
    streams: tuple[StreamSpec, StreamSpec]
    network: NetworkSpec
    optimizer: OptimizerSpec
    schedule: ScheduleSpec
    train: TrainConfig
    evaluations: tuple[EvaluationSpec, ...]
    pretrain: int
    judge: int
    host: Mapping[str, Any]
    judged: Mapping[str, Any]
    presets: Mapping[str, Mapping[str, Any]]
    phases: Mapping[str, tuple[int, int]]
    start: str | None = None


def recipe_of(
    setup: SetUp,
    name: str,
    kind: str,
    published: tuple[Published, ...] = (),
    more: Mapping[str, Mapping[str, Any]] | None = None,
) -> Recipe:
    """The recipe ``name`` that trains by ``kind`` of :data:`KINDS`; ``more`` are overrides by preset for it alone."""
    semi = kind in METHODS
    presets = {preset: dict(setup.presets.get(preset, {})) for preset in ("quick", "laptop", "paper")}
    for preset, values in presets.items():
        if semi:
            values |= _phase_options(kind, *setup.phases.get(preset, (setup.pretrain, setup.judge)))
            values |= (more or {}).get(preset, {})
        else:
            presets[preset] = {k: v for k, v in values.items() if not k.startswith("streams.unlabelled.")}
    options = {**setup.host, **(setup.judged if kind in ("eln", "s-ecn") else {})} if semi else {}
    method = MethodSpec.of(METHODS[kind], **options) if semi else MethodSpec.of("supervised", stream="labelled")
    return Recipe(
        name=name,
        summary=KINDS[kind],
        label_space=setup.label_space,
        streams=setup.streams if semi else setup.streams[:1],
        network=setup.network,
        method=_in_phases(method, kind, setup),
        optimizer=setup.optimizer,
        schedule=setup.schedule,
        train=setup.train,
        evaluations=setup.evaluations,
        published=published,
        start=None if setup.start is None else StartSpec(setup.start),
        presets=Options(presets),
    )


def _in_phases(method: MethodSpec, kind: str, setup: SetUp) -> MethodSpec:
    if kind not in METHODS:
        return method
    phases = _phase_options(kind, setup.pretrain, setup.judge)
    named = {key.removeprefix("method."): value for key, value in phases.items()}
    return replace(method, options=Options({**method.options, **named}))


def _phase_options(kind: str, pretrain: int, judge: int) -> dict[str, Any]:
    """Stage 2 begins at the same iteration with and without a judge."""
    if kind == "threshold":
        return {"method.pretrain_iterations": pretrain + judge}
    return {"method.pretrain_iterations": pretrain, "method.eln_iterations": judge}
