"""Figures (pure functions that return a Matplotlib figure) and explorers (the same with controls in Jupyter).

What all chapters use is here; what one line of methods needs is in a package of its own, such as
:mod:`udalib.viz.adversarial`.
"""

from udalib.viz.charts.bars import grouped_bars
from udalib.viz.charts.curves import curves, smooth
from udalib.viz.charts.effects import effects_figure
from udalib.viz.charts.records import answer, answers_table, class_bars, ladder_table, record_table, spread, waiting
from udalib.viz.charts.sentences import effect_sentence, late_sentence, selection_sentence, sensitivity_sentence
from udalib.viz.charts.statistics import class_frequencies_figure, confusion_figure, iou_bars, percent
from udalib.viz.charts.tables import Table, published_table
from udalib.viz.explorer.explorer import Choice, Explorer, Several, Slider, Stops, Toggle
from udalib.viz.pictures.attention import attention_figure, energy_radius, receptive_field_figure
from udalib.viz.pictures.flow import flow_figure, flow_to_rgb, flow_wheel
from udalib.viz.pictures.labels import colorize, legend, overlay, present_ids
from udalib.viz.pictures.samples import beside, error_map, show_samples
from udalib.viz.pictures.uncertainty import entropy, entropy_histogram, threshold_figure
from udalib.viz.theme import Picture, bar_style, line_style, new_figure, to_array, to_png

__all__ = [
    "Choice",
    "Explorer",
    "Picture",
    "Several",
    "Slider",
    "Stops",
    "Table",
    "Toggle",
    "answer",
    "answers_table",
    "attention_figure",
    "bar_style",
    "beside",
    "class_bars",
    "class_frequencies_figure",
    "colorize",
    "confusion_figure",
    "curves",
    "effect_sentence",
    "effects_figure",
    "energy_radius",
    "entropy",
    "entropy_histogram",
    "error_map",
    "flow_figure",
    "flow_to_rgb",
    "flow_wheel",
    "grouped_bars",
    "iou_bars",
    "ladder_table",
    "late_sentence",
    "legend",
    "line_style",
    "new_figure",
    "overlay",
    "percent",
    "present_ids",
    "published_table",
    "receptive_field_figure",
    "record_table",
    "selection_sentence",
    "sensitivity_sentence",
    "show_samples",
    "smooth",
    "spread",
    "threshold_figure",
    "to_array",
    "to_png",
    "waiting",
]
