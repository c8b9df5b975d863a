"""Figures and the explorer of pixel features: the atlas, measures beside it, stability, where a point comes from."""

from udalib.viz.features.atlas import atlas_figure
from udalib.viz.features.crops import point_figure
from udalib.viz.features.explorer import FeatureExplorer
from udalib.viz.features.hover import HoverMap, hover_map
from udalib.viz.features.inventions import InventionsExplorer, inventions_figure
from udalib.viz.features.measures import correlation_figure, measure_sentence, measures_figure, measures_table
from udalib.viz.features.prediction import (
    prediction_figure,
    prediction_markdown,
    prediction_sentence,
    prediction_table,
)
from udalib.viz.features.prediction_explorer import PredictionExplorer
from udalib.viz.features.stability import stability_figure

__all__ = [
    "FeatureExplorer",
    "HoverMap",
    "InventionsExplorer",
    "PredictionExplorer",
    "atlas_figure",
    "correlation_figure",
    "hover_map",
    "inventions_figure",
    "measure_sentence",
    "measures_figure",
    "measures_table",
    "point_figure",
    "prediction_figure",
    "prediction_markdown",
    "prediction_sentence",
    "prediction_table",
    "stability_figure",
]
