"""TinyPerson as in the paper of CFPT, as far as our sources tell it (cfpt sheet, 4.2).

Pieces of 640 x 512 that share 30 % of a side, one a batch, the schedule of the repository's stray configuration (50 000
iterations, warm-up 500). What is to be ignored is painted over in training. Tests search whole pictures in the same
pieces and merge them.

Differences and gaps: the paper trains and tests at several scales, these recipes at one; the learning rate is that of
VisDrone, since none is stated; the rate falls polynomially, not in two steps (35 000 and 45 000). No published number
is attached: the article has GFL 41.8 -> 44.2 and FSAF 42.5 -> 44.5 with CFPT, and which AP these are is lost in our
sources.
"""

from __future__ import annotations

from udalib.engine.config import TrainConfig
from udalib.engine.evaluation.pieces import boxed_windows
from udalib.engine.optim.build import OptimizerSpec
from udalib.recipes.registry import register
from udalib.recipes.spec.options import Options
from udalib.recipes.spec.specs import DatasetSpec, EvaluationSpec, InferenceSpec, Recipe, ScheduleSpec
from udalib.recipes.zoo.small_objects.parts import NO_DECAY, boxes_stream, small_recipe
from udalib.recipes.zoo.small_objects.visdrone import detector

PIECE = (512, 640)
ITERATIONS = 50_000
SMALL = (128, 192)
"""Pieces of the presets for a machine without a GPU."""


def presets() -> Options:
    """Small pieces, and few of them, without a GPU."""
    small: dict[str, object] = {
        "train.precision": "32-true",
        "network.weights": None,
        "streams.labelled.workers": 0,
        "streams.labelled.dataset.piece": SMALL,
        "evaluations.test.inference.crop": SMALL,
        "evaluations.test.inference.stride": boxed_windows(SMALL).stride,
    }
    quick = {**small, "train.iterations": 4, "train.log_every": 1, "schedule.warmup": 2}
    quick |= {"streams.labelled.dataset.limit": 8, "evaluations.test.dataset.limit": 2}
    return Options(
        quick=quick,
        laptop={**small, "train.iterations": 200, "schedule.warmup": 50, "evaluations.test.dataset.limit": 20},
        paper={},
    )


def tinyperson(head: str, neck: str) -> Recipe:
    """One head and neck on ResNet-50."""
    return small_recipe(
        f"tinyperson/{head}-{neck}-r50",
        f"{head} head, neck {neck}, ResNet-50, on TinyPerson in pieces.",
        "tinyperson1",
        boxes_stream(DatasetSpec.of("tinyperson", piece=PIECE, overlap=0.3), 1, workers=4),
        EvaluationSpec(
            "test",
            DatasetSpec("tinyperson", split="test"),
            batch_size=1,
            inference=InferenceSpec.of("sliding", crop=PIECE, stride=boxed_windows(PIECE).stride),
            task="tiny_detection",
        ),
        detector(head, neck, 50),
        optimizer=OptimizerSpec(kind="sgd", lr=0.0025, momentum=0.9, weight_decay=1e-4, rules=NO_DECAY),
        schedule=ScheduleSpec.of("warmup_poly", power=0.9, warmup=500, ratio=1e-3),
        train=TrainConfig(
            iterations=ITERATIONS, evaluate_every=10_000, clip=10.0, precision="16-mixed", monitor="test/ap50_tiny"
        ),
        start=None,
        presets=presets(),
    )


for _head in ("gfl", "fsaf"):
    for _neck in ("fpn", "cfpt"):
        register(tinyperson(_head, _neck))
