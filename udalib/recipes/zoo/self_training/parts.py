"""What the self-training recipes on the streets and on CamVid share: the ladder from naive self-training to MIC.

Each rung differs from another in one thing, so that the difference of their scores is what that thing does.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from udalib.recipes.spec.options import Options
from udalib.recipes.spec.specs import MethodSpec, Recipe, SamplerSpec, StartSpec, StreamSpec

NAIVE: dict[str, Any] = {"mix": "none", "threshold": None, "alpha": 0.0, "jitter_probability": 0.0}
NAIVE |= {"blur_probability": 0.0}
SUMMARIES = {
    "self-training": "Naive self-training: the network's own labels for target images, all of them, at once.",
    "self-training-threshold": "Self-training, each batch weighted by its share of confident pixels.",
    "self-training-ema": "Self-training with a mean teacher, weighted by confidence.",
    "self-training-mix": "Self-training with a mean teacher and ClassMix.",
    "dacs": "DACS: a mean teacher, ClassMix, jitter and blur of the mixed images.",
    "dacs-rcs": "DACS with Rare Class Sampling of the source images.",
    "dacs-rcs-no-warmup": "DACS with Rare Class Sampling, without the warm-up of the learning rate.",
    "dacs-rcs-pretrained": "DACS with Rare Class Sampling from a pretrained encoder: the control of DAFormer.",
    "daformer": "DAFormer's training: DACS, Rare Class Sampling, warm-up, feature distance.",
    "mic-no-holes": "MIC's control: its third pass on whole target images, DACS with Rare Class Sampling for the rest.",
    "mic": "MIC: DACS with Rare Class Sampling and masked image consistency.",
}


@dataclass(frozen=True)
class Rung:
    """One recipe of the ladder.

    Attributes:
        method: its method and options.
        rare_classes: whether source images are drawn by Rare Class Sampling.
        warmup: False sets the schedule's warm-up to 0.
        start: run whose encoder it starts from.
        followed: evaluated every tenth of the training, to see when each class is learned.
    """

    method: MethodSpec
    rare_classes: bool = False
    warmup: bool = True
    start: str | None = None
    followed: bool = False


def ladder(pretraining: str | None, feature_distance: Mapping[str, Any], mask_block: int) -> dict[str, Rung]:
    """Rungs by name; ``pretraining`` is the run that gives encoders, None where all networks start pretrained."""
    plain = MethodSpec.of("dacs")
    daformer = MethodSpec.of("daformer", alpha=0.99, **feature_distance)
    masks: dict[str, Any] = {"alpha": 0.99, "lambda_fd": 0.0, "mask_block": mask_block}
    rungs = {
        "self-training": Rung(MethodSpec.of("dacs", **NAIVE)),
        "self-training-threshold": Rung(MethodSpec.of("dacs", **{**NAIVE, "threshold": 0.968})),
        "self-training-ema": Rung(MethodSpec.of("dacs", **{**NAIVE, "threshold": 0.968, "alpha": 0.99})),
        "self-training-mix": Rung(MethodSpec.of("dacs", jitter_probability=0.0, blur_probability=0.0)),
        "dacs": Rung(plain, followed=True),
        "dacs-rcs": Rung(plain, rare_classes=True, followed=True),
        "dacs-rcs-no-warmup": Rung(plain, rare_classes=True, warmup=False),
        "daformer": Rung(daformer, rare_classes=True, start=pretraining),
        "mic-no-holes": Rung(MethodSpec.of("mic", **masks, mask_ratio=0.0), rare_classes=True),
        "mic": Rung(MethodSpec.of("mic", **masks), rare_classes=True),
    }
    if pretraining is not None:
        rungs["dacs-rcs-pretrained"] = Rung(plain, rare_classes=True, start=pretraining)
    return rungs


def self_trained(
    source_only: Recipe,
    name: str,
    rung: Rung,
    target: StreamSpec,
    sampler: SamplerSpec,
    presets: Mapping[str, Mapping[str, Any]],
) -> Recipe:
    """The recipe of ``rung`` in the set-up of ``source_only``, with unlabelled ``target`` images beside its source.

    ``presets`` are what the source-only presets lack for the target stream and, with Rare Class Sampling, its options.
    """
    source = source_only.streams[0]
    source = replace(source, sampler=sampler) if rung.rare_classes else source
    schedule, train = source_only.schedule, source_only.train
    scaled = {preset: {**source_only.presets[preset], **presets.get(preset, {})} for preset in source_only.presets}
    if not rung.warmup:
        schedule = replace(schedule, options=Options({**schedule.options, "warmup": 0}))
        scaled = {preset: {**values, "schedule.warmup": 0} for preset, values in scaled.items()}
    if not rung.rare_classes:
        scaled = {p: {k: v for k, v in values.items() if ".sampler." not in k} for p, values in scaled.items()}
    return replace(
        source_only,
        name=f"{source_only.name.split('/')[0]}/{name}",
        summary=SUMMARIES[name],
        streams=(source, target),
        method=rung.method,
        schedule=schedule,
        train=replace(train, evaluate_every=train.iterations // 10) if rung.followed else train,
        start=None if rung.start is None else StartSpec(rung.start, "encoder"),
        presets=Options(scaled),
    )
