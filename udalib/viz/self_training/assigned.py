"""Which classes a network assigns while it learns: shares of pixels over the iterations, against the true shares."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.image import AxesImage
from numpy.typing import NDArray

from udalib.analysis.runs.following import Followed
from udalib.core.errors import ConfigError
from udalib.data.labels import LabelSpace
from udalib.viz.theme import Picture, new_figure

FEW = 0.1
"""Below this part of its true share a class counts as missing, and its cell carries a cross."""
TICKS = {0.1: "1/10", 1 / 3: "1/3", 1.0: "1", 3.0: "3", 10.0: "10"}


def assigned_figure(followed: Mapping[str, Sequence[Followed]], space: LabelSpace, *, title: str = "") -> Picture:
    """Draw a map a training: share of pixels assigned to each class (rows) at each evaluation (columns).

    Colour is the assigned share over the true one (brown: too few, green: too many); a cross marks less than a tenth.
    Rows are the classes that occur, the most common first, with their true share.

    Args:
        followed: name of a training to its seeds, whose shares are averaged.
        space: names of the classes.
        title: above all panels.

    Raises:
        ConfigError: no training, one without a seed, or seeds that were not evaluated at the same iterations.
    """
    if not followed or not all(followed.values()):
        raise ConfigError("there is no training to draw; give at least one, with at least one seed.")
    truth = np.mean([run.truth for runs in followed.values() for run in runs], axis=0)
    rows = np.argsort(-truth, kind="stable")[: np.count_nonzero(truth)]
    figure, axes = new_figure(2.6 + 2.8 * len(followed), 0.25 * len(rows) + 1.5, 1, len(followed), sharey=True)
    for panel, (name, runs) in zip(axes, followed.items(), strict=True):
        seeds = f"{len(runs)} seed{'s' if len(runs) > 1 else ''}"
        image = _panel(panel, _mean(name, runs)[:, rows] / truth[rows], runs[0].iterations)
        panel.set_title(f"{name} ({seeds})", fontsize=10)
    axes[0].set_yticks(range(len(rows)), [f"{space.names[c]}  {100 * truth[c]:.2g} %" for c in rows], fontsize=8)
    bar = figure.colorbar(image, ax=axes, shrink=0.8, ticks=np.log10(list(TICKS)))
    bar.ax.set_yticklabels(list(TICKS.values()), fontsize=8)
    bar.set_label("assigned share / true share; cross: below 1/10", fontsize=8)
    figure.suptitle(title, fontsize=11)
    return figure


def _mean(name: str, runs: Sequence[Followed]) -> NDArray[np.float64]:
    """Mean share over seeds, (n, C)."""
    if any(not np.array_equal(run.iterations, runs[0].iterations) for run in runs):
        raise ConfigError(f"the seeds of {name!r} were not evaluated at the same iterations; train them alike.")
    return np.asarray(np.mean([run.assigned for run in runs], axis=0), dtype=np.float64)


def _panel(axes: Axes, ratio: NDArray[np.float64], iterations: NDArray[np.int64]) -> AxesImage:
    """Draw ``ratio`` (n, rows) as a map; the image, for the colour bar."""
    shown = np.log10(np.clip(ratio, 1e-2, 1e2)).T
    image = axes.imshow(shown, cmap="BrBG", vmin=-1, vmax=1, aspect="auto", interpolation="nearest")
    for row, column in zip(*np.nonzero(ratio.T < FEW), strict=True):
        axes.text(column, row, "×", ha="center", va="center", fontsize=8, color="white")
    step = max(1, len(iterations) // 5)
    places = range(step - 1, len(iterations), step)
    axes.set_xticks(places, [str(iterations[i]) for i in places], fontsize=8)
    axes.set_xlabel("iteration")
    return image
