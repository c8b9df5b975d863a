"""GKGNet and its baselines without a download: which things a street shows; and on 126 real photographs.

Group k-NN has the parameters and the cost of plain k-NN, and the networks beside it are of about its size:
0.50 million parameters (0.36 without label nodes), 0.48 for the convolutional network and 0.48 for the transformer.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from udalib.engine.config import TrainConfig
from udalib.engine.optim.build import OptimizerSpec
from udalib.recipes.comparisons import Comparison, register_comparison
from udalib.recipes.registry import get_recipe, register
from udalib.recipes.spec.options import Options
from udalib.recipes.spec.specs import (
    DatasetSpec,
    DecoderSpec,
    EncoderSpec,
    EvaluationSpec,
    MethodSpec,
    NetworkSpec,
    Recipe,
    ScheduleSpec,
    StreamSpec,
)
from udalib.recipes.zoo.gkgnet.parts import FLIP, adamw, photographs, small_presets
from udalib.recipes.zoo.streets import NOT_CITYSCAPES

SIZE = (64, 128)


def graph(**options: Any) -> NetworkSpec:
    """GKGNet of three stages."""
    return NetworkSpec("gkgnet", Options(variant="streets", size=SIZE, k=4, k_label=4, drop_path=0.0, **options))


def pooled(encoder: EncoderSpec) -> NetworkSpec:
    """An encoder and a linear layer on the mean of its last feature."""
    return NetworkSpec.pair(encoder, DecoderSpec.of("pooled"))


VIT = EncoderSpec.of("timm:vit_tiny_patch16_224", img_size=SIZE, patch_size=8, embed_dim=96, depth=4, num_heads=3)
ROWS: dict[str, tuple[str, NetworkSpec]] = {
    "streets/gkgnet": ("GKGNet: patch and label graphs, group k-NN with two groups.", graph()),
    "streets/gkgnet-knn": ("The same network with plain k-NN in both graphs.", graph(groups=1)),
    "streets/gkgnet-patch": ("Patch graphs with group k-NN alone, pooled: no label nodes.", graph(cross=False)),
    "streets/gkgnet-cnn": ("A residual network of about the same size, pooled.", pooled(EncoderSpec.of("streets"))),
    "streets/gkgnet-vit": ("A vision transformer of about the same size, pooled.", pooled(VIT)),
}


def street_recipe(name: str, summary: str, network: NetworkSpec) -> Recipe:
    """Ten classes of things, 2000 training and 400 validation pictures of the target style."""
    stream = StreamSpec("labelled", data("train", 2000), batch_size=16, batch_transforms=(FLIP,))
    quick = {
        "train.iterations": 20,
        "train.log_every": 5,
        "schedule.warmup": 3,
        "streams.labelled.dataset.length": 64,
        "streams.labelled.batch_size": 8,
        "evaluations.streets.dataset.length": 32,
    }
    paper = {
        "train.iterations": 8000,
        "train.evaluate_every": 1000,
        "streams.labelled.dataset.length": 8000,
        "streams.labelled.batch_size": 64,
        "streams.labelled.workers": 4,
    }
    return Recipe(
        name=name,
        summary=summary,
        label_space="cityscapes_things",
        streams=(stream,),
        network=network,
        method=MethodSpec.of("multi-label"),
        optimizer=adamw(2e-3),
        schedule=ScheduleSpec.of("warmup_poly", power=0.9, warmup=50),
        train=TrainConfig(iterations=600, clip=5.0, monitor="streets/map"),
        evaluations=(EvaluationSpec("streets", data("val", 400), batch_size=50, task="multi-label"),),
        presets=Options(quick=quick, laptop={}, paper=paper),
    )


def data(split: str, length: int) -> DatasetSpec:
    """Pictures of the target style with the things they show."""
    return DatasetSpec("streets/classes", Options(style="target", length=length, size=SIZE), split=split)


for _name, (_summary, _network) in ROWS.items():
    register(street_recipe(_name, _summary, _network))


def coco128() -> Recipe:
    """126 training photographs, ten classes: a running check, not a measurement."""
    recipe = photographs(
        "coco128/gkgnet",
        summary="GKGNet from random weights on 126 photographs, the classes that 8 of them show.",
        dataset="coco128",
        splits=("train", "val"),
        label_space="coco128_frequent",
        network=NetworkSpec("gkgnet", Options(variant="t", size=128, k=4, k_label=4)),
        size=128,
        batch=16,
        images=126,
        epochs=40,
    )
    presets = small_presets(size=64, k=1)
    presets["quick"] |= {"network.k_label": 1}
    presets["laptop"] = {"schedule.milestones": (200,), "schedule.warmup": 20, "train.evaluate_every": None}
    presets["laptop"] |= {"streams.labelled.workers": 0}
    return replace(recipe, presets=Options({**presets, "paper": {}}))


register(coco128())


def things(groups: int) -> Recipe:
    """The pretraining of the streets' encoder with a small ViG in its place."""
    base, size = get_recipe("pretrain/streets-things"), (48, 48)
    encoder = EncoderSpec.of("vig_streets", size=size, k=4, groups=groups, drop_path=0.0)
    stream = replace(base.streams[0], dataset=DatasetSpec.of("streets/things", length=6000, size=size))
    options = Options(length=1000, size=size)
    evaluation = replace(base.evaluations[0], dataset=DatasetSpec("streets/things", options, split="val"))
    paper = {"train.iterations": 4000, "train.evaluate_every": 1000, "streams.labelled.dataset.length": 40000}
    return replace(
        base,
        name=f"pretrain/streets-things-vig-{'group-knn' if groups > 1 else 'knn'}",
        summary=f"A small ViG with {'group ' if groups > 1 else 'plain '}k-NN, trained to name single things.",
        streams=(stream,),
        network=pooled(encoder),
        optimizer=OptimizerSpec("adamw", lr=2e-3, weight_decay=0.05),
        evaluations=(evaluation,),
        presets=Options({**base.presets, "paper": paper}),
    )


for _groups in (1, 2):
    register(things(_groups))

register_comparison(
    Comparison(
        "streets-gkgnet",
        recipes=tuple(ROWS)[::-1],
        baselines=("streets/gkgnet-cnn", "streets/gkgnet-knn"),
        seeds=(0, 1, 2, 3, 4),
        what=f"The embedded streets: which of ten things a picture shows, mAP in percent on 400 pictures. "
        f"{NOT_CITYSCAPES}",
        metrics=("streets/map", "streets/cf1", "streets/of1"),
    )
)
