"""Scores of ``benchmarks/painters.py`` as shares of what each untouched network has above chance, seed by seed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import mean, stdev
from typing import Any

from udalib.analysis.layers.scores import normalised_score
from udalib.analysis.layers.trials import LAYER_PLANS
from udalib.core.errors import ConfigError, unknown_name
from udalib.recipes.report.text import markdown_table

Record = Mapping[str, Any]


def title_of(trial: Mapping[str, Any]) -> str:
    """How a plan is called in tables; random orders share a title."""
    name = str(trial["plan"])
    return f"parallel, {trial['loops']} loops" if name == "loop_parallel" else name.replace("_", " ")


def runs_of(record: Record, recipe: str) -> list[Mapping[str, Any]]:
    """The runs of ``recipe``, one a seed.

    Raises:
        UnknownNameError: the record has none.
    """
    found = [run for run in record["runs"] if run["recipe"] == recipe]
    if not found:
        raise unknown_name("recipe of the record", recipe, {run["recipe"] for run in record["runs"]})
    return found


def shares(record: Record, recipe: str, domain: str) -> list[list[float]]:
    """One list a run, one share a trial of the record: (score - chance) / (full - chance) of the run itself."""
    return [
        normalised_score(run["scores"][domain], full=run["full"][domain], chance=run["chance"][domain]).tolist()
        for run in runs_of(record, recipe)
    ]


def middle_shares(record: Record, recipe: str, domain: str) -> dict[str, dict[int, list[float]]]:
    """Plans of the middle: title -> layers in the middle -> a share a seed (of random orders, the mean of the draws).

    Starts whose middle is too short to change anything are left out.
    """
    layers, rows = int(record["layers"]), shares(record, recipe, domain)
    found: dict[str, dict[int, list[float]]] = {}
    places: dict[tuple[str, int], list[int]] = {}
    for index, trial in enumerate(record["trials"]):
        if trial["plan"] not in LAYER_PLANS:
            places.setdefault((title_of(trial), layers - 2 * trial["start"] - 1), []).append(index)
    for (title, middle), indices in places.items():
        if middle > 1:
            found.setdefault(title, {})[middle] = [mean(row[i] for i in indices) for row in rows]
    return found


def layer_shares(record: Record, recipe: str, domain: str, plan: str) -> dict[int, list[float]]:
    """Plans of one layer: layer -> a share a seed.

    Raises:
        UnknownNameError: ``plan`` is none of them.
    """
    if plan not in LAYER_PLANS:
        raise unknown_name("plan of one layer", plan, LAYER_PLANS)
    rows = shares(record, recipe, domain)
    trials = enumerate(record["trials"])
    return {trial["start"]: [row[i] for row in rows] for i, trial in trials if trial["plan"] == plan}


def spread(values: Sequence[float], scale: float = 100) -> str:
    """Mean and standard deviation over seeds, in percent.

    >>> spread([0.5, 0.7])
    '60 ± 14'
    """
    several = f" ± {scale * stdev(values):.0f}" if len(values) > 1 else ""
    return f"{scale * mean(values):.0f}{several}"


def plan_rows(record: Record, recipes: Sequence[str], domains: Sequence[str], middle: int) -> list[tuple[str, ...]]:
    """A row a plan with ``middle`` layers in the middle: its title, and the spread for each recipe and domain.

    Raises:
        ConfigError: the record has no such middle.
    """
    columns = [middle_shares(record, recipe, domain) for recipe in recipes for domain in domains]
    known = sorted({m for values in columns[0].values() for m in values})
    if middle not in known:
        raise ConfigError(f"the record has no plans with {middle} layers in the middle, only {known}.")
    return [(title, *(spread(column[title][middle]) for column in columns)) for title in columns[0]]


def plans_markdown(record: Record, recipes: Sequence[str], middle: int, domains: Sequence[str] = ("target",)) -> str:
    """The table of :func:`plan_rows` under a first row with the untouched networks' mIoU in percent."""
    heads = [f"{recipe}, {domain}" for recipe in recipes for domain in domains]
    full = [[run["full"][d] for run in runs_of(record, recipe)] for recipe in recipes for d in domains]
    untouched = [f"{mean(values):.1f}" + (f" ± {stdev(values):.1f}" if len(values) > 1 else "") for values in full]
    rows = [("untouched: mIoU in percent", *untouched), *plan_rows(record, recipes, domains, middle)]
    return markdown_table(("plan", *heads), rows)
