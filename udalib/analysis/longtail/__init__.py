"""Long tails looked into: who pulls an anchor, where training would end, what lies next to a picture or a patch."""

from udalib.analysis.longtail.optimum import Settled, best_own, settle
from udalib.analysis.longtail.retrieval import Gallery, class_mass, nearest, precision_by_class
from udalib.analysis.longtail.shares import Anchors, Pulls, pulls, random_anchors, start_ratio
from udalib.analysis.longtail.views import PARTS, Part, Probe, anchors_of, embed, probe

__all__ = [
    "PARTS",
    "Anchors",
    "Gallery",
    "Part",
    "Probe",
    "Pulls",
    "Settled",
    "anchors_of",
    "best_own",
    "class_mass",
    "embed",
    "nearest",
    "precision_by_class",
    "probe",
    "pulls",
    "random_anchors",
    "settle",
    "start_ratio",
]
