"""Domain generalisation on photographs that fit on a laptop: two drives of CamVid seen, two not.

Trained on 0006R0 and 0016E5, both by day; tested at dusk (0001TP) and on another drive by day (Seq05VD). Network and
training are those of the house's other recipes on CamVid; nobody has published numbers for this set-up.
"""

from __future__ import annotations

from typing import Any

from udalib.engine.config import TrainConfig
from udalib.engine.optim.build import OptimizerSpec, Rule
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

SIZE, FULL_SIZE = (180, 240), (360, 480)
RESIZE = TransformSpec.of("resize", size=SIZE)
DRIVES = ("0006R0", "0016E5")
KINDS = ("joined", "joined-strong", "joined-memory", "memory", "memory-second-order")


def drive(name: str) -> StreamSpec:
    """Training frames of one drive, resized and flipped."""
    return StreamSpec(
        name,
        DatasetSpec.of("camvid", domain=name),
        4,
        sample_transforms=(RESIZE,),
        batch_transforms=(TransformSpec.of("flip"),),
    )


def unseen(name: str, domain: str) -> EvaluationSpec:
    """Test frames of a domain, predicted at the training size."""
    return EvaluationSpec(name, DatasetSpec("camvid", Options(domain=domain), split="test"), transforms=(RESIZE,))


def camvid() -> SetUp:
    """MobileNetV2 with ImageNet weights and frozen BatchNorm; everything behind it is new."""
    evaluations = (unseen("target", "dusk"), unseen("day", "control"))
    quick: dict[str, Any] = {"train.iterations": 4, "train.log_every": 2, "schedule.warmup": 2}
    paper: dict[str, Any] = {"train.iterations": 6000, "train.evaluate_every": 1000}
    for name in DRIVES:
        quick |= {f"streams.{name}.batch_size": 2, f"streams.{name}.dataset.limit": 4}
        paper |= {f"streams.{name}.sample_transforms.resize.size": FULL_SIZE, f"streams.{name}.workers": 2}
    for evaluation in evaluations:
        quick[f"evaluations.{evaluation.name}.dataset.limit"] = 2
        paper[f"evaluations.{evaluation.name}.transforms.resize.size"] = FULL_SIZE
    decoder = DecoderSpec.of("pin_v3plus", channels=64, rates=(2, 4, 6), low_channels=24, auxiliary_channels=64)
    encoder = EncoderSpec.of("timm:mobilenetv2_100", pretrained=True, freeze_bn=True)
    return SetUp(
        family="camvid-dg",
        title="CamVid, two drives by day to dusk and to another drive",
        label_space="camvid11",
        streams=tuple(drive(name) for name in DRIVES),
        network=NetworkSpec.pair(encoder, decoder, align_corners=True),
        optimizer=OptimizerSpec("adamw", lr=4e-3, weight_decay=0.01, rules=(Rule("encoder", lr_mult=0.1),)),
        schedule=ScheduleSpec.of("warmup_poly", power=0.9, warmup=30),
        train=TrainConfig(iterations=300, channels_last=True),
        evaluations=evaluations,
        init=20,
        options=Options(),
        presets={"quick": quick, "paper": paper},
        init_by_preset={"quick": 2, "paper": 200},
    )


for _kind in KINDS:
    register(recipe_of(camvid(), _kind))
register_comparison(
    Comparison(
        "camvid-dg",
        recipes=tuple(f"camvid-dg/{kind}" for kind in KINDS),
        baselines=tuple(f"camvid-dg/{kind}" for kind in ("joined", "joined-strong", "memory")),
        seeds=(0, 1, 2),
        what="CamVid, 11 classes, trained on 0006R0 (101 frames) and 0016E5 (204), mIoU in percent, predicted at "
        "180 x 240. target: 62 test frames at dusk (0001TP); day: 171 of another drive by day (Seq05VD); neither is "
        "trained on. Nobody has published numbers for this set-up.",
        metrics=("target/miou", "day/miou"),
    )
)
