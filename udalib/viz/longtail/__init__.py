"""Figures and explorers of long tails: sizes of classes, shares of the positives, the circle, nearest neighbours."""

from udalib.viz.longtail.circle import circle_figure
from udalib.viz.longtail.lift import lift_figure
from udalib.viz.longtail.neighbours import neighbours_figure, retrieval_figure
from udalib.viz.longtail.neighbours_explorer import NeighboursExplorer
from udalib.viz.longtail.precision import precision_figure
from udalib.viz.longtail.profile import profile_figure
from udalib.viz.longtail.profile_explorer import ProfileExplorer
from udalib.viz.longtail.shares import shares_figure
from udalib.viz.longtail.shares_explorer import SharesExplorer

__all__ = [
    "NeighboursExplorer",
    "ProfileExplorer",
    "SharesExplorer",
    "circle_figure",
    "lift_figure",
    "neighbours_figure",
    "precision_figure",
    "profile_figure",
    "retrieval_figure",
    "shares_figure",
]
