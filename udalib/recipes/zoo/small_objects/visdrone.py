"""The published setting on VisDrone2019-DET, and its numbers (cfpt sheet, 3 and 5).

Differences from the published pipeline: images are resized to one size, 832 x 1344, of which the longer side of most
needs a little stretching; the photometric augmentation on normalised images is left out; the rate falls
polynomially, not in two steps. The ImageNet weights are torchvision's first files; which were used our sources do not
say. AFPN is built from one line of our sources, so its published number is not held against it.
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
    NetworkSpec,
    Published,
    Recipe,
    ScheduleSpec,
    TransformSpec,
    WeightsSpec,
)
from udalib.recipes.zoo.small_objects.parts import NECKS, NO_DECAY, boxes_stream, small_recipe

FIGURE = "CFPT repository, performance plot of its README, read off to about 0.1"
LOG = "CFPT repository, training log of the retrained weights"
AP = {
    "none": (15.8, 18.1, 18.0),
    "fpn": (18.1, 21.0, 21.6),
    "pafpn": (18.2, 21.2, 21.9),
    "cfpt": (20.0, 22.2, 22.6),
}
RETRAINED = {
    18: {"ap": 20.0, "ap50": 35.3, "ap75": 19.8, "ap_small": 10.2, "ap_medium": 31.6, "ap_large": 39.8},
    50: {"ap": 22.4, "ap50": 38.1, "ap75": 23.2, "ap_small": 11.5, "ap_medium": 35.2, "ap_large": 43.3},
    101: {"ap": 22.6, "ap50": 38.7, "ap75": 23.3, "ap_small": 11.9, "ap_medium": 35.4, "ap_large": 43.7},
}
WEIGHTS = {18: "resnet18-f37072fd.pth", 50: "resnet50-0676ba61.pth", 101: "resnet101-63fe2227.pth"}
DEPTHS = tuple(WEIGHTS)
EPOCH = 16178
"""Iterations of two images: five passes over 6 471 pictures."""
SIZE = (832, 1344)
RESIZE = TransformSpec.of("resize", size=SIZE)


def published(neck: str, depth: int) -> tuple[Published, ...]:
    """The numbers that RetinaNet with ``neck`` answers to."""
    if neck not in AP:
        return ()
    figure = Published(AP[neck][DEPTHS.index(depth)], "val/ap", FIGURE)
    if neck != "cfpt":
        return (figure,)
    return (figure, *(Published(v, f"val/{k}", LOG) for k, v in RETRAINED[depth].items()))


def presets() -> Options:
    """Small pictures and few of them without a GPU."""
    small: dict[str, object] = {
        "train.precision": "32-true",
        "network.weights": None,
        "streams.labelled.workers": 0,
        "streams.labelled.sample_transforms.resize.size": (128, 192),
        "evaluations.val.transforms.resize.size": (128, 192),
    }
    quick = {**small, "train.iterations": 4, "train.log_every": 1, "schedule.warmup": 2}
    quick |= {"streams.labelled.dataset.limit": 4, "evaluations.val.dataset.limit": 2}
    laptop = {**small, "train.iterations": 200, "schedule.warmup": 50, "evaluations.val.dataset.limit": 50}
    return Options(quick=quick, laptop=laptop, paper={})


def detector(head: str, neck: str, depth: int) -> NetworkSpec:
    """The published detector; the quirks of the published CFPT are on."""
    network = NetworkSpec.of("detector", encoder=f"resnet{depth}", neck=neck, head=head, official=neck == "cfpt")
    return replace(network, weights=WeightsSpec(WEIGHTS[depth]))


def visdrone(head: str, neck: str, depth: int, numbers: tuple[Published, ...]) -> Recipe:
    """12 published epochs of RetinaNet, 15 of GFL."""
    iterations = EPOCH * (12 if head == "retina" else 15)
    return small_recipe(
        f"visdrone/{head}-{neck}-r{depth}",
        f"{head} head, neck {neck}, ResNet-{depth}, on VisDrone2019-DET.",
        "visdrone10",
        boxes_stream(DatasetSpec.of("visdrone"), 2, RESIZE, workers=4),
        EvaluationSpec(
            "val", DatasetSpec("visdrone", split="val"), batch_size=1, transforms=(RESIZE,), task="detection"
        ),
        detector(head, neck, depth),
        optimizer=OptimizerSpec(kind="sgd", lr=0.0025, momentum=0.9, weight_decay=1e-4, rules=NO_DECAY),
        schedule=ScheduleSpec.of("warmup_poly", power=0.9, warmup=500, ratio=1e-3),
        train=TrainConfig(
            iterations=iterations, evaluate_every=3 * EPOCH, clip=10.0, precision="16-mixed", monitor="val/ap"
        ),
        start=None,
        published=numbers,
        presets=presets(),
    )


for _depth in DEPTHS:
    for _neck in NECKS:
        register(visdrone("retina", _neck, _depth, published(_neck, _depth)))
    for _neck in ("fpn", "cfpt"):
        register(visdrone("gfl", _neck, _depth, ()))
