"""An anchor and what it is contrasted with, after training on a circle."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes

from udalib.analysis.longtail.optimum import Settled
from udalib.core.errors import ConfigError
from udalib.viz.theme import COLORS, Picture, new_figure


def circle_figure(cases: Mapping[str, Settled], *, title: str = "") -> Picture:
    """One circle a case: the anchor at the top, its own view, the class, and the others where they came to rest.

    Entries whose angle is the same lie on one another; the mean of p(z+|z) and of each of P stands below.

    Raises:
        ConfigError: no case.
    """
    if not cases:
        raise ConfigError("there is no circle to draw; give a case at least.")
    figure, axes = new_figure(2.9 * len(cases), 3.5 + 0.3 * bool(title), 1, len(cases))
    for panel, (name, settled) in zip(axes, cases.items(), strict=True):
        _draw(panel, settled)
        panel.set_title(name, fontsize=10)
        own, rest = float(settled.probability[0]), settled.probability[1 : 1 + settled.count]
        each = f"{float(rest.mean()):.3f}" if settled.count else "none"
        panel.set_xlabel(f"p(own view) = {own:.3f}\np(each of P) = {each}", fontsize=8)
    axes[0].legend(fontsize=7, loc="center")
    if title:
        figure.suptitle(title, fontsize=11)
    return figure


def _draw(axes: Axes, settled: Settled) -> None:
    turn = np.linspace(0, 2 * np.pi, 200)
    axes.plot(np.sin(turn), np.cos(turn), color="#BBBBBB", linewidth=1.0)
    angles, first = settled.angles.numpy(), 1 + settled.count
    kinds = (
        ("other classes", angles[first:], 0.93, {"marker": "x", "color": COLORS[5], "s": 26}),
        ("class (P)", angles[1:first], 1.07, {"marker": "s", "facecolors": "none", "edgecolors": COLORS[1], "s": 34}),
        ("own view", angles[:1], 1.0, {"marker": "o", "color": COLORS[0], "s": 46}),
    )
    for label, angle, radius, style in kinds:
        if len(angle):
            axes.scatter(radius * np.sin(angle), radius * np.cos(angle), label=label, zorder=3, **style)  # type: ignore[arg-type]
    axes.scatter([0], [1.22], marker="v", color="black", s=40, label="anchor")
    axes.set(xlim=(-1.35, 1.35), ylim=(-1.35, 1.4), xticks=[], yticks=[], aspect="equal")
    axes.spines[:].set_visible(False)
