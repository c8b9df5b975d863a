"""Figures and explorers of ELN: judges of wrong pixels, gates of bad decoders, pixel contrast."""

from udalib.viz.eln.contrast import ContrastView, contrast_figure, view_contrast
from udalib.viz.eln.contrast_explorer import ContrastExplorer, Embedded
from udalib.viz.eln.curves import judges_figure
from udalib.viz.eln.decoders import DecodedImages, decoders_figure
from udalib.viz.eln.decoders_explorer import DecodersExplorer
from udalib.viz.eln.gates import GateRun, gates_figure, main_curve, play_gates
from udalib.viz.eln.gates_explorer import GatesExplorer
from udalib.viz.eln.kept_and_dropped import kept_and_dropped_figure, six_panels_figure
from udalib.viz.eln.threshold_explorer import ThresholdExplorer
from udalib.viz.eln.verdicts import JudgedImages

__all__ = [
    "ContrastExplorer",
    "ContrastView",
    "DecodedImages",
    "DecodersExplorer",
    "Embedded",
    "GateRun",
    "GatesExplorer",
    "JudgedImages",
    "ThresholdExplorer",
    "contrast_figure",
    "decoders_figure",
    "gates_figure",
    "judges_figure",
    "kept_and_dropped_figure",
    "main_curve",
    "play_gates",
    "six_panels_figure",
    "view_contrast",
]
