"""Scores of each task, from counts that add up over batches and processes."""

from udalib.metrics.classification import classification_scores
from udalib.metrics.multi_label import multi_label_scores
from udalib.metrics.segmentation import (
    ConfusionMatrix,
    class_accuracy,
    class_iou,
    confusion_matrix,
    mean_iou,
    pixel_accuracy,
    segmentation_scores,
)

__all__ = [
    "ConfusionMatrix",
    "class_accuracy",
    "class_iou",
    "classification_scores",
    "confusion_matrix",
    "mean_iou",
    "multi_label_scores",
    "pixel_accuracy",
    "segmentation_scores",
]
