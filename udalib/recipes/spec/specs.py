"""What a recipe is made of: data, network, method, optimiser, schedule, training, evaluation, published numbers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

from udalib.engine.config import TrainConfig
from udalib.engine.optim.build import OptimizerSpec
from udalib.recipes.spec import factories
from udalib.recipes.spec.datasets import dataset_factory
from udalib.recipes.spec.network_specs import (
    PAIR,
    DecoderSpec,
    EncoderSpec,
    MultiResolutionSpec,
    NetworkSpec,
    WeightsSpec,
)
from udalib.recipes.spec.options import Options
from udalib.recipes.spec.parts import Part
from udalib.recipes.spec.serialise import LATER


@dataclass(frozen=True)
class DatasetSpec(Part):
    """A data set by name: ``streets/STYLE`` for the embedded world, else a name of ``udalib data list``.

    Attributes:
        name: of the data set.
        options: keyword arguments of its class, such as ``length`` and ``size`` of the streets.
        split: "train", "val", ...
        limit: use the first ``limit`` items only; None = all.
    """

    given = frozenset({"split"})

    split: str = "train"
    limit: int | None = None

    def factory(self) -> Callable[..., Any]:
        """See :func:`udalib.recipes.spec.datasets.dataset_factory`."""
        return dataset_factory(self.name)


@dataclass(frozen=True)
class TransformSpec(Part):
    """A transform of samples or batches."""

    def factory(self) -> Callable[..., Any]:
        """See :func:`udalib.recipes.spec.factories.transform_factory`."""
        return factories.transform_factory(self.name)


@dataclass(frozen=True)
class SamplerSpec(Part):
    """Order in which a stream visits its data set."""

    given = frozenset({"dataset", "seed"})

    name: str = "shuffle"

    def factory(self) -> Callable[..., Any]:
        """See :func:`udalib.recipes.spec.factories.sampler_factory`."""
        return factories.sampler_factory(self.name)


@dataclass(frozen=True)
class StreamSpec:
    """One stream of training data; ``name`` is the name under which the method asks for it.

    Attributes:
        name: "source", "target", "labelled", ...
        dataset: what is read.
        batch_size: GLOBAL batch size.
        sampler: order of the items.
        sample_transforms: before collation, one sample at a time (geometry to one size).
        batch_transforms: after collation, on the device (flip, jitter, ...).
        workers: loader processes.
    """

    name: str
    dataset: DatasetSpec
    batch_size: int
    sampler: SamplerSpec = field(default_factory=SamplerSpec)
    sample_transforms: tuple[TransformSpec, ...] = ()
    batch_transforms: tuple[TransformSpec, ...] = ()
    workers: int = 0


@dataclass(frozen=True)
class MethodSpec(Part):
    """A method by its registered name, with its hyper-parameters as options."""

    given = frozenset({"network", "optimizer", "num_classes"})

    def factory(self) -> Callable[..., Any]:
        """See :func:`udalib.recipes.spec.factories.method_factory`."""
        return factories.method_factory(self.name)


@dataclass(frozen=True)
class ScheduleSpec(Part):
    """Learning-rate schedule; its ``total`` is the run's number of iterations unless the options say otherwise."""

    name: str = "constant"

    def factory(self) -> Callable[..., Any]:
        """See :func:`udalib.recipes.spec.factories.schedule_factory`."""
        return factories.schedule_factory(self.name)


@dataclass(frozen=True)
class InferenceSpec(Part):
    """How whole images are predicted in an evaluation: "whole" or "sliding"."""

    name: str = "whole"

    def factory(self) -> Callable[..., Any]:
        """See :func:`udalib.recipes.spec.factories.inference_factory`."""
        return factories.inference_factory(self.name)


@dataclass(frozen=True)
class EvaluationSpec:
    """One evaluation; its metrics are logged as ``name/miou`` and so on, whatever its task measures.

    Attributes:
        name: "target", "source", ...
        dataset: labelled images.
        subsets: named class subsets whose mIoU is reported as well, such as "synthia13".
        batch_size: images a forward pass.
        inference: whole images or sliding windows.
        sample_transforms: on each decoded uint8 image alone (Pillow's resize of a published protocol).
        transforms: on batches of images alone, on the device; labels keep their size (nothing random here).
        task: what is predicted, a name of :data:`udalib.recipes.spec.tasks.TASKS`; ``subsets``, ``inference`` and
            ``label_size`` are of segmentation (windows of detection, too).
        label_size: (height, width) to which labels are resized by nearest neighbour before they are scored, as some
            published protocols do; None = labels keep their size.
    """

    name: str
    dataset: DatasetSpec
    subsets: tuple[str, ...] = ()
    batch_size: int = 8
    inference: InferenceSpec = field(default_factory=InferenceSpec)
    sample_transforms: tuple[TransformSpec, ...] = ()
    transforms: tuple[TransformSpec, ...] = ()
    task: str = field(default="segmentation", metadata=LATER)
    label_size: tuple[int, int] | None = field(default=None, metadata=LATER)


@dataclass(frozen=True)
class Published:
    """A number that others published and a recipe answers to; never one of ours.

    Attributes:
        value: in percent.
        metric: "evaluation/metric" of our run that it is to be compared with, such as "target/miou".
        source: who published it and where.
        note: what is different or unknown.
        classes: class name to IoU in percent, the row that ``value`` is the mean of; empty where none is known.
    """

    value: float
    metric: str
    source: str
    note: str = ""
    classes: Options = field(default_factory=Options)

    @property
    def evaluation(self) -> str:
        """Name of the evaluation that ``metric`` belongs to."""
        return self.metric.split("/")[0]


@dataclass(frozen=True)
class StartSpec:
    """The run whose trained network another run starts from: of a recipe, at the same preset and seed.

    Attributes:
        recipe: its name; the run is made first if there is none in the same folder of runs.
        part: what is taken over: the whole network, or its encoder alone (of a run that pretrains one).
    """

    recipe: str
    part: Literal["network", "encoder"] = field(default="network", metadata=LATER)


@dataclass(frozen=True)
class Recipe:
    """A complete, immutable description of an experiment.

    Attributes:
        name: as in ``udalib run NAME``.
        summary: one sentence for ``udalib list``.
        label_space: classes of the network's output and of the labels the method sees.
        streams: training data; the method names the ones it needs.
        network: what is trained.
        method: how.
        optimizer: of the segmentation network.
        schedule: of the learning rate.
        train: iterations, precision, device, logging.
        evaluations: the first one decides which weights are the best.
        start: a run to start the network from; None = from initial or published weights.
        published: the numbers it answers to, none of them ours.
        presets: preset name to the overrides that scale this recipe.
        preset: the one that was applied, "" for none.
    """

    name: str
    summary: str
    label_space: str
    streams: tuple[StreamSpec, ...]
    network: NetworkSpec
    method: MethodSpec
    optimizer: OptimizerSpec
    schedule: ScheduleSpec
    train: TrainConfig
    evaluations: tuple[EvaluationSpec, ...]
    start: StartSpec | None = None
    published: tuple[Published, ...] = ()
    presets: Options = field(default_factory=Options)
    preset: str = ""


__all__ = [
    "PAIR",
    "DatasetSpec",
    "DecoderSpec",
    "EncoderSpec",
    "EvaluationSpec",
    "InferenceSpec",
    "MethodSpec",
    "MultiResolutionSpec",
    "NetworkSpec",
    "Published",
    "Recipe",
    "SamplerSpec",
    "ScheduleSpec",
    "StartSpec",
    "StreamSpec",
    "TransformSpec",
    "WeightsSpec",
]
