"""Figures and explorers of detection: boxes and their verdicts, token groups of CFPT, what necks reach."""

from udalib.viz.detection.boxes import draw_boxes, painted
from udalib.viz.detection.detections import detections_figure
from udalib.viz.detection.detections_explorer import DetectionsExplorer
from udalib.viz.detection.groups import group_figure
from udalib.viz.detection.groups_explorer import GroupsExplorer
from udalib.viz.detection.judged import SIZES, Judged, in_size, judge
from udalib.viz.detection.reach import fields_figure, reach_figure
from udalib.viz.detection.reach_explorer import ReachExplorer
from udalib.viz.detection.stand_in import stand_in_detections

__all__ = [
    "SIZES",
    "DetectionsExplorer",
    "GroupsExplorer",
    "Judged",
    "ReachExplorer",
    "detections_figure",
    "draw_boxes",
    "fields_figure",
    "group_figure",
    "in_size",
    "judge",
    "painted",
    "reach_figure",
    "stand_in_detections",
]
