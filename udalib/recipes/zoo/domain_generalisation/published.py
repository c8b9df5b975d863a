"""Pin the Memory from GTAV, SYNTHIA and IDD to real streets as published, and its baselines (pin_memory sheet, 4 to 6).

Kim et al., "Pin the Memory: Learning to Generalize Semantic Segmentation", CVPR 2022. Our sources quote no number of
the method, so its recipes answer to none; a person may add them from the paper. The only figures at hand are those of
RobustNet's extra table, a baseline in another training, at the joined recipe on GTAV and ResNet-101.

``memory-*`` are ``official``: Gumbel noise always, in predictions too, and the strong view for the first source always.
A single source is named twice. Lengths are the published ones: epochs of 743 iterations, one more than asked for, and
for three sources the 150 that the code falls back to because its table has them in another order (92 were meant). A
baseline runs as long as the method on the same sources, which our sources do not state.

What differs from the published protocol:

 - Images are scaled bilinearly (Pillow's bicubic there), padded at the bottom and right with the mean colour (all
   around with black), and an epoch visits every image of a domain (random ones there). GTAV is its train split, as for
   the published ResNet-50; the split is the data set's own manifest's.
 - The blur is not rounded to 8 bits.
 - Scores are of whole images at one scale, as in the published validation; its stand-alone script adds windows of 768
   and flips. Mapillary is resized to fit 1536 x 2048 and not cropped.
 - The horizon of the learning rate, 120000 iterations, begins after the memory's initialisation.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from udalib.engine.config import TrainConfig
from udalib.engine.optim.build import OptimizerSpec
from udalib.recipes.registry import register
from udalib.recipes.spec.options import Options
from udalib.recipes.spec.specs import (
    DatasetSpec,
    DecoderSpec,
    EncoderSpec,
    EvaluationSpec,
    NetworkSpec,
    Published,
    ScheduleSpec,
    StreamSpec,
    TransformSpec,
    WeightsSpec,
)
from udalib.recipes.zoo.domain_generalisation.parts import SetUp, recipe_of

EPOCH = 743
CROP = (768, 768)
HORIZON = 120_000
WEIGHTS = {50: "resnet50-0676ba61.pth", 101: "resnet101-63fe2227.pth"}
KINDS = ("joined", "joined-memory", "meta-learning", "memory", "memory-second-order")
TARGETS = ("cityscapes", "bdd100k", "mapillary", "idd")
ROBUSTNET = {"cityscapes/miou": 30.06, "bdd100k/miou": 24.85, "mapillary/miou": 31.50}


@dataclass(frozen=True)
class Sources:
    """Source domains and the length of training on them.

    Attributes:
        title: in words.
        streams: stream name to data set, in the published order.
        epochs: number of epochs by depth of the ResNet.
    """

    title: str
    streams: dict[str, str]
    epochs: dict[int, int]


SOURCES = {
    "gta-dg": Sources("GTAV, named twice", {"gta": "gta5", "again": "gta5"}, {50: 31, 101: 151}),
    "gta-synthia-dg": Sources("GTAV and SYNTHIA", {"gta": "gta5", "synthia": "synthia"}, {50: 41, 101: 95}),
    "gta-synthia-idd-dg": Sources(
        "GTAV, SYNTHIA and IDD", {"gta": "gta5", "synthia": "synthia", "idd": "idd"}, {50: 151}
    ),
}


def network(depth: int) -> NetworkSpec:
    """DeepLab-v3+ on ResNet-50, DeepLab-v2 on ResNet-101 (the published v3+ on ResNet-101 cannot run)."""
    names = {50: ("resnet50_d16", "pin_v3plus"), 101: ("resnet101_caffe_d8_rgb", "pin_v2")}
    encoder, decoder = names[depth]
    return NetworkSpec.pair(
        EncoderSpec(encoder), DecoderSpec(decoder), align_corners=True, weights=WeightsSpec(WEIGHTS[depth])
    )


def domain(name: str, dataset: str) -> StreamSpec:
    """Labelled crops of one source; colours are the method's business."""
    geometry = (
        TransformSpec.of("random_scale", low=0.5, high=2.0),
        TransformSpec.of("crop", size=CROP),
        TransformSpec.of("pad", size=CROP),
    )
    flip = TransformSpec.of("flip")
    return StreamSpec(name, DatasetSpec(dataset), 4, sample_transforms=geometry, batch_transforms=(flip,), workers=4)


