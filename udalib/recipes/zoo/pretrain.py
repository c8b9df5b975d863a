"""Encoders pretrained on pictures of the embedded world's own making: where ``StartSpec(..., part="encoder")`` starts.

``pretrain/streets-things`` takes the place that ImageNet has for photographs: ten classes of things, in looks that are
those of no style. At every preset it is the start run for the same preset and seed of another recipe, which changes
the presets of that one, not of this.
"""

from __future__ import annotations

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
    StreamSpec,
    TransformSpec,
)

SIZE = (40, 40)
TRAIN, VAL = "streams.labelled", "evaluations.things"

STREETS_THINGS = register(
    Recipe(
        name="pretrain/streets-things",
        summary="Encoder of the streets network, trained to name single things in random looks.",
        label_space="cityscapes_things",
        streams=(
            StreamSpec(
                "labelled",
                DatasetSpec.of("streets/things", length=6000, size=SIZE),
                batch_size=32,
                batch_transforms=(TransformSpec.of("flip"),),
            ),
        ),
        network=NetworkSpec.of("streets"),
        method=MethodSpec.of("classification"),
        optimizer=OptimizerSpec(kind="adamw", lr=5e-3, weight_decay=0.01),
        schedule=ScheduleSpec.of("warmup_poly", power=0.9, warmup=50),
        train=TrainConfig(iterations=700, channels_last=True, monitor="things/accuracy"),
        evaluations=(
            EvaluationSpec(
                "things",
                DatasetSpec("streets/things", Options(length=1000, size=SIZE), split="val"),
                batch_size=100,
                task="classification",
            ),
        ),
        presets=Options(
            quick={
                "train.iterations": 30,
                "train.log_every": 10,
                "schedule.warmup": 5,
                f"{TRAIN}.dataset.length": 200,
                f"{VAL}.dataset.length": 100,
            },
            laptop={},
            paper={
                "train.iterations": 4000,
                "train.evaluate_every": 1000,
                f"{TRAIN}.dataset.length": 40000,
                f"{TRAIN}.dataset.size": (64, 64),
                f"{TRAIN}.batch_size": 64,
                f"{TRAIN}.workers": 4,
                f"{VAL}.dataset.size": (64, 64),
            },
        ),
    )
)
