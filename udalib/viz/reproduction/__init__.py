"""Figures of the chapter on reproduction."""

from udalib.viz.reproduction.report_figures import report_figures, scores_figure
from udalib.viz.reproduction.seeds import SeedsExplorer, seeds_figure
from udalib.viz.reproduction.single_run import prediction_samples, training_curves

__all__ = ["SeedsExplorer", "prediction_samples", "report_figures", "scores_figure", "seeds_figure", "training_curves"]
