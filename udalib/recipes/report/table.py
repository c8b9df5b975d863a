"""A reproduced table as text: rows as in the paper, ours and the published numbers in columns of their own."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from udalib.core.errors import unknown_name
from udalib.recipes.report.groups import Group, Report
from udalib.recipes.report.text import NOTE, QUICK_NOTE, budget, markdown_table, metric_title, plain_table
from udalib.recipes.tables import Row

OTHER_DATA = (
    "* published for another recipe, which the column names: other data, another network, another budget. It says what "
    "the row is about; the two numbers are not to be compared."
)


def table_text(
    title: str, rows: Sequence[Row], report: Report, failed: Mapping[str, str], format: str = "table"
) -> str:
    """Return a reproduced table; ``format`` is table or markdown.

    Args:
        title: what the table shows.
        rows: in order; one without a finished run is shown without a number.
        report: of the finished runs.
        failed: run to the reason why it has no result.
        format: table or markdown.
    """
    if format not in LAYOUTS:
        raise unknown_name("table format", format, LAYOUTS)
    layout, bullet = LAYOUTS[format]
    groups = {group.first.recipe: group for group in report.groups}
    metrics = [m for m in report.metrics() if any(m in group.scores() for group in groups.values())]
    header = ["row", *(f"ours: {metric_title(m)}" for m in metrics), "seeds", "iterations", "minutes a run", "device"]
    header += ["published (mIoU or as said)", "published for, by whom"]
    body = [[*_own(row, groups.get(row.recipe), metrics), *_published(row)] for row in rows]
    parts = [title, layout(header, body), NOTE]
    parts += [OTHER_DATA] * any(row.answers and row.published() for row in rows)
    parts += [QUICK_NOTE] * any(group.first.preset == "quick" for group in groups.values())
    parts += ["\n".join(f"{bullet}no result: {run}: {reason}" for run, reason in failed.items())] * bool(failed)
    return "\n\n".join(parts) + "\n"


def _own(row: Row, group: Group | None, metrics: Sequence[str]) -> list[str]:
    """Title, scores, seeds, budget, time and device of a row."""
    if group is None:
        return [row.title, *[""] * len(metrics), "none", "", "", ""]
    scores = group.scores()
    minutes = "" if group.minutes is None else f"{group.minutes:.1f}"
    cells = [str(scores[m]) if m in scores else "" for m in metrics]
    return [row.title, *cells, " ".join(map(str, group.seeds)), budget(group), minutes, group.devices]


def _published(row: Row) -> list[str]:
    """Value and source of the first published number: the authors' own, where it is known."""
    numbers = row.published()
    if not numbers:
        return ["", ""]
    first = numbers[0]
    mark = "*" if row.answers and row.answers != row.recipe else ""
    place = f"{row.answers or row.recipe}, {metric_title(first.metric)}"
    return [f"{first.value:g}{mark}", f"{place} ({first.source})"]


LAYOUTS: dict[str, tuple[Callable[[Sequence[str], Sequence[Sequence[str]]], str], str]] = {
    "table": (plain_table, ""),
    "markdown": (markdown_table, "- "),
}
