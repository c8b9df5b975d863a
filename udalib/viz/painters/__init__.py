"""Figures and the explorer of execution plans: filmstrips, similarity of states, scores over plans."""

from udalib.viz.painters.explorer import PlanExplorer
from udalib.viz.painters.filmstrip import draw_filmstrip, filmstrip_figure
from udalib.viz.painters.planned_view import PlannedView, planned_figure
from udalib.viz.painters.scores import loops_figure, plan_curves
from udalib.viz.painters.similarity import similarity_figure

__all__ = [
    "PlanExplorer",
    "PlannedView",
    "draw_filmstrip",
    "filmstrip_figure",
    "loops_figure",
    "plan_curves",
    "planned_figure",
    "similarity_figure",
]
