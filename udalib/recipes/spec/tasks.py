"""Tasks by name: what evaluates a model of a task, and which of its scores stand in a report."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from udalib.core.registry import Registry
from udalib.data import LabelSpace
from udalib.engine.evaluation.classification import ClassificationEvaluator
from udalib.engine.evaluation.clips import ClipEvaluator
from udalib.engine.evaluation.detection import DetectionEvaluator, TinyPersonEvaluator
from udalib.engine.evaluation.error_localization import ErrorLocalizationEvaluator
from udalib.engine.evaluation.long_tail import LongTailEvaluator
from udalib.engine.evaluation.multi_label import MultiLabelEvaluator
from udalib.engine.evaluation.segmentation import SegmentationEvaluator

if TYPE_CHECKING:
    from udalib.recipes.spec.specs import EvaluationSpec


@dataclass(frozen=True)
class Task:
    """One kind of prediction.

    Attributes:
        score: key of the score, a fraction in [0, 1], that stands for an evaluation, as the evaluator gives it.
        title: of that score in a table.
        class_score: key of the scores by class, {name: fraction}.
        class_title: of a table of those.
        evaluator: ``(dataset, label space, evaluation, align_corners)`` to an evaluator.
    """

    score: str
    title: str
    class_score: str
    class_title: str
    evaluator: Callable[[Any, LabelSpace, EvaluationSpec, bool], Any]


TASKS: Registry[Task] = Registry("task")


def _segmentation(dataset: Any, space: LabelSpace, spec: EvaluationSpec, align_corners: bool) -> SegmentationEvaluator:
    return SegmentationEvaluator(
        dataset,
        space,
        subsets={name: space.subset(name) for name in spec.subsets},
        inference=spec.inference.build(),
        batch_size=spec.batch_size,
        transforms=[transform.build() for transform in spec.transforms],
        align_corners=align_corners,
        label_size=spec.label_size,
    )


def _clips(dataset: Any, space: LabelSpace, spec: EvaluationSpec, align_corners: bool) -> ClipEvaluator:
    return ClipEvaluator(
        dataset,
        space,
        {name: space.subset(name) for name in spec.subsets},
        spec.batch_size,
        [transform.build() for transform in spec.transforms],
        align_corners=align_corners,
    )


def _whole_images(evaluator: Callable[..., Any]) -> Callable[[Any, LabelSpace, EvaluationSpec, bool], Any]:
    """For a task that knows neither windows nor corners."""

    def build(dataset: Any, space: LabelSpace, spec: EvaluationSpec, align_corners: bool) -> Any:
        return evaluator(dataset, space, spec.batch_size, [transform.build() for transform in spec.transforms])

    return build


def _boxes(evaluator: type[DetectionEvaluator]) -> Callable[[Any, LabelSpace, EvaluationSpec, bool], Any]:
    """For detection, on whole images or in windows."""

    def build(dataset: Any, space: LabelSpace, spec: EvaluationSpec, align_corners: bool) -> DetectionEvaluator:
        built: DetectionEvaluator = _whole_images(evaluator)(dataset, space, spec, align_corners)
        built.inference = spec.inference.build()
        return built

    return build


TASKS.add("segmentation", Task("miou", "mIoU", "iou", "IoU by class", _segmentation))
TASKS.add("video", Task("miou", "mIoU", "iou", "IoU by class", _clips))
TASKS.add(
    "classification",
    Task("accuracy", "accuracy", "class_accuracy", "accuracy by class", _whole_images(ClassificationEvaluator)),
)
TASKS.add("multi-label", Task("map", "mAP", "class_ap", "AP by class", _whole_images(MultiLabelEvaluator)))
TASKS.add(
    "long-tail",
    Task("accuracy", "accuracy", "class_accuracy", "accuracy by class", _whole_images(LongTailEvaluator)),
)
TASKS.add(
    "error_localization",
    Task(
        "f1",
        "F1 of wrong pixels",
        "class_f1",
        "F1 of wrong and of correct pixels",
        _whole_images(ErrorLocalizationEvaluator),
    ),
)
for _name, _score, _title, _evaluator in (
    ("detection", "ap", "AP", DetectionEvaluator),
    ("tiny_detection", "ap50_tiny", "AP50 tiny", TinyPersonEvaluator),
):
    TASKS.add(_name, Task(_score, _title, "class_ap", "AP by class", _boxes(_evaluator)))
BOX_TASKS = ("detection", "tiny_detection")
"""Tasks whose predictions are boxes."""
