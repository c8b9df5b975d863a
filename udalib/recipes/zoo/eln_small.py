"""ELN and what it is compared with where a CPU is enough: the drawn streets, and CamVid's photographs.

All kinds go on, equally long, from the network that was trained on the labelled images alone ("supervised"), which is
the published pre-training, made once; stage 2 begins at the same iteration with and without a judge. What longer
training does by itself is the difference between "control" and "supervised". Logits have stride 4, as published; the
method is the corrected one (``official=False``). Beyond the published setting: learning rates and schedule are in the
range of the house's recipes on the same data; the teacher follows faster, since training is short; on the streets the
recoloured view is fainter; the localisation network is small; the gates' factors alpha are 5 and 10, because the main
loss is still about a third when stage 1 begins, and 20 times that is more than ln C, the loss of a decoder that knows
nothing: its gate would not open.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
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
    Recipe,
    ScheduleSpec,
    StreamSpec,
    TransformSpec,
)
from udalib.recipes.zoo.eln_parts import SetUp, and_localization, partition, recipe_of, small_judge
from udalib.recipes.zoo.streets import NOT_CITYSCAPES

NAMES = ("labelled", "unlabelled")
ALPHAS = (5.0, 10.0)
FLIP = TransformSpec.of("flip")
SIZE = (64, 128)
IMAGES = 480
VAL = DatasetSpec("streets/source", Options(length=200, size=SIZE), split="val")
# On the streets colours are the classes' own: the published view (0.4, hue 0.1, grey 0.2) made the threshold
# (42.4, fainter 47.4) and ELN (43.5, 48.9) worse on seed 5, which no result uses.
FAINT = {"brightness": 0.2, "contrast": 0.2, "saturation": 0.2, "hue": 0.02, "grey": 0.0}
SCORED = ("val", "localization")


def streets(denominator: int) -> SetUp:
    """480 drawn scenes of the source style, of which one in ``denominator`` has labels; from scratch."""
    dataset = DatasetSpec.of("streets/source", length=IMAGES, size=SIZE)
    labelled, unlabelled = (
        StreamSpec(name, dataset, 4, sampler=partition(name, denominator), batch_transforms=(FLIP,)) for name in NAMES
    )
    decoder = DecoderSpec.of("seg_proj", channels=48, rates=(2, 4, 6), low_level=1, low_channels=16, embedding=32)
    quick: dict[str, Any] = {"train.iterations": 12, "train.log_every": 4, "schedule.warmup": 2}
    quick |= {f"evaluations.{name}.dataset.length": 8 for name in SCORED}
    paper: dict[str, Any] = {"train.iterations": 8000, "train.evaluate_every": 1000}
    paper |= {f"evaluations.{name}.dataset.size": (128, 256) for name in SCORED}
    for name in NAMES:
        place = f"streams.{name}"
        quick |= {f"{place}.dataset.length": 32, f"{place}.batch_size": 2, f"{place}.sampler.cover_classes": False}
        paper |= {f"{place}.dataset.size": (128, 256), f"{place}.batch_size": 16, f"{place}.workers": 4}
    return SetUp(
        label_space="cityscapes19",
        streams=(labelled, unlabelled),
        network=NetworkSpec.pair(EncoderSpec("streets"), decoder, align_corners=True),
        optimizer=OptimizerSpec("adamw", lr=5e-3, weight_decay=0.01),
        schedule=ScheduleSpec.of("warmup_poly", power=0.9, warmup=50),
        train=TrainConfig(iterations=800, channels_last=True),
        evaluations=and_localization(EvaluationSpec("val", VAL, batch_size=20)),
        pretrain=0,
        judge=120,
        host={"contrast_window": 8, "alpha": 0.97, **FAINT},
        judged={**small_judge(), "alphas": ALPHAS},
        presets={"quick": quick, "paper": paper},
        phases={"quick": (0, 3), "paper": (0, 1500)},
    )


def camvid(denominator: int) -> SetUp:
    """CamVid's 367 training frames, one in ``denominator`` with labels; ImageNet's MobileNetV2, frozen BatchNorm."""
    size, full = (180, 240), (360, 480)
    resize = TransformSpec.of("resize", size=size)
    labelled, unlabelled = (
        StreamSpec(
            name,
            DatasetSpec("camvid", Options(labels=name == "labelled")),
            4,
            sampler=partition(name, denominator),
            sample_transforms=(resize,),
            batch_transforms=(FLIP,),
        )
        for name in NAMES
    )
    encoder = EncoderSpec.of("timm:mobilenetv2_100", pretrained=True, freeze_bn=True)
    decoder = DecoderSpec.of("seg_proj", channels=64, rates=(2, 4, 6), low_channels=24, embedding=32)
    quick: dict[str, Any] = {"train.iterations": 6, "train.log_every": 2, "schedule.warmup": 2}
    quick |= {f"evaluations.{name}.dataset.limit": 4 for name in ("test", "localization")}
    paper: dict[str, Any] = {"train.iterations": 6000, "train.evaluate_every": 1000}
    paper |= {f"evaluations.{name}.transforms.resize.size": full for name in ("test", "localization")}
    for name in NAMES:
        place = f"streams.{name}"
        quick |= {f"{place}.dataset.limit": 16, f"{place}.batch_size": 2, f"{place}.sampler.cover_classes": False}
        paper |= {f"{place}.sample_transforms.resize.size": full, f"{place}.workers": 4}
    return SetUp(
        label_space="camvid11",
        streams=(labelled, unlabelled),
        network=NetworkSpec.pair(encoder, decoder, align_corners=True),
        optimizer=OptimizerSpec("adamw", lr=4e-3, weight_decay=0.01, rules=(Rule("encoder", lr_mult=0.1),)),
        schedule=ScheduleSpec.of("warmup_poly", power=0.9, warmup=30),
        train=TrainConfig(iterations=300, channels_last=True),
        evaluations=and_localization(
            EvaluationSpec("test", DatasetSpec("camvid", split="test"), transforms=(resize,)),
        ),
        pretrain=0,
        judge=60,
        host={"contrast_window": 12, "alpha": 0.97},
        judged={**small_judge(), "alphas": ALPHAS},
        presets={"quick": quick, "paper": paper},
        phases={"quick": (0, 2), "paper": (0, 1200)},
    )


def onward(setup: SetUp, start: str, iterations: Mapping[str, int], lr: float) -> SetUp:
    """Training that goes on from ``start`` for ``iterations`` (by preset), from the learning rate ``lr``."""
    presets = {
        preset: {**setup.presets.get(preset, {}), "train.iterations": count} for preset, count in iterations.items()
    }
    return replace(
        setup,
        start=start,
        optimizer=replace(setup.optimizer, lr=lr),
        judged={**setup.judged, "eln_lr": setup.optimizer.lr},
        presets=presets,
    )


STREETS = onward(streets(8), "streets/supervised-1_8", {"quick": 8, "laptop": 500, "paper": 6000}, 2e-3)
ABLATIONS: dict[str, tuple[str, dict[str, Any]]] = {
    "no-decoders": ("without auxiliary decoders: it learns from the main decoder's errors alone", {"alphas": ()}),
    "one-decoder": ("with one auxiliary decoder", {"alphas": ALPHAS[:1]}),
    "three-decoders": ("with a third auxiliary decoder", {"alphas": (*ALPHAS, 20.0)}),
    "published-alphas": ("with the published factors of the gates", {"alphas": (20.0, 50.0)}),
    "no-pseudo": ("without the cross-entropy to pseudo labels", {"lambda_pseudo": 0.0}),
    "no-contrast": ("without the contrastive loss", {"lambda_contrast": 0.0}),
}
"""What each ablation of "streets/eln-1_8" changes, in words and in options of the method."""


def ablation(name: str) -> Recipe:
    """The recipe of one of :data:`ABLATIONS`."""
    words, changes = ABLATIONS[name]
    whole = recipe_of(STREETS, f"streets/eln-1_8-{name}", "eln")
    method = replace(whole.method, options=Options({**whole.method.options, **changes}))
    return replace(whole, summary=f"ELN {words}.", method=method)


register(recipe_of(streets(8), "streets/supervised-1_8", "supervised"))
for _kind in ("control", "threshold", "s-ecn", "eln"):
    register(recipe_of(STREETS, f"streets/{_kind}-1_8", _kind))
for _name in ABLATIONS:
    register(ablation(_name))
for _denominator in (8, 4):
    _start = f"camvid/supervised-1_{_denominator}"
    register(recipe_of(camvid(_denominator), _start, "supervised"))
    _onward = onward(camvid(_denominator), _start, {"quick": 4, "laptop": 200, "paper": 4000}, 1e-3)
    for _kind in ("control", "threshold", "eln"):
        register(recipe_of(_onward, f"camvid/{_kind}-1_{_denominator}", _kind))

LOCALIZED = ("localization/f1", "localization/average_precision")
LOCALIZATION = (
    "localization/f1: of wrong pixels on the same images, mean over images; rejected are those that the method's own "
    "judge or threshold rejects (supervised and control: soft-max up to 0.9). localization/average_precision: of its "
    "probability that a pixel is wrong, over all pixels."
)
WHAT = (
    "The embedded streets, source style, 19 classes, 60 of 480 images labelled; val/miou: 200 held-out images. "
    f"{LOCALIZATION} {NOT_CITYSCAPES}"
)
WHOLE = "streets/eln-1_8"
TABLES = {
    "streets-eln": (
        tuple(f"streets/{kind}-1_8" for kind in ("supervised", "control", "threshold", "s-ecn", "eln")),
        tuple(f"streets/{kind}-1_8" for kind in ("supervised", "control", "threshold")),
    ),
    "streets-eln-ablation": ((WHOLE, *(f"{WHOLE}-{name}" for name in ABLATIONS)), (WHOLE,)),
}
"""Recipes and baselines of each table on the streets."""
for _table, (_recipes, _baselines) in TABLES.items():
    register_comparison(
        Comparison(_table, _recipes, _baselines, (0, 1, 2, 3, 4), WHAT, metrics=("val/miou", *LOCALIZED))
    )
register_comparison(
    Comparison(
        "camvid-eln",
        recipes=tuple(f"camvid/{kind}-1_{d}" for d in (8, 4) for kind in ("control", "threshold", "eln")),
        baselines=tuple(f"camvid/{kind}-1_{d}" for d in (8, 4) for kind in ("control", "threshold")),
        seeds=(0, 1, 2),
        what="CamVid, 11 classes, one training frame in 8 or in 4 labelled (367 in all); test/miou: 233 test frames, "
        f"predicted at 180 x 240, student. {LOCALIZATION} Nobody has published numbers for this set-up.",
        metrics=("test/miou", *LOCALIZED),
    )
)
