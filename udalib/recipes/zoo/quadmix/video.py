"""QuadMix on video: VIPER and SYNTHIA-Seq to Cityscapes-Seq (quadmix sheet, section 4).

CNN: DeepLab-v2 for two frames, SGD; ViT: MiT-B5 with DAFormer's head for two frames, AdamW. One clip of each domain a
step: two frames of the source, three of the target; patches of rare classes from stills. ``official``.

Where we differ from the published training, as far as our sources tell:

 - The labeller of the first iterations, and the student's start, is a source-only run instead of a TPS model.
 - Flow is estimated by torchvision's RAFT on the training frames (its weights file must lie under UDALIB_WEIGHTS)
   instead of read from files of FlowNet2 and SDCNet2D; that from d to a is composed of two.
 - Images are resized bilinearly, not bicubically; the source pass sees whole frames, the mixed ones a window, as there.
 - SYNTHIA-Seq's colour jitter of target frames (0.8, grey in a fifth) is DACS's; frames never wrap around.
 - Classes of a target template are drawn when it is pasted, beside the source's pair it is pasted with, so no class
   meets itself; patches as in :mod:`udalib.recipes.zoo.quadmix.cityscapes`, of more than 5 pixels whatever the class.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from udalib.engine.config import TrainConfig
from udalib.engine.optim.build import OptimizerSpec, Rule
from udalib.recipes.registry import register
from udalib.recipes.spec.options import Options
from udalib.recipes.spec.specs import (
    DatasetSpec,
    EvaluationSpec,
    MethodSpec,
    NetworkSpec,
    Recipe,
    SamplerSpec,
    ScheduleSpec,
    StartSpec,
    StreamSpec,
    TransformSpec,
)
from udalib.recipes.zoo.adversarial.adaptsegnet import START
from udalib.recipes.zoo.quadmix.numbers import numbers
from udalib.recipes.zoo.self_training.setting import RULES
from udalib.recipes.zoo.synthetic_to_real import mit_b5

TARGET_SIZE = (512, 1024)
FLOW = TransformSpec.of("flow", estimator="raft_large")
CNN = NetworkSpec("accel_resnet101", weights=START)
VIT = replace(mit_b5("daformer"), two_frames=True)
SGD_RULES = (Rule("sf_layer", lr_mult=10.0), Rule("decoder", lr_mult=10.0, constant=True))
"""The published scheduler writes the heads' rate to the fusion's group and never changes the heads' own."""


@dataclass(frozen=True)
class VideoPair:
    """A source of labelled video with Cityscapes-Seq as target.

    Attributes:
        family: first part of the recipes' names.
        title: in words.
        source: data set.
        label_space: classes that are learned.
        geometry: of source frames, before anything is cut.
        method: options that differ between the sources.
        lr: of the CNN's encoder.
        patches: of rare classes in each clip, CNN and ViT.
        subsets: class subsets with a mean of their own.
    """

    family: str
    title: str
    source: str
    label_space: str
    geometry: tuple[TransformSpec, ...]
    method: Options
    lr: float
    patches: tuple[int, int]
    subsets: tuple[str, ...] = ()


PAIRS = (
    VideoPair(
        "viper2cityscapes-seq",
        "VIPER to Cityscapes-Seq",
        "viper",
        "viper15",
        (TransformSpec.of("resize", size=(720, 1280)),),
        Options(
            rare_classes=(3, 4, 5, 7, 13, 14),
            lambda_target=0.2,
            window_rows=(100, 128),
            jitter_probability=0.0,
            blur_probability=0.0,
        ),
        1e-4,
        (3, 3),
    ),
    VideoPair(
        "synthia-seq2cityscapes-seq",
        "SYNTHIA-Seq to Cityscapes-Seq",
        "synthia_seq",
        "synthia12",
        (TransformSpec.of("cut_bottom", rows=120), TransformSpec.of("resize", size=(640, 1280))),
        Options(rare_classes=(3, 4, 5, 6, 10), jitter_probability=0.8, blur_probability=0.6),
        2.5e-4,
        (2, 2),
        subsets=("synthia11",),
    ),
)


def target_set(split: str, frames: int, *, labels: bool) -> DatasetSpec:
    """Clips of Cityscapes-Seq that end with a labelled frame."""
    return DatasetSpec("cityscapes_seq", Options(frames=frames, labels=labels), split=split)


def streams(pair: VideoPair, patches: int) -> tuple[StreamSpec, ...]:
    """Source clips, target clips, and stills that show rare classes."""
    source = DatasetSpec.of(pair.source, frames=2)
    geometry, resize = pair.geometry, TransformSpec.of("resize", size=TARGET_SIZE)
    target = target_set("train", 3, labels=False)
    rare = SamplerSpec.of("rare_class", temperature=0.01, min_pixels=3000, min_crop_ratio=0.0)
    return (
        StreamSpec("source", source, 1, sample_transforms=geometry, batch_transforms=(FLOW,), workers=4),
        StreamSpec("target", target, 1, sample_transforms=(resize,), batch_transforms=(FLOW,), workers=4),
        StreamSpec("rare", DatasetSpec(pair.source), patches, rare, sample_transforms=geometry, workers=2),
    )


