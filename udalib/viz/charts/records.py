"""What a committed record says, as tables and pictures; where it says nothing yet, they say that."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from udalib.analysis.runs.ladder import effect_between, seed_scores
from udalib.analysis.runs.measured import class_scores
from udalib.data.labels import LabelSpace
from udalib.viz.charts.sentences import effect_sentence
from udalib.viz.charts.statistics import iou_bars
from udalib.viz.charts.tables import Table
from udalib.viz.theme import Picture

Record = Mapping[str, Any]
DOMAINS = ("source", "target")
WAITING = "not measured yet"


def record_table(record: Record, note: str = "") -> Table:
    """The recipes of a record with their mIoU on source and target, the best on the target first.

    Args:
        record: what ``benchmarks/effect.py`` or ``udalib report --format json`` writes; its ``groups`` are read.
        note: below the table; left out, it is what the record says about itself and the command that repeats it.
    """
    groups = sorted(record["groups"], key=lambda group: -float(group["ours"]["target/miou"]["mean"]))
    rows = [
        (g["recipe"], *(_mean_and_spread(g["ours"].get(f"{d}/miou")) for d in DOMAINS), len(g["seeds"]), g["preset"])
        for g in groups
    ]
    header = ("recipe", "ours: source mIoU", "ours: target mIoU", "seeds", "preset")
    own = f"{record['what']} Repeat: {record['command']}" if "what" in record else ""
    return Table(
        header, rows, " ".join(text for text in ("Mean ± standard deviation over seeds.", note or own) if text)
    )


def _mean_and_spread(values: Mapping[str, Any] | None) -> str:
    if values is None:
        return ""
    return f"{values['mean']:.1f}" + ("" if values["std"] is None else f" ± {values['std']:.1f}")


def ladder_table(record: Record | None, over: Mapping[str, str | None], family: str = "streets") -> Table:
    """One row a recipe: source and target mIoU over its seeds, and what it gains over another recipe.

    Args:
        record: of ``benchmarks/effect.py``; None if there is none yet.
        over: recipe to the one that it is compared with, or to None; both without their ``family``.
        family: the part of the recipes' names before the slash.
    """
    rows = [
        (name, *_row(record, f"{family}/{name}", base and f"{family}/{base}"), base or "")
        for name, base in over.items()
    ]
    note = (
        f"Ours, mIoU in percent, mean ± spread over seeds. {record['what']} Repeat: {record['command']}"
        if record
        else ""
    )
    return Table(("recipe", "source", "target", "gain on the target", "over"), rows, note)


def _row(record: Record | None, recipe: str, base: str | None) -> tuple[str, str, str]:
    """Source, target and gain in words."""
    source, target = (spread(record, recipe, f"{domain}/miou") for domain in DOMAINS)
    effect = effect_between(record, recipe, base) if record and base else None
    return source, target, f"{effect['mean']:+.1f} (ahead in {effect['wins']} of {effect['n']} seeds)" if effect else ""


def spread(record: Record | None, recipe: str, metric: str = "target/miou") -> str:
    """Mean ± standard deviation over the seeds of a recipe, one decimal; fewer than two seeds are no spread.

    >>> spread({"groups": [{"recipe": "a", "seeds": [0, 1], "ours": {"target/miou": {"values": [30.0, 32.0]}}}]}, "a")
    '31.0 ± 1.4'
    >>> spread(None, "a")
    'not measured yet'
    """
    values = list(seed_scores(record, recipe, metric).values()) if record else []
    return f"{np.mean(values):.1f} ± {np.std(values, ddof=1):.1f}" if len(values) > 1 else WAITING


def answer(record: Record | None, recipe: str, baseline: str, metric: str = "target/miou") -> str:
    """Paired effect of a recipe over another as a sentence."""
    effect = effect_between(record, recipe, baseline, metric) if record else None
    return effect_sentence(effect) if effect else WAITING


def answers_table(
    record: Record | None,
    questions: Mapping[str, tuple[str, str]],
    family: str = "streets",
    metric: str = "target/miou",
) -> Table:
    """Answer each question by the paired effect of its first recipe over its second, both without their ``family``."""
    pairs = {text: (f"{family}/{ours}", f"{family}/{base}") for text, (ours, base) in questions.items()}
    rows = [(text, answer(record, ours, base, metric)) for text, (ours, base) in pairs.items()]
    return Table(("question", "answer"), rows, "Ours, from the record." if record else "")


def class_bars(
    record: Record | None, names: Iterable[str], space: LabelSpace, *, family: str = "streets", title: str = ""
) -> Picture | Table:
    """IoU by class of those recipes that the record holds, every seed shown; a table that says so if it holds none."""
    held = {name: f"{family}/{name}" for name in names if record and seed_scores(record, f"{family}/{name}")}
    if not record or not held:
        return waiting(title)
    return iou_bars({name: class_scores(record, recipe) for name, recipe in held.items()}, space, title=title)


def waiting(what: str) -> Table:
    """In the place of a table or picture that no record holds yet."""
    return Table((what,), [(WAITING,)])
