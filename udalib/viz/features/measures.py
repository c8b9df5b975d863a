"""Measures of features as a table, as bars, and against the score of the runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from udalib.analysis.features import MEASURES, Atlas
from udalib.core.errors import ConfigError, unknown_name
from udalib.viz.charts.tables import Table
from udalib.viz.theme import MARKERS, Picture, bar_style, line_style, new_figure, shorten, tidy

ARROWS = {"low": "↓", "high": "↑"}
NOTE = "Of pixel cells with as many of each class in both domains; ↓ lower, ↑ higher is what adaptation wants."


def measures_table(atlas: Atlas, layer: str | None = None) -> Table:
    """A row a measure, a column a run (of each layer, or of one)."""
    keys = [key for key in atlas.measures if layer in (None, key[1])]
    if not keys:
        raise unknown_name("layer of this atlas", str(layer), atlas.features.layers)
    several = len({name for _, name in keys}) > 1
    header = ["measure", *(run + f", {name}" * several for run, name in keys)]
    rows = [[_title(name), *(_number(atlas.measures[key].get(name)) for key in keys)] for name in MEASURES]
    if atlas.features.scores:
        texts = [f"{atlas.features.scores[run]:.1f}" if run in atlas.features.scores else "-" for run, _ in keys]
        rows.append(["mIoU on the target, % ↑", *texts])
    return Table(header, rows, NOTE)


def measures_figure(atlas: Atlas, names: Sequence[str] = tuple(MEASURES)) -> Picture:
    """Draw a panel a measure, a group of bars a layer, a bar a run.

    Raises:
        UnknownNameError: a measure that is not in the table.
    """
    for name in names:
        if name not in MEASURES:
            raise unknown_name("measure", name, MEASURES)
    runs, layers = atlas.features.runs, atlas.features.layers
    columns = min(len(names), 4 if len(layers) * len(runs) <= 12 else 3)
    rows = -(-len(names) // columns)
    figure, axes = new_figure(12.6, 2.35 * rows + 0.4, rows, columns)
    width = 0.8 / len(runs)
    for panel, name in zip(axes, names, strict=False):
        for i, run in enumerate(runs):
            values = [_finite(atlas.measures[run, layer].get(name)) for layer in layers]
            places = np.arange(len(layers)) - 0.4 + (i + 0.5) * width
            panel.bar(places, np.nan_to_num(values), width=0.94 * width, label=run, **bar_style(i))
            turned = 90 if len(runs) * len(layers) > 8 else 0  # numbers of narrow bars would touch
            for x, value in zip(places, values, strict=True):
                side = "top" if value < 0 else "bottom"
                panel.text(
                    x, np.nan_to_num(value), f" {_short(value)} ", ha="center", va=side, fontsize=6.5, rotation=turned
                )
        panel.axhline(0, color="#555555", linewidth=0.6)
        panel.set_xticks(range(len(layers)), shorten(layers, 16), fontsize=8)
        panel.set_title(_title(name), fontsize=9)
        panel.tick_params(axis="y", labelsize=7)
        panel.margins(y=0.18 if len(runs) * len(layers) <= 8 else 0.3)
        tidy(panel, grid="y")
    for panel in axes[len(names) :]:
        panel.axis("off")
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=min(4, len(runs)), fontsize=8, frameon=False)
    return figure


def correlation_figure(atlas: Atlas, layer: str, names: Sequence[str] = tuple(MEASURES)) -> Picture:
    """Draw each measure against the target mIoU, a mark a run, with Spearman's rho and its bootstrap interval.

    Raises:
        ConfigError: fewer than two runs have a score.
        UnknownNameError: the atlas has no such layer.
    """
    features = atlas.features
    if layer not in features.layers:
        raise unknown_name("layer of this atlas", layer, features.layers)
    runs = [run for run in features.runs if run in features.scores]
    found = atlas.correlations(layer)
    shown = [name for name in names if name in found]
    if len(runs) < 2 or not shown:
        raise ConfigError("a correlation needs two or more finished runs with a score on the target.")
    columns = min(4, len(shown))
    rows = -(-len(shown) // columns)
    figure, axes = new_figure(12.6, 2.7 * rows + 0.5, rows, columns)
    for panel, name in zip(axes, shown, strict=False):
        for i, run in enumerate(runs):
            style = {**line_style(i), "linestyle": "", "marker": MARKERS[i % len(MARKERS)]}
            value = _finite(atlas.measures[run, layer].get(name))
            panel.plot([value], [features.scores[run]], markersize=7, label=run, **style)
        each = found[name]
        text = "undefined" if each.rho is None else f"{each.rho:+.2f}"
        span = "" if each.interval is None else f" [{each.interval[0]:+.2f}, {each.interval[1]:+.2f}]"
        panel.set_title(f"{_title(name)}\nrho {text}{span}", fontsize=8.5)
        panel.tick_params(labelsize=7)
        panel.margins(0.15)
        panel.locator_params(axis="x", nbins=5)
        tidy(panel, grid="both")
    for panel in axes[: len(shown) : columns]:
        panel.set_ylabel("mIoU on the target, %", fontsize=8)
    for panel in axes[len(shown) :]:
        panel.axis("off")
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=min(4, len(runs)), fontsize=8, frameon=False)
    return figure


def measure_sentence(values: Mapping[str, float | None]) -> str:
    """The gap and the classes of one layer of one run in a sentence."""
    return (
        f"A linear classifier tells the domains apart with a proxy A-distance of {_number(values['a_distance'])} "
        f"(0 to 2); of the nearest source points of a target point, {100 * (values['source_to_target'] or 0):.0f} % "
        f"are of its class."
    )


def _title(name: str) -> str:
    return f"{MEASURES[name].title} {ARROWS[MEASURES[name].better]}"


def _finite(value: float | None) -> float:
    return value if value is not None and np.isfinite(value) else float("nan")


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3g}"


def _short(value: float) -> str:
    return f"{value:.2g}" if np.isfinite(value) else "-"
