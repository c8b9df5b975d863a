"""Scores of detections: COCO's average precision and TinyPerson's, exact and without a back end.

torchmetrics has the former behind pycocotools or faster-coco-eval, which are not among this project's requirements.
"""

from udalib.metrics.detection.average_precision import COCO, TINY, TINY_PLAIN, Protocol, Scores, evaluate
from udalib.metrics.detection.matching import ImageBoxes
from udalib.metrics.detection.summary import coco_scores, coco_stats, tiny_scores

__all__ = [
    "COCO",
    "TINY",
    "TINY_PLAIN",
    "ImageBoxes",
    "Protocol",
    "Scores",
    "coco_scores",
    "coco_stats",
    "evaluate",
    "tiny_scores",
]
