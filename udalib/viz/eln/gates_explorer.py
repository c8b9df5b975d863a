"""The explorer of the gates: factors and the main decoder's loss against when each auxiliary decoder learns."""

from __future__ import annotations

from matplotlib.figure import Figure
from torch import Tensor

from udalib.viz.eln.gates import gates_figure, main_curve, play_gates
from udalib.viz.explorer.explorer import Control, Explorer, Slider, Stops

ALPHAS = (1.0, 2.0, 5.0, 10.0, 20.0, 50.0)
SETTLES = (0.02, 0.05, 0.1, 0.2, 0.35, 0.5)


class GatesExplorer(Explorer):
    """Two linear decoders behind their gates, beside a main decoder whose loss is made up.

    Args:
        pixels: what the decoders see, float (N, D).
        label: train ids (N,), below ``num_classes``.
        num_classes: C.
        iterations: length of each training that is played.

    Controls: ``first`` and ``second``, the factors alpha of the two; ``settles``, where the main decoder's loss ends;
    ``pretrain``, iterations of the main decoder alone at first; ``draw``, other weights and batches.
    """

    def __init__(self, pixels: Tensor, label: Tensor, num_classes: int = 19, *, iterations: int = 200) -> None:
        def figure(first: float, second: float, settles: float, pretrain: int, draw: int) -> Figure:
            main = main_curve(iterations + pretrain, settles, num_classes, draw)[pretrain:]
            run = play_gates(pixels, label, main, (first, second), num_classes=num_classes, seed=draw)
            return gates_figure(run, start=pretrain, title=f"alpha {first:g} and {second:g}; the main loss is made up")

        controls: dict[str, Control] = {
            "first": Stops("alpha of auxiliary decoder 0", ALPHAS, 5.0),
            "second": Stops("alpha of auxiliary decoder 1", ALPHAS, 10.0),
            "settles": Stops("Main loss at the end", SETTLES, 0.1),
            "pretrain": Slider("Iterations without them at first", 0, 200, 50, 50),
            "draw": Slider("Another draw", 0, 4, 1, 0),
        }
        super().__init__("When does an auxiliary decoder learn?", figure, controls, sheet_columns=1)