def target(name: str) -> EvaluationSpec:
    """Validation images of a domain that is no source."""
    resize = (TransformSpec.of("resize", size=(1536, 2048), keep_ratio=True),) if name == "mapillary" else ()
    return EvaluationSpec(name, DatasetSpec(name, split="val"), batch_size=1, transforms=resize)


def small_presets(sources: Sources, targets: tuple[str, ...]) -> dict[str, dict[str, Any]]:
    """``quick`` and ``laptop`` for a machine without a GPU."""
    decoder = {"channels": 64, "auxiliary_channels": 64}
    small: dict[str, Any] = {"network.weights": None, **{f"network.decoder.{k}": v for k, v in decoder.items()}}
    for name in sources.streams:
        place = f"streams.{name}"
        small |= {f"{place}.workers": 0, f"{place}.batch_size": 2}
        small |= {f"{place}.sample_transforms.{key}.size": (96, 96) for key in ("crop", "pad")}
    quick = {**small, "train.iterations": 3, "train.log_every": 1}
    quick |= {f"streams.{name}.dataset.limit": 4 for name in sources.streams}
    quick |= {f"evaluations.{name}.dataset.limit": 2 for name in targets}
    laptop = {**small, "train.iterations": 100}
    laptop |= {f"evaluations.{name}.dataset.limit": 20 for name in targets}
    return {"quick": quick, "laptop": laptop}


def set_up(family: str, depth: int) -> SetUp:
    """The published training."""
    sources = SOURCES[family]
    targets = tuple(name for name in TARGETS if name not in sources.streams)
    return SetUp(
        family=family,
        title=f"{sources.title} to real streets, ResNet-{depth}",
        label_space="cityscapes19",
        streams=tuple(domain(name, dataset) for name, dataset in sources.streams.items()),
        network=network(depth),
        optimizer=OptimizerSpec("sgd", lr=0.01, momentum=0.9, weight_decay=5e-4),
        schedule=ScheduleSpec.of("exponential", total=HORIZON, decay=9.0, delay=0),
        train=TrainConfig(iterations=sources.epochs[depth] * EPOCH, checkpoint_every=EPOCH),
        evaluations=tuple(target(name) for name in targets),
        init=2 * EPOCH,
        options=Options(official=True),
        presets=small_presets(sources, targets),
        init_by_preset={"quick": 1, "laptop": 10},
    )


def numbers(family: str, depth: int, kind: str) -> tuple[Published, ...]:
    """What others published of the baseline on GTAV with ResNet-101."""
    if (family, depth, kind) != ("gta-dg", 101, "joined"):
        return ()
    note = (
        "RobustNet's baseline, in its own training, mean of three runs: not this recipe's setting. Of the same table: "
        "IBN-Net 33.63 / 33.30 / 36.50 and ISW 37.09 / 35.37 / 38.50 on Cityscapes / BDD100K / Mapillary"
    )
    where = "RobustNet's extra table, as an early README of Pin the Memory carried it (ResNet-101, stride 8)"
    return tuple(Published(value, metric, where, note) for metric, value in ROBUSTNET.items())


for _family, _sources in SOURCES.items():
    for _depth in _sources.epochs:
        for _kind in KINDS:
            _setup = set_up(_family, _depth)
            register(recipe_of(_setup, _kind, f"{_kind}-r{_depth}", numbers(_family, _depth, _kind)))
