"""DSCL on ImageNet-LT, iNaturalist 2018 and CIFAR-LT (dscl sheet, sections 5, 6 and 10).

The published code holds ImageNet-LT alone; its numbers are those of the supplement. Settings for iNaturalist 2018 and
CIFAR-LT were not released: theirs are ImageNet-LT's, scaled, and they carry no number. What differs from the published
training: views are cut on the device from the shorter-side-256 centre, bilinearly, not from the original file, and
precision is float32.
"""

from __future__ import annotations

from typing import Any

from udalib.engine.optim.build import OptimizerSpec
from udalib.recipes.spec.options import Options
from udalib.recipes.spec.specs import (
    DatasetSpec,
    DecoderSpec,
    EncoderSpec,
    NetworkSpec,
    Published,
    ScheduleSpec,
    TransformSpec,
)
from udalib.recipes.zoo.dscl.parts import LongTail, Stage, register_family

SUPPLEMENT = "supplementary material in the official repository"
COMPONENTS = f"{SUPPLEMENT}, table of components and imbalance"


def numbers(many: float, medium: float, few: float, everything: float) -> tuple[Published, ...]:
    """A row by number of training images."""
    values = {"accuracy": everything, "many": many, "medium": medium, "few": few}
    return tuple(Published(value, f"test/{key}", SUPPLEMENT) for key, value in values.items())


PUBLISHED = {
    "scl": numbers(61.6, 48.6, 30.3, 51.2),
    "dscl": numbers(63.4, 50.0, 31.4, 52.6),
    "pbsd": (Published(56.3, "test/accuracy", COMPONENTS),),
    "dscl-pbsd": (Published(57.7, "test/accuracy", COMPONENTS),),
}


def first(images: int, epochs: int, batch: int) -> Stage:
    """SGD at 0.1 for 256 images, 10 epochs of warm-up and a cosine; two hundred epochs as published."""
    epoch = -(-images // batch)
    optimizer = OptimizerSpec("sgd", lr=0.1 * batch / 256, momentum=0.9, weight_decay=5e-4)
    return Stage(epochs * epoch, batch, optimizer, ScheduleSpec.of("warmup_cosine", warmup=10 * epoch))


def second(images: int, batch: int, lr: float) -> Stage:
    """SGD in steps at epochs 20 and 30 of 40."""
    epoch = -(-images // batch)
    optimizer = OptimizerSpec("sgd", lr=lr, momentum=0.9, weight_decay=0.0)
    return Stage(40 * epoch, batch, optimizer, ScheduleSpec.of("warmup_steps", milestones=(20 * epoch, 30 * epoch)))


CONTRAST: dict[str, Any] = {"queue": 65536, "beta": 8.0, "official": True}
SHORT = TransformSpec.of("resize_short", size=256)
SQUARE = (SHORT, TransformSpec.of("centre_crop", size=(256, 256)))
CENTRE = (SHORT, TransformSpec.of("centre_crop", size=(224, 224)))


def tiny(limit: int, iterations: int) -> dict[str, Any]:
    """A few small pictures for a machine without a GPU."""
    return {
        "train.iterations": iterations,
        "train.log_every": 1,
        "network.encoder.name": "resnet18_zero",
        "streams.labelled.batch_size": 4,
        "streams.labelled.workers": 0,
        "streams.labelled.dataset.limit": limit,
        "evaluations.test.dataset.limit": limit,
        "evaluations.test.batch_size": 4,
    }


NETWORK = NetworkSpec.pair(EncoderSpec.of("resnet50_zero"), DecoderSpec.of("pooled"))
SMALL_CONTRAST = {"method.queue": 32, "method.patches": 2, "method.view": (64, 64), "method.patch_size": 64}


def photographs(family: str, test: str, space: str, images: int, published: dict[str, tuple[Published, ...]]) -> None:
    """Photographs at 224 pixels with the published two stages."""
    setup = LongTail(
        family=family,
        label_space=space,
        train=DatasetSpec(family.replace("-", "_")),
        test=DatasetSpec(family.replace("-", "_"), split=test),
        network=NETWORK,
        features=first(images, 200, 256),
        classifier=second(images, 2048, 10.0),
        baseline=first(images, 200, 256),
        contrast=CONTRAST,
        transforms=SQUARE,
        test_transforms=CENTRE,
        official=True,
        presets={"quick": tiny(8, 3), "laptop": tiny(200, 100)},
        feature_presets={"quick": SMALL_CONTRAST, "laptop": SMALL_CONTRAST},
        shortened=("quick", "laptop"),
        workers=8,
    )
    register_family(setup, published)


photographs("imagenet-lt", "test", "imagenet1000", 115_846, PUBLISHED)
photographs("inaturalist2018", "val", "inaturalist2018", 437_513, {})


def small_pictures(dataset: str, images: int) -> None:
    """CIFAR at imbalance 100, ``imbalance`` of both data sets chooses another; views and patches of 32 pixels."""
    options = Options(imbalance=100.0)
    contrast = {"queue": 4096, "beta": 8.0, "view": (32, 32), "patch_size": 16}
    setup = LongTail(
        family=f"{dataset}-lt100",
        label_space=dataset,
        train=DatasetSpec(dataset, options),
        test=DatasetSpec(dataset, options, split="test"),
        network=NetworkSpec.pair(EncoderSpec.of("streets"), DecoderSpec.of("pooled")),
        features=first(images, 200, 256),
        classifier=second(images, 256, 1.0),
        baseline=first(images, 200, 256),
        contrast=contrast,
        presets={
            preset: {key: value for key, value in tiny(limit, count).items() if key != "network.encoder.name"}
            for preset, limit, count in (("quick", 8, 3), ("laptop", 2000, 300))
        },
        feature_presets={"quick": {"method.queue": 32}, "laptop": {"method.queue": 512}},
        shortened=("quick", "laptop"),
    )
    register_family(setup)


for _dataset, _images in (("cifar10", 12_406), ("cifar100", 10_847)):
    small_pictures(_dataset, _images)
