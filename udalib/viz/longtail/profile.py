"""Sizes of classes from head to tail, with many, medium and few told apart."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes

from udalib.core.errors import ConfigError
from udalib.metrics.long_tail import GROUPS, shot_groups
from udalib.viz.theme import Picture, bar_style, new_figure, tidy

READABLE = 12
"""Classes whose names and numbers can be read side by side."""
LINE: dict[str, Any] = {"color": "#000000", "marker": "o", "markersize": 3.5, "linewidth": 1.0, "linestyle": "--"}


def profile_figure(
    counts: Sequence[int], names: Sequence[str], shots: tuple[int, int], *, title: str = "", line: Sequence[int] = ()
) -> Picture:
    """Bars of ``counts`` on a logarithmic axis, the largest class first, by group.

    Args:
        counts: pictures, or things, of each class.
        names: of the classes.
        shots: (many, few): more than the first number is many, fewer than the second is few.
        title: of the figure.
        line: sizes of a profile to draw over the bars, largest first; empty = none.

    Raises:
        ConfigError: no class, or not one name a class.
    """
    if not counts or len(counts) != len(names):
        raise ConfigError(f"give one name a class: {len(names)} names for {len(counts)} counts.")
    order = sorted(range(len(counts)), key=lambda c: -counts[c])
    figure, (axes,) = new_figure(8.4, 3.6)
    for group, classes in shot_groups(counts, *shots).items():
        if classes:
            label = f"{group}: {len(classes)} class{'' if len(classes) == 1 else 'es'}"
            places = sorted(order.index(c) for c in classes)
            heights, style = [counts[order[p]] for p in places], {"label": label, **bar_style(GROUPS.index(group))}
            if len(counts) <= READABLE:
                axes.bar(places, heights, **style)
            else:  # one outline: a thousand hatched bars take seconds to draw
                edges = [places[0] - 0.5, *(place + 0.5 for place in places)]
                axes.stairs(heights, edges, baseline=0.1, fill=True, **style)
    if line:
        axes.plot(range(len(line)), line, label="exponential profile", **LINE)
    _ticks(axes, [names[c] for c in order], [counts[c] for c in order])
    axes.set(yscale="log", ylabel="number (logarithmic)", ylim=(0.6, 6 * max(*counts, 1)))
    axes.set_title(f"{title}; {_head(counts)}" if title else _head(counts), fontsize=10)
    axes.legend(fontsize=8, loc="upper right")
    tidy(axes, grid="y")
    return figure


def _ticks(axes: Axes, names: Sequence[str], counts: Sequence[int]) -> None:
    """Names below and numbers above the bars, where there is room for them."""
    if len(names) > READABLE:
        axes.set_xlabel(f"{len(names)} classes, the largest first")
        return
    turned: dict[str, Any] = (
        {"rotation": 25, "ha": "right", "rotation_mode": "anchor"} if max(map(len, names)) > 4 else {}
    )
    axes.set_xticks(range(len(names)), names, fontsize=8, **turned)
    for place, count in enumerate(counts):
        axes.text(place, max(count, 0.6) * 1.06, str(count), ha="center", va="bottom", fontsize=8)


def _head(counts: Sequence[int]) -> str:
    """What the largest third of the classes holds, in words."""
    third = max(1, len(counts) // 3)
    share = sum(sorted(counts, reverse=True)[:third]) / max(sum(counts), 1)
    classes = "the largest class holds" if third == 1 else f"the {third} largest classes hold"
    return f"{classes} {100 * share:.0f} % of {sum(counts)}"
