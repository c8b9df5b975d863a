"""Measures against the target mIoU: choose layer and measure, look at all runs or inside the recipes."""

from __future__ import annotations

from matplotlib.figure import Figure

from udalib.viz.explorer.explorer import Choice, Control, Explorer, Toggle
from udalib.viz.features.prediction import Record, prediction_figure


class PredictionExplorer(Explorer):
    """A record of ``benchmarks/features.py``, one measure at a time.

    Controls: ``layer``; ``measure``; ``inside``, deviations from the mean of each recipe instead of the numbers.
    """

    def __init__(self, record: Record, title: str = "Does the measure go with the target mIoU?") -> None:
        names = {each["title"]: name for name, each in record["titles"].items()}
        layers = tuple(record["correlation"])

        def figure(layer: str, measure: str, inside: bool) -> Figure:
            return prediction_figure(record, [names[measure]], layer, inside=inside)

        controls: dict[str, Control] = {
            "layer": Choice("Layer", layers, layers[-1]),
            "measure": Choice("Measure", tuple(names), next(iter(names))),
            "inside": Toggle("Inside recipes"),
        }
        super().__init__(title, figure, controls)
