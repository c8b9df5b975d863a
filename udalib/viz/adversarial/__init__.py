"""Figures and explorers of the adversarial line: verdicts of discriminators, games over iterations, entropy, sweeps."""

from udalib.viz.adversarial.appearance import output_space
from udalib.viz.adversarial.explorers import EntropyExplorer, SweepExplorer, VerdictExplorer
from udalib.viz.adversarial.games import game_curves
from udalib.viz.adversarial.simplex import entropy_simplex
from udalib.viz.adversarial.sweeps import sweep_curves, sweep_lines
from udalib.viz.adversarial.verdicts import verdict, verdict_before_after

__all__ = [
    "EntropyExplorer",
    "SweepExplorer",
    "VerdictExplorer",
    "entropy_simplex",
    "game_curves",
    "output_space",
    "sweep_curves",
    "sweep_lines",
    "verdict",
    "verdict_before_after",
]
