"""The training setting that AdaptSegNet and ADVENT share: DeepLab-v2, one image a domain, no augmentation.

adaptsegnet sheet, sections 5, 6 and 10; advent sheet, sections 5 and 6. Images are resized by Pillow and not cropped,
SGD repeats updates of the backbone as the published code did, and the learning rate falls towards an iteration at
which training is not continued (``schedule.total`` and ``train.iterations``).

Where we differ: the published code repeats each list of images in whole copies until it outlasts training and shuffles
the long list once, so an image may come back before all others were seen; our sampler shuffles every epoch anew. A
report scores the final weights; published numbers are mostly those of the best snapshot on the target's own labels.

``quick`` and ``laptop`` shrink images and iterations and start from random weights: they show that data is read and
networks train, and are not to be held against published numbers.
"""

from __future__ import annotations

from dataclasses import dataclass

from udalib.engine.config import TrainConfig
from udalib.engine.optim.build import OptimizerSpec, Rule
from udalib.recipes.spec.options import Options
from udalib.recipes.spec.specs import (
    DatasetSpec,
    EvaluationSpec,
    MethodSpec,
    NetworkSpec,
    Published,
    Recipe,
    ScheduleSpec,
    StreamSpec,
    TransformSpec,
)
from udalib.recipes.zoo.synthetic_to_real import SOURCES, SUBSETS

TARGET_SIZE = (512, 1024)
SMALL_SIZE = (128, 256)
HEADS = Rule("decoder.", lr_mult=10.0)
REPEATED = (*(Rule(f"layer{stage}.", visits=3) for stage in range(1, 5)), Rule("downsample.", visits=4))
"""Updates a step of the backbone's convolutions: the published generator of parameters lists them that often."""
RESNET_RULES = (HEADS, *REPEATED)


@dataclass(frozen=True)
class Benchmark:
    """Two domains and how they are read and scored.

    Attributes:
        family: first part of the recipes' names.
        title: in words.
        source: labelled training images.
        source_size: their size (h, w) in training.
        target: unlabelled training images; None where none are used.
        evaluations: name to labelled images of the target.
        label_space: classes of the network.
        subsets: class subsets with a mean of their own.
    """

    family: str
    title: str
    source: DatasetSpec
    source_size: tuple[int, int]
    target: DatasetSpec | None
    evaluations: tuple[tuple[str, DatasetSpec], ...]
    label_space: str = "cityscapes19"
    subsets: tuple[str, ...] = ()


def to_cityscapes(source: str) -> Benchmark:
    """GTA5 ("gta") or SYNTHIA ("synthia") to Cityscapes, 19 classes."""
    dataset, size = SOURCES[source]
    return Benchmark(
        family=f"{source}2cityscapes",
        title=f"{dataset.upper()} to Cityscapes",
        source=DatasetSpec(dataset),
        source_size=size,
        target=DatasetSpec.of("cityscapes", labels=False),
        evaluations=(("target", DatasetSpec("cityscapes", split="val")),),
        subsets=SUBSETS[source],
    )


@dataclass(frozen=True)
class Budget:
    """Length of training.

    Attributes:
        iterations: where it ends.
        total: where the learning rate would reach 0.
        every: iterations between snapshots.
    """

    iterations: int
    total: int
    every: int


def deeplab_recipe(
    benchmark: Benchmark,
    name: str,
    summary: str,
    network: NetworkSpec,
    method: MethodSpec,
    budget: Budget,
    *,
    rules: tuple[Rule, ...] = RESNET_RULES,
    published: tuple[Published, ...] = (),
) -> Recipe:
    """Training of ``network`` on ``benchmark`` in the shared setting."""
    streams = _streams(benchmark)
    return Recipe(
        name=f"{benchmark.family}/{name}",
        summary=f"{benchmark.title}: {summary}",
        label_space=benchmark.label_space,
        streams=streams,
        network=network,
        method=method,
        optimizer=OptimizerSpec(kind="sgd", lr=2.5e-4, momentum=0.9, weight_decay=5e-4, rules=rules),
        schedule=ScheduleSpec.of("poly", power=0.9, total=budget.total),
        train=TrainConfig(iterations=budget.iterations, evaluate_every=budget.every, checkpoint_every=budget.every),
        evaluations=tuple(_evaluation(name, data, benchmark.subsets) for name, data in benchmark.evaluations),
        published=published,
        presets=_presets(streams, tuple(name for name, _ in benchmark.evaluations)),
    )


def _streams(benchmark: Benchmark) -> tuple[StreamSpec, ...]:
    domains = [("source", benchmark.source, benchmark.source_size)]
    if benchmark.target is not None:
        domains.append(("target", benchmark.target, TARGET_SIZE))
    return tuple(
        StreamSpec(name, data, batch_size=1, sample_transforms=(TransformSpec.of("pil_resize", size=size),), workers=4)
        for name, data, size in domains
    )


def _evaluation(name: str, data: DatasetSpec, subsets: tuple[str, ...]) -> EvaluationSpec:
    """Whole images of 512 x 1024, scored at the full size of the labels."""
    resize = TransformSpec.of("pil_resize", size=TARGET_SIZE)
    return EvaluationSpec(name, data, subsets=subsets, batch_size=1, sample_transforms=(resize,))


def _presets(streams: tuple[StreamSpec, ...], evaluations: tuple[str, ...]) -> Options:
    """Presets for machines without a GPU."""
    small: dict[str, object] = {"network.weights": None}
    small |= {f"streams.{stream.name}.workers": 0 for stream in streams}
    places = [f"streams.{stream.name}" for stream in streams] + [f"evaluations.{name}" for name in evaluations]
    small |= {f"{place}.sample_transforms.pil_resize.size": SMALL_SIZE for place in places}
    quick = {**small, "train.iterations": 4, "train.log_every": 1}
    quick |= {f"streams.{stream.name}.dataset.limit": 4 for stream in streams}
    quick |= {f"evaluations.{name}.dataset.limit": 2 for name in evaluations}
    laptop = {**small, "train.iterations": 200, "schedule.total": 200}
    laptop |= {f"evaluations.{name}.dataset.limit": 50 for name in evaluations}
    return Options(quick=quick, laptop=laptop, paper={})
