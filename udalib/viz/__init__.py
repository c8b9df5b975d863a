"""Figures (pure functions that return a Matplotlib figure) and explorers (the same with controls in Jupyter)."""

from udalib.viz.adversarial import verdict, verdict_before_after
from udalib.viz.adversarial_explorers import EntropyExplorer, SweepExplorer, VerdictExplorer
from udalib.viz.appearance import output_space
from udalib.viz.attention import attention_figure, energy_radius, receptive_field_figure
from udalib.viz.curves import curves, smooth
from udalib.viz.effects import effects_figure
from udalib.viz.explorers import Choice, Explorer, Several, Slider, Stops, Toggle
from udalib.viz.flow import flow_figure, flow_to_rgb, flow_wheel
from udalib.viz.games import game_curves
from udalib.viz.labels import colorize, legend, overlay, present_ids
from udalib.viz.samples import beside, error_map, show_samples
from udalib.viz.sentences import effect_sentence, selection_sentence, sensitivity_sentence
from udalib.viz.simplex import entropy_simplex
from udalib.viz.statistics import class_frequencies_figure, confusion_figure, iou_bars, percent
from udalib.viz.sweeps import sweep_curves, sweep_lines
from udalib.viz.tables import Table
from udalib.viz.theme import Picture, bar_style, line_style, new_figure, to_array, to_png
from udalib.viz.uncertainty import entropy, entropy_histogram, threshold_figure

__all__ = [
    "Choice",
    "EntropyExplorer",
    "Explorer",
    "Picture",
    "Several",
    "Slider",
    "Stops",
    "SweepExplorer",
    "Table",
    "Toggle",
    "VerdictExplorer",
    "attention_figure",
    "bar_style",
    "beside",
    "class_frequencies_figure",
    "colorize",
    "confusion_figure",
    "curves",
    "effect_sentence",
    "effects_figure",
    "energy_radius",
    "entropy",
    "entropy_histogram",
    "entropy_simplex",
    "error_map",
    "flow_figure",
    "flow_to_rgb",
    "flow_wheel",
    "game_curves",
    "iou_bars",
    "legend",
    "line_style",
    "new_figure",
    "output_space",
    "overlay",
    "percent",
    "present_ids",
    "receptive_field_figure",
    "selection_sentence",
    "sensitivity_sentence",
    "show_samples",
    "smooth",
    "sweep_curves",
    "sweep_lines",
    "threshold_figure",
    "to_array",
    "to_png",
    "verdict",
    "verdict_before_after",
]
