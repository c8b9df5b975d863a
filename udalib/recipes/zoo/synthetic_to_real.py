"""GTA5 and SYNTHIA to Cityscapes, source only: what a network loses on real streets before any adaptation.

``paper`` is the base setting, that of DAFormer's code base (daformer sheet, sections 7, 8 and 10); source-only in
AdaptSegNet's setting is in :mod:`udalib.recipes.zoo.adversarial.adaptsegnet`. ``quick`` and ``laptop`` shrink crops and
iterations and start from random weights: they show that the data is read and the network trains, and are not to be held
against the published numbers.
"""

from __future__ import annotations

from udalib.engine.config import TrainConfig
from udalib.engine.optim.build import OptimizerSpec, Rule
from udalib.recipes.registry import register
from udalib.recipes.spec.options import Options
from udalib.recipes.spec.specs import (
    DatasetSpec,
    DecoderSpec,
    EncoderSpec,
    EvaluationSpec,
    MethodSpec,
    NetworkSpec,
    Published,
    Recipe,
    ScheduleSpec,
    StreamSpec,
    TransformSpec,
    WeightsSpec,
)

CROP = (512, 512)
SOURCES = {"gta": ("gta5", (720, 1280)), "synthia": ("synthia", (760, 1280))}
SUBSETS = {"gta": (), "synthia": ("cityscapes16", "cityscapes13")}

PART2 = "DAFormer's architecture benchmark, as quoted in a published walk-through (part 2)"
PART2_NOTE = "mean of three seeds; its source-only runs are taken to have the settings of DAFormer's training"


def crops(
    size: tuple[int, int], crop: tuple[int, int] = CROP, *, cat_max_ratio: float = 1.0
) -> tuple[TransformSpec, ...]:
    """Geometry of DAFormer's loader: resized to fit ``size``, crops, flips, padding of what is smaller than a crop."""
    return (
        TransformSpec.of("resize", size=size, keep_ratio=True),
        TransformSpec.of("crop", size=crop, cat_max_ratio=cat_max_ratio),
        TransformSpec.of("flip"),
        TransformSpec.of("pad", size=crop),
    )


def labelled_stream(dataset: str, size: tuple[int, int], crop: tuple[int, int] = CROP) -> StreamSpec:
    """Labelled images as DAFormer reads them: crops that show several classes; batch 2."""
    geometry = crops(size, crop, cat_max_ratio=0.75)
    return StreamSpec("source", DatasetSpec(dataset), batch_size=2, sample_transforms=geometry, workers=4)


def daformer_stream(source: str) -> StreamSpec:
    """Images of "gta" or "synthia" as DAFormer reads them."""
    return labelled_stream(*SOURCES[source])


def cityscapes_val(source: str, *, transforms: tuple[TransformSpec, ...] = ()) -> EvaluationSpec:
    """Cityscapes val, whole images of 512 x 1024, scored at the full size of the labels."""
    return EvaluationSpec(
        "target",
        DatasetSpec("cityscapes", split="val"),
        subsets=SUBSETS[source],
        batch_size=1,
        transforms=transforms,
    )


def small_presets() -> Options:
    """Presets for machines without a GPU."""
    small = {
        "network.weights": None,
        "streams.source.workers": 0,
        "streams.source.sample_transforms.resize.size": (180, 320),
        "streams.source.sample_transforms.crop.size": (128, 128),
        "streams.source.sample_transforms.pad.size": (128, 128),
        "evaluations.target.transforms.resize.size": (128, 256),
    }
    quick = {**small, "train.iterations": 4, "train.log_every": 1, "schedule.warmup": 2}
    quick |= {"streams.source.dataset.limit": 4, "evaluations.target.dataset.limit": 2}
    laptop = {**small, "train.iterations": 200, "schedule.warmup": 50, "evaluations.target.dataset.limit": 50}
    return Options(quick=quick, laptop=laptop, paper={})


def daformer_setting(
    source: str, name: str, title: str, network: NetworkSpec, published: tuple[Published, ...] = ()
) -> Recipe:
    """Source-only training of ``network`` in the setting of DAFormer's code base."""
    rules = (Rule("decoder", lr_mult=10.0), Rule("norm", decay_mult=0.0))
    return Recipe(
        name=f"{source}2cityscapes/source-only-{name}",
        summary=f"{SOURCES[source][0].upper()} to Cityscapes without adaptation: {title}.",
        label_space="cityscapes19",
        streams=(daformer_stream(source),),
        network=network,
        method=MethodSpec.of("supervised", loss="official"),
        optimizer=OptimizerSpec(kind="adamw", lr=6e-5, weight_decay=0.01, rules=rules),
        schedule=ScheduleSpec.of("warmup_poly", power=1.0, warmup=1500, ratio=1e-6),
        train=TrainConfig(iterations=40_000, evaluate_every=4000, checkpoint_every=2000),
        evaluations=(cityscapes_val(source, transforms=(TransformSpec.of("resize", size=(512, 1024)),)),),
        published=published,
        presets=small_presets(),
    )


def deeplabv2() -> NetworkSpec:
    """DeepLab-v2 of DAFormer's benchmark: ResNet-101-v1c of output stride 8 and the reduced classifier."""
    return NetworkSpec.pair(
        EncoderSpec.of("resnet101_v1c_d8"), DecoderSpec.of("dlv2red"), weights=WeightsSpec("resnet101_v1c.pth")
    )


def mit_b5(name: str) -> NetworkSpec:
    """``name`` on MiT-B5 with SegFormer's ImageNet weights."""
    return NetworkSpec.pair(EncoderSpec.of("mit_b5"), DecoderSpec.of(name), weights=WeightsSpec("mit_b5.pth"))


def target_miou(value: float, source: str, note: str = "") -> Published:
    """Write a published mIoU on Cityscapes val over 19 classes."""
    return Published(value, "target/miou", source, note)


GTA_SEGFORMER = (
    target_miou(45.6, PART2, PART2_NOTE),
    target_miou(43.61, "DAFormer repository, issue 94", "one user's run, not the authors'"),
)

for _source in SOURCES:
    _gta = _source == "gta"
    _dlv2 = (target_miou(34.3, PART2, PART2_NOTE),) if _gta else ()
    register(daformer_setting(_source, "deeplabv2", "DeepLab-v2 on ResNet-101", deeplabv2(), _dlv2))
    _published = GTA_SEGFORMER if _gta else ()
    register(daformer_setting(_source, "segformer-mit_b5", "SegFormer MiT-B5", mit_b5("segformer"), _published))
    register(daformer_setting(_source, "daformer", "DAFormer's network (MiT-B5)", mit_b5("daformer")))
