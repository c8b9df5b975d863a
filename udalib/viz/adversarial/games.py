"""Curves of the game between a segmentation network and its discriminator."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from udalib.analysis.runs.sweeps import LOSSES
from udalib.core.errors import ConfigError
from udalib.viz.charts.curves import add_curve, add_reference
from udalib.viz.theme import Picture, new_figure, tidy

History = Mapping[str, Sequence[float]]
"""Columns of one run: ``iteration``, ``loss_seg_main``, ``loss_adv_main`` and the two halves of D's loss."""

SOURCE_HALF, TARGET_HALF = "loss_d_main_source", "loss_d_main_target"
GAME_TITLES = ("segmentation, source: L_seg", "deceiving D, target: L_adv", "discriminator: L_D")
UNDECIDED = float(np.log(2))


def game_curves(
    history: Mapping[str, History | Sequence[History]], healthy: tuple[float, float] = (0.2, 0.5)
) -> Picture:
    """Draw L_seg, L_adv and L_D over the iterations, one line a run title, or thin lines and their mean for seeds.

    L_D is the mean of the source and the target half, as the published code prints it. The band ``healthy`` is what
    the maintainers of AdaptSegNet report of good runs with the vanilla loss on their data (issue 22), no law for
    others; the dotted line at log 2 is a vanilla discriminator that is undecided.

    Args:
        history: run title -> columns of one run, or of one run a seed.
        healthy: of L_D.

    Raises:
        ConfigError: nothing to draw, or a run lacks a column or has columns of unlike length.
    """
    if not history:
        raise ConfigError("there is no run to draw; give at least one.")
    figure, axes = new_figure(12.0, 3.6, 1, 3)
    for index, (name, runs) in enumerate(history.items()):
        seeds = [_columns(name, run) for run in ([runs] if isinstance(runs, Mapping) else runs)]
        for panel, column in zip(axes, ("loss_seg_main", "loss_adv_main", "loss_d"), strict=True):
            add_curve(panel, index, name, [(run["iteration"], run[column]) for run in seeds])
    _healthy_band(axes[2], *healthy)
    add_reference(axes[1], "undecided (vanilla)", UNDECIDED, below=True)
    add_reference(axes[2], "undecided (vanilla)", UNDECIDED)
    for panel, title in zip(axes, GAME_TITLES, strict=True):
        panel.set(xlabel="iteration", ylim=(0, 1.06 * panel.get_ylim()[1]))
        panel.set_title(title, fontsize=10)
        tidy(panel, grid="y")
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=3, fontsize=8)
    return figure


def _healthy_band(axes: Axes, low: float, high: float) -> None:
    axes.axhspan(low, high, color="#009E73", alpha=0.15, linewidth=0)
    text = f"healthy on their data, say the maintainers: {low:g} to {high:g}"
    axes.text(0.02, low, text, transform=axes.get_yaxis_transform(), fontsize=7, va="bottom")


def _columns(name: str, run: History) -> dict[str, NDArray[np.float64]]:
    """Columns of a run as arrays, with ``loss_d``, the mean of D's halves."""
    missing = [column for column in ("iteration", *LOSSES) if column not in run]
    if missing:
        raise ConfigError(f"run {name!r} has no {', '.join(missing)}; give the columns of an adversarial training.")
    columns = {column: np.asarray(run[column], float) for column in ("iteration", *LOSSES)}
    if len({len(values) for values in columns.values()}) > 1:
        raise ConfigError(f"run {name!r} has columns of unlike length; give one value an iteration in each.")
    return {**columns, "loss_d": (columns[SOURCE_HALF] + columns[TARGET_HALF]) / 2}
