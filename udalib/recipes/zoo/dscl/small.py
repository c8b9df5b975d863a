"""Long tails for a laptop: crops of the streets' things, and photographs of CIFAR-10, by all four kinds of training.

What differs from the published setting beside the size: a small residual network, two small patches, a key encoder with
momentum 0.99 (0.999 would hardly move in so few iterations), a queue of about the training set, AdamW in place of SGD.
Many, medium and few are those of the data sets: above a half and below a tenth of the largest class on the streets,
above 1000 and below 100 pictures on CIFAR-10.
"""

from __future__ import annotations

from typing import Any

from udalib.engine.optim.build import OptimizerSpec
from udalib.recipes.comparisons import Comparison, register_comparison
from udalib.recipes.spec.options import Options
from udalib.recipes.spec.specs import (
    DatasetSpec,
    DecoderSpec,
    EncoderSpec,
    NetworkSpec,
    ScheduleSpec,
)
from udalib.recipes.zoo.dscl.parts import LongTail, Stage, register_family
from udalib.recipes.zoo.streets import NOT_CITYSCAPES

NETWORK = NetworkSpec.pair(EncoderSpec.of("streets"), DecoderSpec.of("pooled"))
METRICS = ("test/accuracy", "test/many", "test/medium", "test/few")


def stage(iterations: int, batch: int, lr: float, warmup: int) -> Stage:
    """AdamW along a cosine."""
    optimizer = OptimizerSpec("adamw", lr=lr, weight_decay=0.01)
    return Stage(iterations, batch, optimizer, ScheduleSpec.of("warmup_cosine", warmup=warmup))


def contrast(queue: int) -> dict[str, Any]:
    """Options of stage 1 for pictures of 32 pixels."""
    return {"dim": 64, "queue": queue, "momentum": 0.99, "temperature": 0.1, "beta": 8.0, "view": (32, 32)} | {
        "patches": 2,
        "patch_size": 16,
    }


QUICK: dict[str, Any] = {
    "train.iterations": 12,
    "train.log_every": 3,
    "streams.labelled.batch_size": 16,
}

register_family(
    LongTail(
        family="streets-crops",
        label_space="cityscapes_things",
        train=DatasetSpec("streets/crops", Options(largest=500, imbalance=50.0, size=(32, 32))),
        test=DatasetSpec(
            "streets/crops", Options(largest=50, train_largest=500, imbalance=50.0, size=(32, 32)), split="val"
        ),
        network=NETWORK,
        features=stage(600, 64, 2e-3, 50),
        classifier=stage(200, 64, 1e-2, 10),
        baseline=stage(800, 64, 2e-3, 50),
        contrast=contrast(1024),
        presets={
            "quick": {
                **QUICK,
                "streams.labelled.dataset.largest": 50,
                "streams.labelled.dataset.imbalance": 10.0,
                "evaluations.test.dataset.largest": 5,
                "evaluations.test.dataset.train_largest": 50,
                "evaluations.test.dataset.imbalance": 10.0,
            },
            "paper": {"train.iterations": 4000, "train.evaluate_every": 1000},
        },
        feature_presets={"quick": {"method.queue": 64}},
    )
)
register_family(
    LongTail(
        family="cifar10-lt",
        label_space="cifar10",
        train=DatasetSpec("cifar10_lt"),
        test=DatasetSpec("cifar10_lt", split="test"),
        network=NETWORK,
        features=stage(1500, 128, 2e-3, 100),
        classifier=stage(300, 128, 1e-2, 10),
        baseline=stage(1800, 128, 2e-3, 100),
        contrast=contrast(8192),
        presets={
            "quick": {
                **QUICK,
                "streams.labelled.dataset.limit": 200,
                "evaluations.test.dataset.limit": 20,
            },
            "paper": {"train.iterations": 20000, "train.evaluate_every": 2000},
        },
        feature_presets={"quick": {"method.queue": 64}},
    )
)

for _family, _seeds, _what in (
    ("streets-crops", (0, 1, 2, 3, 4), "Crops of the streets' things, ten classes, imbalance 50, 500 test pictures"),
    ("cifar10-lt", (0, 1, 2), "CIFAR-10 with a long tail, imbalance 100, 2000 test pictures"),
):
    register_comparison(
        Comparison(
            _family,
            recipes=tuple(f"{_family}/{kind}" for kind in ("cross-entropy", "scl", "dscl", "dscl-pbsd")),
            baselines=(f"{_family}/cross-entropy", f"{_family}/scl"),
            seeds=_seeds,
            what=f"{_what}: top-1 in percent over all, many-, medium- and few-shot classes. {NOT_CITYSCAPES}"
            if _family.startswith("streets")
            else f"{_what}: top-1 in percent over all, many-, medium- and few-shot classes.",
            metrics=METRICS,
        )
    )
