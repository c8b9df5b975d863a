"""What recipes gain over a baseline: each seed's difference, their mean and its interval."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from udalib.core.errors import ConfigError, unknown_name
from udalib.viz.theme import COLORS, TEXT_COLOR, Picture, new_figure, tidy

VERDICTS: dict[str, dict[str, Any]] = {
    "better": {"color": COLORS[0], "marker": "^", "label": "mean, interval above 0"},
    "unclear": {"color": "#666666", "marker": "o", "label": "mean, interval holds 0 (or is unknown)"},
    "worse": {"color": COLORS[5], "marker": "v", "label": "mean, interval below 0"},
}
SEED: dict[str, Any] = {
    "marker": "o",
    "markersize": 4,
    "linestyle": "",
    "markerfacecolor": "white",
    "markeredgecolor": "black",
}


def effects_figure(
    record: Mapping[str, Any], *, metric: str = "target/miou", baselines: Sequence[str] | None = None, title: str = ""
) -> Picture:
    """Dots and intervals of the paired differences in ``record``, one panel a baseline, one row a recipe.

    Args:
        record: what ``benchmarks/effect.py`` writes; of it the list "effects" is read (percent points).
        metric: which of the measured metrics.
        baselines: panels from left to right; None = every baseline of the record.
        title: above all panels.

    Raises:
        ConfigError: the record holds no effect in this metric.
        UnknownNameError: a baseline that the record does not know.
    """
    effects = [effect for effect in record["effects"] if effect["metric"] == metric]
    if not effects:
        known = sorted({effect["metric"] for effect in record["effects"]})
        raise ConfigError(f"the record has no effect in {metric!r}; it has {', '.join(known) or 'none at all'}.")
    families = {b: [e for e in effects if e["baseline"] == b] for b in dict.fromkeys(e["baseline"] for e in effects)}
    for name in baselines or ():
        if name not in families:
            raise unknown_name("baseline", name, families)
    chosen = list(baselines or families)
    names = list(dict.fromkeys(effect["recipe"] for effect in effects if effect["baseline"] in chosen))
    size = (2.6 + 3.7 * len(chosen), 0.34 * len(names) + 1.6)
    figure, panels = new_figure(*size, 1, len(chosen), sharex=True, sharey=True)
    for axes, baseline in zip(panels, chosen, strict=True):
        _panel(axes, families[baseline], names, f"over {baseline}", metric)
    panels[0].set_yticks(range(len(names)), names, fontsize=8)
    panels[0].set_ylim(len(names) - 0.4, -1.0)
    seed = Line2D([], [], **SEED, label="one seed")
    marks = [Line2D([], [], **style, linewidth=1.8, markersize=7) for style in VERDICTS.values()]
    figure.legend(handles=[seed, *marks], loc="outside lower center", ncols=2 * len(chosen), fontsize=8, frameon=False)
    if title:
        figure.suptitle(title, fontsize=11, color=TEXT_COLOR)
    return figure


def verdict(effect: Mapping[str, Any]) -> str:
    """Where the 95 % interval of ``effect`` lies: "better" above 0, "worse" below 0, else "unclear".

    >>> verdict({"interval": [0.2, 1.9]}), verdict({"interval": [-0.2, 1.9]}), verdict({"interval": None})
    ('better', 'unclear', 'unclear')
    """
    low, high = effect["interval"] or (0.0, 0.0)
    return "better" if low > 0 else "worse" if high < 0 else "unclear"


def _panel(axes: Axes, family: Sequence[Mapping[str, Any]], names: Sequence[str], title: str, metric: str) -> None:
    """Draw the recipes of one baseline at the heights of ``names``; mean and wins stand at the right edge."""
    right = axes.get_yaxis_transform()
    axes.axvline(0, color=TEXT_COLOR, linewidth=1.0)
    axes.text(1.01, -0.75, "mean  wins", transform=right, fontsize=7.5, va="center", color=TEXT_COLOR)
    for effect in family:
        height = names.index(effect["recipe"])
        style = VERDICTS[verdict(effect)]
        if effect["interval"] is not None:
            axes.hlines(height, *effect["interval"], color=style["color"], linewidth=1.8)
        axes.plot(effect["differences"], [height + 0.3] * effect["n"], **SEED)
        axes.plot(effect["mean"], height, color=style["color"], marker=style["marker"], markersize=8)
        text = f"{effect['mean']:+.1f}  {effect['wins']}/{effect['n']}"
        axes.text(1.01, height, text, transform=right, fontsize=7.5, va="center", color=TEXT_COLOR)
    axes.set_title(title, fontsize=9, color=TEXT_COLOR)
    axes.set_xlabel(f"difference in {metric}, percent points; 95 % interval", fontsize=8)
    tidy(axes, grid="x")
