"""Which measure goes with the target mIoU: a record of ``benchmarks/features.py`` as table, picture and sentence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from udalib.analysis.features.measuring.association import SAME_AS_SCORE
from udalib.core.errors import unknown_name
from udalib.recipes.report.text import markdown_table
from udalib.viz.charts.records import WAITING
from udalib.viz.charts.tables import Table
from udalib.viz.theme import Picture, line_style, new_figure, tidy

Record = Mapping[str, Any]
ARROWS = {"low": "↓", "high": "↑"}
HEADER = ("measure", "Spearman, all runs", "Pearson, all runs", "Spearman, inside recipes", "strongest")
NOTE = (
    "Correlation with the target mIoU, 95 % interval in brackets (recipes drawn whole); ↓ ↑ what adaptation wants, so "
    "a useful measure has the sign - at ↓ and + at ↑. Inside recipes: of the deviations from each recipe's mean. "
    "Strongest: share of resamples in which the measure has the largest absolute Spearman correlation."
)


def prediction_table(record: Record | None, layer: str | None = None) -> Table:
    """A row a measure: its correlations with the target mIoU over the runs of a record, the strongest first.

    Args:
        record: of ``benchmarks/features.py``; None if there is none yet.
        layer: one of the record's; None = the last.

    Raises:
        UnknownNameError: the record has no such layer.
    """
    if record is None:
        return Table(HEADER, [(WAITING, *[""] * (len(HEADER) - 1))])
    runs = record["runs"]
    about = f"{len(runs)} runs of {len({run['recipe'] for run in runs})} recipes, layer {_layer(record, layer)}."
    return Table(HEADER, prediction_rows(record, layer), f"{about} {NOTE} Repeat: {record['command']}")


def prediction_rows(record: Record, layer: str | None = None) -> list[tuple[str, ...]]:
    """Cells of :func:`prediction_table`, the largest absolute Spearman correlation first."""
    found = record["correlation"][_layer(record, layer)]
    order = sorted(found, key=lambda name: -abs(found[name]["spearman"]["value"] or 0.0))
    return [_row(record["titles"][name], found[name]) for name in order]


def prediction_markdown(record: Record, layer: str | None = None) -> str:
    """The same as a Markdown table for the README, which a test holds to the record."""
    return str(markdown_table(HEADER, prediction_rows(record, layer)))


def prediction_figure(
    record: Record, names: Sequence[str], layer: str | None = None, *, inside: bool = False
) -> Picture:
    """Draw some measures against the target mIoU: a mark a run, colour and shape a recipe.

    Args:
        record: of ``benchmarks/features.py``.
        names: of measures.
        layer: one of the record's; None = the last.
        inside: deviations from the mean of the recipe instead, of recipes with two runs or more.

    Raises:
        UnknownNameError: a measure or layer that the record does not have.
    """
    layer = _layer(record, layer)
    for name in names:
        if name not in record["titles"]:
            raise unknown_name("measure", name, record["titles"])
    recipes = list(dict.fromkeys(run["recipe"] for run in record["runs"]))
    columns = min(3, len(names))
    beside = 4 if columns > 1 else 3
    rows, below = -(-len(names) // columns), -(-len(recipes) // beside)
    figure, axes = new_figure(12.6 if columns > 1 else 7.6, 3.1 * rows + 0.24 * below + 0.2, rows, columns)
    for panel, name in zip(axes, names, strict=False):
        for i, recipe in enumerate(recipes):
            points = [
                (_float(run["measures"][layer].get(name)), run["target_miou"])
                for run in record["runs"]
                if run["recipe"] == recipe
            ]
            if inside and len(points) < 2:
                continue
            xy = np.array(points) - (np.mean(points, axis=0) if inside else 0.0)
            filled = {} if i < 8 else {"markerfacecolor": "white"}
            style = {**line_style(i), "linestyle": "", "markersize": 6, **filled}
            panel.plot(*xy.T, label=recipe, **style)
        panel.set_title(f"{_title(record['titles'][name])}\n{_coefficient(record, layer, name, inside)}", fontsize=9)
        panel.tick_params(labelsize=8)
        panel.locator_params(axis="x", nbins=5)
        tidy(panel, grid="both")
    for panel in axes[: len(names) : columns]:
        panel.set_ylabel("mIoU on the target" + (", less the recipe's mean" if inside else ", %"), fontsize=9)
    for panel in axes[len(names) :]:
        panel.axis("off")
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=beside, fontsize=8, frameon=False)
    return figure


def prediction_sentence(record: Record, layer: str | None = None) -> str:
    """What the record says of a layer: the strongest measure, how sure that is, and what is left inside recipes.

    The accuracy at the points, which is the score in other words, does not compete.
    """
    layer = _layer(record, layer)
    every = record["correlation"][layer]
    found = {n: each for n, each in every.items() if n not in SAME_AS_SCORE and each["spearman"]["value"]}
    if not found:
        return f"In {layer} no measure varies together with the target mIoU."
    best = max(found, key=lambda n: abs(found[n]["spearman"]["value"]))
    each, name = found[best], record["titles"][best]["title"]
    known = {n: e["within_spearman"] for n, e in found.items() if e["within_spearman"]["interval"]}
    clear = [record["titles"][n]["title"] for n, c in known.items() if c["interval"][0] > 0 or c["interval"][1] < 0]
    inside = (
        f"Inside recipes the interval of {', '.join(clear)} leaves out 0."
        if clear
        else "Inside recipes no interval leaves out 0: which of several seeds is better, no measure is shown to say."
    )
    return (
        f"Over {each['runs']} runs of {each['recipes']} recipes the measure in {layer} that goes best with the target "
        f"mIoU is {name}, Spearman {_cell(each['spearman'])}; it is the strongest in {100 * each['strongest']:.0f} % "
        f"of the resamples. {inside}"
    )


def _row(title: Mapping[str, str], found: Mapping[str, Any]) -> tuple[str, ...]:
    cells = (_cell(found[key]) for key in ("spearman", "pearson", "within_spearman"))
    return _title(title), *cells, f"{100 * found['strongest']:.0f} %"


def _cell(coefficient: Mapping[str, Any]) -> str:
    """A correlation with its interval.

    >>> _cell({"value": -0.5, "interval": [-0.75, -0.125]}), _cell({"value": None, "interval": None})
    ('-0.50 [-0.75, -0.12]', '-')
    """
    if coefficient["value"] is None:
        return "-"
    interval = coefficient["interval"]
    return f"{coefficient['value']:+.2f}" + (f" [{interval[0]:+.2f}, {interval[1]:+.2f}]" if interval else "")


def _coefficient(record: Record, layer: str, name: str, inside: bool) -> str:
    found = record["correlation"][layer].get(name)
    if not found:
        return "in fewer than two runs"
    where, key = ("inside recipes", "within_spearman") if inside else ("all runs", "spearman")
    return f"Spearman, {where}: {_cell(found[key])}"


def _title(title: Mapping[str, str]) -> str:
    return f"{title['title']} {ARROWS[title['better']]}"


def _layer(record: Record, layer: str | None) -> str:
    layers = list(record["correlation"])
    if layer is not None and layer not in layers:
        raise unknown_name("layer of the record", layer, layers)
    return layers[-1] if layer is None else layer


def _float(value: float | None) -> float:
    return np.nan if value is None else float(value)
