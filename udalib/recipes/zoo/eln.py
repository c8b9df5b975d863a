"""ELN on PASCAL VOC and Cityscapes as published, and the same networks on the labelled part alone (eln sheet, 4, 5, 7).

Kwon & Kwak, "Semi-supervised Semantic Segmentation with Error Localization Network", CVPR 2022. Published numbers are
those that our sources confirm by search results; for the other settings of the paper there is no number here. What
differs from the published protocol:

 - VOC: the published lists (``8_labeled_0.txt``, ...) are read as splits; published numbers are means over the lists 0,
   1 and 2: set ``streams.labelled.dataset.split`` and ``streams.unlabelled.dataset.split``. Images are resized before
   the division by 255 and rounded to 8 bits. ``val`` scores labels at their own size; ``val505``, the published
   protocol, resizes them to 505 x 505 as well.
 - Cityscapes: the names of the published lists are not in our sources. A part of the same size (371 of 2975, 743, 1487)
   in which every class occurs is drawn; ``streams.labelled.sampler.list_file``, and that of ``unlabelled``, read one.
 - Precision: float32, the published code trains in float16 with loss scaling (``train.precision=16-mixed``).

The weights to start from are torchvision's ImageNet files; our sources do not say which were used.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from udalib.engine.config import TrainConfig
from udalib.engine.optim.build import OptimizerSpec, Rule
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
from udalib.recipes.zoo.eln_parts import SetUp, partition, recipe_of, small_judge

EPOCH = 266
WEIGHTS = {50: "resnet50-0676ba61.pth", 101: "resnet101-63fe2227.pth"}
JUDGE_WEIGHTS = "resnet34-b627a593.pth"
VOC_SIZE = (505, 505)
FLIP = TransformSpec.of("flip")
SEARCH = "search result: a benchmark page that lists the paper"
INFERRED = "the column of the backbone is inferred; mean over three lists"

NUMBERS = {
    "voc/eln-r50-1_8": Published(73.2, "val505/miou", f"{SEARCH} (73.2 and 75.10 for this ratio)", INFERRED),
    "voc/eln-r101-1_8": Published(75.10, "val505/miou", "search results: two pages that list the paper", INFERRED),
    "voc/eln-r101-1_4": Published(76.6, "val505/miou", SEARCH, INFERRED),
    "cityscapes/eln-r50-1_8": Published(70.33, "val/miou", SEARCH),
    "cityscapes/eln-r50-1_4": Published(73.52, "val/miou", SEARCH),
}


def network(depth: int) -> NetworkSpec:
    """DeepLab-v3+ on a multi-grid ResNet, with the projection head."""
    encoder, decoder = EncoderSpec.of(f"resnet{depth}_multigrid"), DecoderSpec.of("seg_proj", embedding=128)
    return NetworkSpec.pair(encoder, decoder, align_corners=True, weights=WeightsSpec(WEIGHTS[depth]))


def set_up(
    label_space: str,
    depth: int,
    streams: tuple[StreamSpec, StreamSpec],
    evaluations: tuple[EvaluationSpec, ...],
    phases: tuple[int, int],
    presets: dict[str, dict[str, Any]],
) -> SetUp:
    """The published training; ``phases`` in epochs."""
    return SetUp(
        label_space=label_space,
        streams=streams,
        network=network(depth),
        optimizer=OptimizerSpec("adamw", lr=1e-4, weight_decay=1e-5, rules=(Rule("encoder", lr_mult=0.1),)),
        schedule=ScheduleSpec("constant"),
        train=TrainConfig(iterations=500 * EPOCH, evaluate_every=10 * EPOCH, checkpoint_every=10 * EPOCH),
        evaluations=evaluations,
        pretrain=phases[0] * EPOCH,
        judge=phases[1] * EPOCH,
        host={"official": True},
        judged={"eln_weights": JUDGE_WEIGHTS},
        presets=presets,
        phases={"quick": (1, 1), "laptop": (60, 20)},
    )


def small_presets(size: str, crop: tuple[int, int], scored: tuple[str, ...]) -> dict[str, dict[str, Any]]:
    """``quick`` and ``laptop`` for a machine without a GPU.

    ``size`` is the transform that fixes the training size, ``scored`` the names of the evaluations.
    """
    small: dict[str, Any] = {"network.weights": None, "network.decoder.channels": 64}
    small |= {f"streams.{name}.sample_transforms.{size}.size": crop for name in ("labelled", "unlabelled")}
    small |= {f"streams.{name}.batch_size": 2 for name in ("labelled", "unlabelled")}
    small |= {f"streams.{name}.workers": 0 for name in ("labelled", "unlabelled")}
    small |= {f"evaluations.{name}.batch_size": 1 for name in scored}
    quick = {**small, "train.iterations": 3, "train.log_every": 1}
    quick |= {f"evaluations.{name}.dataset.limit": 2 for name in scored}
    laptop = {**small, "train.iterations": 120}
    laptop |= {f"evaluations.{name}.dataset.limit": 20 for name in scored}
    return {"quick": quick, "laptop": laptop}


SMALL = {f"method.{key}": value for key, value in {**small_judge(), "contrast_window": 12}.items()}
SMALL |= {"method.eln_weights": None}
MORE: dict[str, dict[str, Any]] = {"quick": SMALL, "laptop": SMALL}


def voc(depth: int, denominator: int) -> SetUp:
    """List 0 of 1 / ``denominator`` of trainaug, every image resized to 505 x 505."""
    resize = TransformSpec.of("resize", size=VOC_SIZE)
    labelled, unlabelled = (
        StreamSpec(name, dataset, 6, sample_transforms=(resize,), batch_transforms=(FLIP,), workers=4)
        for name, dataset in (
            ("labelled", DatasetSpec("voc2012", split=f"{denominator}_labeled_0")),
            ("unlabelled", DatasetSpec("voc2012", Options(labels=False), split=f"{denominator}_unlabeled_0")),
        )
    )
    val = EvaluationSpec("val", DatasetSpec("voc2012", split="val"), batch_size=4, transforms=(resize,))
    official = replace(val, name="val505", label_size=VOC_SIZE)
    presets = small_presets("resize", (97, 97), ("val", "val505"))
    for preset in presets.values():
        preset |= {f"evaluations.{name}.transforms.resize.size": (97, 97) for name in ("val", "val505")}
    presets["quick"] |= {f"streams.{name}.dataset.limit": 4 for name in ("labelled", "unlabelled")}
    return set_up("voc21", depth, (labelled, unlabelled), (val, official), (70, 50), presets)


def cityscapes(depth: int, denominator: int) -> SetUp:
    """1 / ``denominator`` of train; random crops of 512 x 1024."""
    labelled, unlabelled = (
        StreamSpec(
            name,
            DatasetSpec("cityscapes", Options() if name == "labelled" else Options(labels=False)),
            4,
            sampler=partition(name, denominator),
            sample_transforms=(TransformSpec.of("crop", size=(512, 1024)),),
            batch_transforms=(FLIP,),
            workers=4,
        )
        for name in ("labelled", "unlabelled")
    )
    val = EvaluationSpec("val", DatasetSpec("cityscapes", split="val"), batch_size=4)
    presets = small_presets("crop", (96, 128), ("val",))
    for name in ("labelled", "unlabelled"):
        quick = {"dataset.limit": 16, "sampler.cover_classes": False}
        presets["quick"] |= {f"streams.{name}.{key}": value for key, value in quick.items()}
    return set_up("cityscapes19", depth, (labelled, unlabelled), (val,), (100, 58), presets)


for _depth, _denominator in ((50, 20), (50, 8), (50, 4), (101, 20), (101, 8), (101, 4)):
    for _kind in ("eln", "supervised"):
        _name = f"voc/{_kind}-r{_depth}-1_{_denominator}"
        _numbers = (NUMBERS[_name],) if _name in NUMBERS else ()
        register(recipe_of(voc(_depth, _denominator), _name, _kind, _numbers, MORE))
for _denominator in (8, 4, 2):
    for _kind in ("eln", "supervised"):
        _name = f"cityscapes/{_kind}-r50-1_{_denominator}"
        _numbers = (NUMBERS[_name],) if _name in NUMBERS else ()
        register(recipe_of(cityscapes(50, _denominator), _name, _kind, _numbers, MORE))
