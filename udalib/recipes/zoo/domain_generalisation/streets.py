"""Domain generalisation on the drawn streets: three looks of the game seen, the photograph in all weathers unseen.

Trained on "source", "evening" and "overcast", tested on "target", "night", "fog" and "rain". The five recipe pairs
``streets-dg-without-STYLE`` leave one of the five older styles out and train on the other four. Nobody has published
numbers for this set-up. Against the published setting: a small network from scratch, AdamW with the rates of the
house's recipes on the same data, 20 iterations for the memory's initialisation.
"""

from __future__ import annotations

from typing import Any

from udalib.engine.config import TrainConfig
from udalib.engine.optim.build import OptimizerSpec
from udalib.recipes.comparisons import Comparison, register_comparison
from udalib.recipes.registry import register
from udalib.recipes.spec.options import Options
from udalib.recipes.spec.specs import (
    DatasetSpec,
    DecoderSpec,
    EncoderSpec,
    EvaluationSpec,
    NetworkSpec,
    ScheduleSpec,
    StreamSpec,
    TransformSpec,
)
from udalib.recipes.zoo.domain_generalisation.parts import SetUp, recipe_of
from udalib.recipes.zoo.streets import NOT_CITYSCAPES

SIZE, LARGE = (64, 128), (128, 256)
SEEN = ("source", "evening", "overcast")
UNSEEN = ("target", "night", "fog", "rain")
STYLES = ("source", "target", "night", "fog", "rain")
FLIP = TransformSpec.of("flip")


def network() -> NetworkSpec:
    """The streets' encoder with a small DeepLab-v3+ and a memory of 64 channels."""
    decoder = DecoderSpec.of(
        "pin_v3plus", channels=64, rates=(2, 4, 6), low_level=1, low_channels=16, auxiliary_channels=64
    )
    return NetworkSpec.pair(EncoderSpec("streets"), decoder, align_corners=True)


def style_stream(name: str, style: str, batch_size: int = 4) -> StreamSpec:
    """Labelled images of a style, flipped; colours are the method's business."""
    dataset = DatasetSpec.of(f"streets/{style}", length=1000, size=SIZE)
    return StreamSpec(name, dataset, batch_size, batch_transforms=(FLIP,))


def style_evaluation(name: str, style: str) -> EvaluationSpec:
    """200 validation images of a style."""
    options = Options(length=200, size=SIZE)
    return EvaluationSpec(name, DatasetSpec(f"streets/{style}", options, split="val"), batch_size=20)


def set_up(family: str, title: str, streams: tuple[StreamSpec, ...], evaluations: tuple[EvaluationSpec, ...]) -> SetUp:
    """Training on ``streams``, from scratch."""
    quick: dict[str, Any] = {"train.iterations": 10, "train.log_every": 2, "schedule.warmup": 2}
    paper: dict[str, Any] = {"train.iterations": 8000, "train.evaluate_every": 1000}
    for stream in streams:
        place = f"streams.{stream.name}"
        quick |= {f"{place}.dataset.length": 32, f"{place}.batch_size": 2}
        paper |= {f"{place}.dataset.size": LARGE, f"{place}.batch_size": 8, f"{place}.workers": 2}
    for evaluation in evaluations:
        quick[f"evaluations.{evaluation.name}.dataset.length"] = 4
        paper[f"evaluations.{evaluation.name}.dataset.size"] = LARGE
    return SetUp(
        family=family,
        title=title,
        label_space="cityscapes19",
        streams=streams,
        network=network(),
        optimizer=OptimizerSpec("adamw", lr=5e-3, weight_decay=0.01),
        schedule=ScheduleSpec.of("warmup_poly", power=0.9, warmup=50),
        train=TrainConfig(iterations=800, channels_last=True),
        evaluations=evaluations,
        init=20,
        options=Options(),
        presets={"quick": quick, "paper": paper},
        init_by_preset={"quick": 2, "paper": 200},
    )


THREE = set_up(
    "streets-dg",
    "Three looks of the game to four unseen styles",
    tuple(style_stream(style, style) for style in SEEN),
    tuple(style_evaluation(style, style) for style in (*UNSEEN, "source")),
)
ONE = set_up(
    "streets-dg",
    "One look of the game, named twice, to four unseen styles",
    tuple(style_stream(name, "source", 6) for name in ("source", "again")),
    THREE.evaluations,
)
WHOLE = ("joined", "joined-strong", "joined-memory", "meta-learning", "memory", "memory-second-order")
ABLATIONS = ("memory-no-read", "memory-no-divergence", "memory-gumbel")
for _kind in (*WHOLE, *ABLATIONS):
    register(recipe_of(THREE, _kind))
for _kind in ("joined", "joined-strong", "memory"):
    register(recipe_of(ONE, _kind, f"one-source-{_kind}"))

METRICS = tuple(f"{style}/miou" for style in (*UNSEEN, "source"))
WHAT = (
    "The embedded streets, 19 classes, mIoU in percent on 200 validation images of each style. target, night, fog and "
    "rain are never trained on; source is, and serves as a control. joined-strong has the colour jitter that meta-test "
    f"domains get, so that a difference to it is not the augmentation's. {NOT_CITYSCAPES}"
)
TABLES = {
    "streets-dg": (WHOLE, ("joined", "joined-strong", "memory")),
    "streets-dg-ablation": (("memory", *ABLATIONS), ("memory",)),
    "streets-dg-one-source": (
        tuple(f"one-source-{kind}" for kind in ("joined", "joined-strong", "memory")),
        tuple(f"one-source-{kind}" for kind in ("joined", "joined-strong")),
    ),
}
"""Recipes and baselines of each table."""
for _table, (_recipes, _baselines) in TABLES.items():
    register_comparison(
        Comparison(
            _table,
            recipes=tuple(f"streets-dg/{name}" for name in _recipes),
            baselines=tuple(f"streets-dg/{name}" for name in _baselines),
            seeds=(0, 1, 2, 3, 4),
            what=WHAT,
            metrics=METRICS,
        )
    )

for _style in STYLES:
    _family = f"streets-dg-without-{_style}"
    _rest = tuple(style_stream(f"seen-{style}", style, 3) for style in STYLES if style != _style)
    _title = f"Four styles of the streets, tested on the fifth, {_style}"
    for _kind in ("joined", "memory"):
        register(recipe_of(set_up(_family, _title, _rest, (style_evaluation("target", _style),)), _kind))
    register_comparison(
        Comparison(
            _family,
            recipes=(f"{_family}/joined", f"{_family}/memory"),
            baselines=(f"{_family}/joined",),
            seeds=(0, 1, 2, 3, 4),
            what=f"The embedded streets, 19 classes, trained on all of {', '.join(STYLES)} but {_style}; target/miou: "
            f"mIoU in percent on 200 validation images of {_style}. {NOT_CITYSCAPES}",
        )
    )
