"""A comparison of two runs, and a bisection of their gap, as text for a terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from udalib.recipes.compare.bisect import Bisection, Toggle
from udalib.recipes.compare.curves import Parting
from udalib.recipes.compare.pair import Pair
from udalib.recipes.report.groups import Spread
from udalib.recipes.report.text import plain_table

WIDEST = 60
"""Characters of a value in a table."""


def pair_text(pair: Pair) -> str:
    """Describe two runs: who they are, what differs, how they scored, where their curves part."""
    runs = [
        f"{word}: {run.folder} ({run.data.get('name', '?')}, seed {run.data.get('seed', '?')}, {run.status})"
        for word, run in (("first", pair.first), ("second", pair.second))
    ]
    rows = [[unit.title, *map(value_text, unit.in_effect)] for unit in pair.units]
    beside = [[name, value_text(first), value_text(second)] for name, first, second in pair.beside]
    parts = ["\n".join(runs)]
    parts.append(_section("What differs in the recipe", ("parameter", "first", "second"), rows))
    parts.append(_section("What differs beside it", ("entry of run.json", "first", "second"), beside))
    if pair.scores:
        scores = [[n, f"{100 * a:.2f}", f"{100 * b:.2f}", f"{100 * (b - a):+.2f}"] for n, a, b in pair.scores]
        parts.append(_section("Results, percent", ("metric", "first", "second", "second - first"), scores))
    else:
        parts.append("Results: none to compare, for not both runs have finished.")
    header = ("curve", "shared points", "parts at", "first", "second", "lasting from", "last: first", "second")
    parts.append(_section("Where the curves part", header, [_parting_row(p) for p in pair.partings]))
    return "\n\n".join(parts) + "\n"


def bisection_text(bisection: Bisection) -> str:
    """Rank the differences by what they do in the miniature."""
    both = [f"{Spread(scores)}" for scores in (bisection.first, bisection.second)]
    seeds = " ".join(map(str, bisection.seeds))
    head = (
        f"Miniature at preset {bisection.preset}, seeds {seeds}: {bisection.metric} {both[0]} for the first run, "
        f"{both[1]} for the second, gap {bisection.gap:+.2f} points. Each difference alone, in points; ± is the "
        "standard deviation of the paired differences over seeds: an effect within it is not an explanation."
    )
    header = ("difference", "put into the first", "taken out of the second", "mean")
    parts = [head, plain_table(header, [_toggle_row(toggle) for toggle in bisection.toggles])]
    if bisection.lost:
        names = ", ".join(unit.title for unit in bisection.lost)
        parts.append(f"Not in the miniature, where the preset sets it in both or another preset changes it: {names}.")
    refused = [f"{t.unit.title} could not be exchanged alone: {t.refused}" for t in bisection.toggles if t.refused]
    return "\n\n".join(parts + ["\n".join(refused)] * bool(refused)) + "\n"


def value_text(value: Any) -> str:
    """Return a recorded value on one line, cut where it is long."""
    if isinstance(value, Mapping):
        inner = ", ".join(f"{key}={value_text(item)}" for key, item in value.items() if key != "name")
        text = f"{value['name']}({inner})" if "name" in value else f"{{{inner}}}"
    elif isinstance(value, Sequence) and not isinstance(value, str):
        text = "[" + ", ".join(map(value_text, value)) + "]"
    else:
        text = str(value)
    return text if len(text) <= WIDEST else text[: WIDEST - 3] + "..."


def _section(title: str, header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    return f"{title}: nothing." if not rows else f"{title}:\n\n{plain_table(header, rows)}"


def _parting_row(parting: Parting) -> list[str]:
    where = ["never", "", ""]
    if parting.iteration is not None and parting.values is not None:
        where = [str(parting.iteration), *(f"{value:.6g}" for value in parting.values)]
    lasting = "" if parting.lasting is None else str(parting.lasting)
    return [parting.name, str(parting.shared), *where, lasting, *(f"{value:.6g}" for value in parting.last)]


def _toggle_row(toggle: Toggle) -> list[str]:
    ends = [f"{Spread(scores)}" if scores else "-" for scores in (toggle.into_first, toggle.out_of_second)]
    known = toggle.into_first or toggle.out_of_second
    return [toggle.unit.title, *ends, f"{toggle.effect:+.1f}" if known else "-"]
