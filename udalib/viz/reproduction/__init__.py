"""Figures of the chapter on reproduction."""

from udalib.viz.reproduction.seeds import SeedsExplorer, seeds_figure
from udalib.viz.reproduction.single_run import prediction_samples, training_curves

__all__ = ["SeedsExplorer", "prediction_samples", "seeds_figure", "training_curves"]
