"""Figures, loops and explorers of QuadMix on clips: flow, carried labels, what is hidden, aggregation over time."""

from udalib.viz.video.aggregation import Aggregated, aggregated, aggregation_figure, pair_scores, spoiled
from udalib.viz.video.aggregation_explorer import AggregationExplorer
from udalib.viz.video.animation import Animation, animate
from udalib.viz.video.carried import Carried, carried_figure, carry, end_point_error
from udalib.viz.video.carried_explorer import CarriedExplorer
from udalib.viz.video.loops import blinking_frames, travelling_labels
from udalib.viz.video.mixed import carried_wrong, foreign_flow, mixed_flow_figure
from udalib.viz.video.viewed import Motion, ViewedClip, between, clip_logits, view_clip

__all__ = [
    "Aggregated",
    "AggregationExplorer",
    "Animation",
    "Carried",
    "CarriedExplorer",
    "Motion",
    "ViewedClip",
    "aggregated",
    "aggregation_figure",
    "animate",
    "between",
    "blinking_frames",
    "carried_figure",
    "carried_wrong",
    "carry",
    "clip_logits",
    "end_point_error",
    "foreign_flow",
    "mixed_flow_figure",
    "pair_scores",
    "spoiled",
    "travelling_labels",
    "view_clip",
]
