"""Figures (pure functions that return a Matplotlib figure) and explorers (the same with controls in Jupyter)."""

from udalib.viz.adversarial import verdict, verdict_before_after
from udalib.viz.adversarial_explorers import EntropyExplorer, SweepExplorer, VerdictExplorer
from udalib.viz.appearance import output_space
from udalib.viz.assigned import assigned_figure
from udalib.viz.attention import attention_figure, energy_radius, receptive_field_figure
from udalib.viz.calibration import Reliability, TeacherOutput, class_precision, kept_and_precision, reliability
from udalib.viz.curves import curves, smooth
from udalib.viz.detail_explorer import DetailExplorer
from udalib.viz.effects import effects_figure
from udalib.viz.ema import ema_decay_figure, teacher_lag_figure, toy_run
from udalib.viz.explorers import Choice, Explorer, Several, Slider, Stops, Toggle
from udalib.viz.feature_distance import feature_distance_figure
from udalib.viz.feature_distance_explorer import FeatureDistanceExplorer
from udalib.viz.flow import flow_figure, flow_to_rgb, flow_wheel
from udalib.viz.games import game_curves
from udalib.viz.labels import colorize, legend, overlay, present_ids
from udalib.viz.masked_view import MaskedView, draw_masks, view_masked
from udalib.viz.masking import mask_gallery, masking_figure
from udalib.viz.masking_explorer import MaskingExplorer
from udalib.viz.mixing import MixedPair, dacs_step, mix_pair, mixing_figure
from udalib.viz.mixing_explorer import MixingExplorer, mixing_mask
from udalib.viz.pseudo_label_explorer import PseudoLabelExplorer
from udalib.viz.pseudo_labels import kept_curves, pseudo_label_figure
from udalib.viz.rare_class_explorer import Collection, RareClassExplorer, known_collections
from udalib.viz.rare_class_images import drawn_images
from udalib.viz.rare_classes import crops_figure, sampled_figure, temperature_figure, unseen_figure
from udalib.viz.samples import beside, error_map, show_samples
from udalib.viz.sentences import effect_sentence, selection_sentence, sensitivity_sentence
from udalib.viz.simplex import entropy_simplex
from udalib.viz.stand_in import stand_in_logits
from udalib.viz.statistics import class_frequencies_figure, confusion_figure, iou_bars, percent
from udalib.viz.sweeps import sweep_curves, sweep_lines
from udalib.viz.tables import Table
from udalib.viz.theme import Picture, bar_style, line_style, new_figure, to_array, to_png
from udalib.viz.two_scales import ScalesView, scales_figure, view_scales
from udalib.viz.uncertainty import entropy, entropy_histogram, threshold_figure

__all__ = [
    "Choice",
    "Collection",
    "DetailExplorer",
    "EntropyExplorer",
    "Explorer",
    "FeatureDistanceExplorer",
    "MaskedView",
    "MaskingExplorer",
    "MixedPair",
    "MixingExplorer",
    "Picture",
    "PseudoLabelExplorer",
    "RareClassExplorer",
    "Reliability",
    "ScalesView",
    "Several",
    "Slider",
    "Stops",
    "SweepExplorer",
    "Table",
    "TeacherOutput",
    "Toggle",
    "VerdictExplorer",
    "assigned_figure",
    "attention_figure",
    "bar_style",
    "beside",
    "class_frequencies_figure",
    "class_precision",
    "colorize",
    "confusion_figure",
    "crops_figure",
    "curves",
    "dacs_step",
    "draw_masks",
    "drawn_images",
    "effect_sentence",
    "effects_figure",
    "ema_decay_figure",
    "energy_radius",
    "entropy",
    "entropy_histogram",
    "entropy_simplex",
    "error_map",
    "feature_distance_figure",
    "flow_figure",
    "flow_to_rgb",
    "flow_wheel",
    "game_curves",
    "iou_bars",
    "kept_and_precision",
    "kept_curves",
    "known_collections",
    "legend",
    "line_style",
    "mask_gallery",
    "masking_figure",
    "mix_pair",
    "mixing_figure",
    "mixing_mask",
    "new_figure",
    "output_space",
    "overlay",
    "percent",
    "present_ids",
    "pseudo_label_figure",
    "receptive_field_figure",
    "reliability",
    "sampled_figure",
    "scales_figure",
    "selection_sentence",
    "sensitivity_sentence",
    "show_samples",
    "smooth",
    "stand_in_logits",
    "sweep_curves",
    "sweep_lines",
    "teacher_lag_figure",
    "temperature_figure",
    "threshold_figure",
    "to_array",
    "to_png",
    "toy_run",
    "unseen_figure",
    "verdict",
    "verdict_before_after",
    "view_masked",
    "view_scales",
]
