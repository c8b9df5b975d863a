"""Figures and explorers of self-training: pseudo labels, their calibration, the mean teacher, mixing."""

from udalib.analysis.calibration import Reliability
from udalib.viz.self_training.assigned import assigned_figure
from udalib.viz.self_training.calibration import (
    TeacherOutput,
    class_precision,
    kept_and_precision,
    reliability,
)
from udalib.viz.self_training.ema import ema_decay_figure, teacher_lag_figure, toy_run
from udalib.viz.self_training.mixing import MixedPair, dacs_step, mix_pair, mixing_figure
from udalib.viz.self_training.mixing_explorer import MixingExplorer, mixing_mask
from udalib.viz.self_training.pseudo_label_explorer import PseudoLabelExplorer
from udalib.viz.self_training.pseudo_labels import kept_curves, pseudo_label_figure
from udalib.viz.self_training.stand_in import stand_in_logits

__all__ = [
    "MixedPair",
    "MixingExplorer",
    "PseudoLabelExplorer",
    "Reliability",
    "TeacherOutput",
    "assigned_figure",
    "class_precision",
    "dacs_step",
    "ema_decay_figure",
    "kept_and_precision",
    "kept_curves",
    "mix_pair",
    "mixing_figure",
    "mixing_mask",
    "pseudo_label_figure",
    "reliability",
    "stand_in_logits",
    "teacher_lag_figure",
    "toy_run",
]