def evaluation(pair: VideoPair) -> EvaluationSpec:
    """The labelled frames of val with the one before, scored at the full size of the labels."""
    transforms = (TransformSpec.of("resize", size=TARGET_SIZE), FLOW)
    dataset = target_set("val", 3, labels=True)
    return EvaluationSpec("target", dataset, pair.subsets, batch_size=1, transforms=transforms, task="video")


def source_only(pair: VideoPair, name: str, title: str, network: NetworkSpec, **training: Any) -> Recipe:
    """Supervised training on single source frames, of the network that the adaptation starts from."""
    dataset = DatasetSpec(pair.source)
    stream = StreamSpec("source", dataset, 1, sample_transforms=pair.geometry, workers=4)
    method = MethodSpec.of("supervised", auxiliary_weight=0.1 if network is CNN else 0.0)
    recipe = Recipe(
        name=f"{pair.family}/{name}",
        summary=f"{pair.title} without adaptation: {title}.",
        label_space=pair.label_space,
        streams=(stream,),
        network=network,
        method=method,
        train=TrainConfig(iterations=40_000, evaluate_every=4000, checkpoint_every=1000),
        evaluations=(evaluation(pair),),
        published=numbers(f"{pair.family}/{name}"),
        **training,
    )
    return replace(recipe, presets=small(recipe))


def quadmix(pair: VideoPair, base: Recipe, name: str, title: str, patches: int, **options: Any) -> Recipe:
    """QuadMix on the clips of ``pair``, from the source-only run ``base``."""
    method = MethodSpec.of(
        "quadmix-video",
        alpha=0.0,
        rare_stream="rare",
        rare_pixels=5,
        template_rare=True,
        official=True,
        **{**pair.method, **options},
    )
    recipe = replace(
        base,
        name=f"{pair.family}/{name}",
        summary=f"{pair.title}: QuadMix on clips, {title}.",
        streams=streams(pair, patches),
        method=method,
        start=StartSpec(base.name),
        published=numbers(f"{pair.family}/{name}"),
    )
    return replace(recipe, presets=small(recipe))


def small(recipe: Recipe) -> Options:
    """Presets for machines without a GPU: an eighth of every side, Lucas-Kanade flow, random weights to begin with."""
    values: dict[str, Any] = {"network.weights": None}
    resized = {f"streams.{s.name}.sample_transforms": s.sample_transforms for s in recipe.streams}
    resized |= {f"evaluations.{e.name}.transforms": e.transforms for e in recipe.evaluations}
    for place, transforms in resized.items():
        height, width = next(t.options["size"] for t in transforms if t.name == "resize")
        values[f"{place}.resize.size"] = (height // 8, width // 8)
    for stream in recipe.streams:
        values[f"streams.{stream.name}.workers"] = 0
        if FLOW in stream.batch_transforms:
            values[f"streams.{stream.name}.batch_transforms.flow.estimator"] = "lucas_kanade"
    values["evaluations.target.transforms.flow.estimator"] = "lucas_kanade"
    if "window_rows" in recipe.method.options:
        values["method.window_rows"] = (12, 16)
    quick = {**values, "train.iterations": 3, "train.log_every": 1, "evaluations.target.dataset.limit": 2}
    quick |= {f"streams.{stream.name}.dataset.limit": 4 for stream in recipe.streams}
    laptop = {**values, "train.iterations": 200, "evaluations.target.dataset.limit": 50}
    for preset, frozen in ((quick, 1), (laptop, 50)):
        preset |= {"method.frozen_until": frozen} if "frozen_until" in recipe.method.options else {}
        preset |= {"schedule.warmup": frozen} if "warmup" in recipe.schedule.options else {}
    return Options(quick=quick, laptop=laptop, paper={})


def _register(pair: VideoPair) -> None:
    sgd = OptimizerSpec(kind="sgd", lr=pair.lr, momentum=0.9, weight_decay=5e-4, rules=SGD_RULES)
    poly = ScheduleSpec.of("poly", power=0.9, total=250_000)
    adamw = OptimizerSpec(kind="adamw", lr=6e-5, weight_decay=0.01, rules=RULES)
    warmup = ScheduleSpec.of("warmup_poly", power=1.0, warmup=1500, ratio=1e-6)
    cnn = source_only(pair, "source-only", "DeepLab-v2 for two frames", CNN, optimizer=sgd, schedule=poly)
    vit = source_only(
        pair, "source-only-daformer", "DAFormer's network for two frames", VIT, optimizer=adamw, schedule=warmup
    )
    register(cnn)
    register(vit)
    register(quadmix(pair, cnn, "quadmix-video", "DeepLab-v2", pair.patches[0], frozen_until=8000))
    register(
        quadmix(
            pair,
            vit,
            "quadmix-video-daformer",
            "DAFormer's network (MiT-B5)",
            pair.patches[1],
            frozen_until=4000,
            second_pair=False,
        )
    )


for _pair in PAIRS:
    _register(_pair)
