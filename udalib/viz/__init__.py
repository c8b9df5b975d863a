"""Figures (pure functions that return a Matplotlib figure) and explorers (the same with controls in Jupyter)."""

from udalib.viz.attention import attention_figure, energy_radius, receptive_field_figure
from udalib.viz.curves import curves, smooth
from udalib.viz.explorers import Choice, Explorer, Slider, Toggle
from udalib.viz.flow import flow_figure, flow_to_rgb, flow_wheel
from udalib.viz.labels import colorize, legend, overlay, present_ids
from udalib.viz.samples import beside, error_map, show_samples
from udalib.viz.statistics import class_frequencies_figure, confusion_figure, iou_bars, percent
from udalib.viz.tables import Table
from udalib.viz.theme import Picture, bar_style, line_style, new_figure, to_array, to_png

__all__ = [
    "Choice",
    "Explorer",
    "Picture",
    "Slider",
    "Table",
    "Toggle",
    "attention_figure",
    "bar_style",
    "beside",
    "class_frequencies_figure",
    "colorize",
    "confusion_figure",
    "curves",
    "energy_radius",
    "error_map",
    "flow_figure",
    "flow_to_rgb",
    "flow_wheel",
    "iou_bars",
    "legend",
    "line_style",
    "new_figure",
    "overlay",
    "percent",
    "present_ids",
    "receptive_field_figure",
    "show_samples",
    "smooth",
    "to_array",
    "to_png",
]
