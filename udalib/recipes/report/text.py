"""A report as a terminal table, Markdown, CSV, JSON or HTML; published numbers and ours never share a column."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Sequence

from udalib.core.errors import unknown_name
from udalib.recipes.report.groups import Group, Report, to_dict
from udalib.recipes.report.html import html_page, html_table
from udalib.recipes.spec.tasks import TASKS

TITLE = "Runs"
NOTE = (
    "Ours: scores in percent, mean over the seeds; ± is the standard deviation over seeds (n - 1), none for one seed. "
    "Published: the number of others, with its source; not measured here."
)

QUICK_NOTE = "Runs with the preset quick show that everything works; their scores say nothing about quality."


def render(report: Report, format: str = "table", *, classes: bool = True) -> str:
    """Return ``report`` as text; ``format`` is table, markdown, csv, json or html (without figures)."""
    if format not in FORMATS:
        raise unknown_name("report format", format, FORMATS)
    return FORMATS[format](report, classes)


def short_titles(report: Report) -> tuple[dict[int, str], list[str]]:
    """Short title of each group, by identity, and the overrides that its number in brackets stands for."""
    changed = [group for group in report.groups if group.changes]
    numbers = {id(group): f" [{k}]" for k, group in enumerate(changed, start=1)}
    titles = {id(group): group.first.recipe + numbers.get(id(group), "") for group in report.groups}
    return titles, [f"[{k}] --set {group.changes}" for k, group in enumerate(changed, start=1)]


def _score_rows(report: Report) -> tuple[list[str], list[list[str]]]:
    metrics = report.metrics()
    with_published = any(group.published for group in report.groups)
    header = ["recipe", "preset", *(f"ours: {metric_title(m)}" for m in metrics)]
    header += ["seeds", "iterations", "batch", "minutes a run", "device"] + ["published"] * with_published
    titles, rows = short_titles(report)[0], []
    for group in report.groups:
        scores = group.scores()
        row = [titles[id(group)], group.first.preset, *(str(scores[m]) if m in scores else "" for m in metrics)]
        row += [" ".join(map(str, group.seeds)), budget(group), group.first.batch]
        row += ["" if group.minutes is None else f"{group.minutes:.1f}", group.devices]
        rows.append(row + [_published_text(group)] * with_published)
    return header, rows


def budget(group: Group) -> str:
    """Iterations, and the recipe whose run they went on from."""
    run = group.first
    return f"{run.iterations} after {run.start}" if run.start else str(run.iterations)


def metric_title(metric: str) -> str:
    """Return what a column of "evaluation/key" is called: "target mIoU"."""
    evaluation, _, rest = metric.partition("/")
    titles = {task.score: task.title for task in map(TASKS.get, TASKS.names())}
    return f"{evaluation} {titles.get(rest) or 'mIoU over ' + rest.removeprefix('subsets/')}"


def _published_text(group: Group) -> str:
    return "; ".join(f"{metric_title(p.metric)} {p.value} ({p.source})" for p in group.published)


def _class_tables(report: Report) -> list[tuple[str, list[str], list[list[str]]]]:
    """One table for each evaluation, task and set of classes: a row a class, a column a group, then published rows."""
    tables: dict[tuple[str, str, tuple[str, ...]], list[Group]] = {}
    for group in report.groups:
        for name in group.evaluations():
            title = group.first.task(name).class_title
            tables.setdefault((name, title, tuple(group.classes(name))), []).append(group)
    result = []
    for (evaluation, title, names), groups in tables.items():
        published = _published_columns(groups, evaluation)
        columns = [*_own_columns(report, groups, evaluation), *published]
        rows = [[name, *(column.get(name, "") for _, column in columns)] for name in names]
        whose = "Ours and published" if published else "Ours"
        header = ["class", *(title for title, _ in columns)]
        result.append((f"{whose}: {title} on {evaluation}, percent", header, rows))
    return result


def _own_columns(report: Report, groups: Sequence[Group], evaluation: str) -> list[tuple[str, dict[str, str]]]:
    """Header, and text by class, of what was measured here."""
    titles = short_titles(report)[0]
    return [
        (
            f"ours: {titles[id(group)]} ({group.first.preset})",
            {name: "-" if spread is None else str(spread) for name, spread in group.classes(evaluation).items()},
        )
        for group in groups
    ]


def _published_columns(groups: Sequence[Group], evaluation: str) -> list[tuple[str, dict[str, str]]]:
    """Header, and text by class, of what others published for these recipes, each once."""
    columns = {
        f"published for {group.first.recipe} ({number.source})": {c: str(iou) for c, iou in number.classes.items()}
        for group in groups
        for number in group.published_rows(evaluation)
    }
    return list(columns.items())


def _leftovers(report: Report) -> list[str]:
    lines = [f"No result: {run.folder} ({run.recipe}, seed {run.seed}): {run.reason}" for run in report.unfinished]
    return lines + [f"Replaced by a later run of the same seed: {run.folder}" for run in report.replaced]


def _table(report: Report, classes: bool) -> str:
    return _document(report, classes, plain_table, "")


def _markdown(report: Report, classes: bool) -> str:
    return _document(report, classes, markdown_table, "- ")


def _document(
    report: Report, classes: bool, table: Callable[[Sequence[str], Sequence[Sequence[str]]], str], bullet: str
) -> str:
    parts = []
    if report.groups:
        parts.append(table(*_score_rows(report)))
        changes = short_titles(report)[1]
        parts += ["\n".join(bullet + line for line in changes)] * bool(changes) + [NOTE]
        if any(group.first.preset == "quick" for group in report.groups):
            parts.append(QUICK_NOTE)
        if classes:
            parts += [f"{title}\n\n{table(header, rows)}" for title, header, rows in _class_tables(report)]
    else:
        parts.append("There is no finished run to report.")
    leftovers = _leftovers(report)
    if leftovers:
        parts.append("\n".join(bullet + line for line in leftovers))
    return "\n\n".join(parts) + "\n"


def html_document(report: Report, *, classes: bool = True) -> str:
    """The report as paragraphs and tables for :func:`udalib.recipes.report.html.html_page`."""
    return _document(report, classes, html_table, "")


def _html(report: Report, classes: bool) -> str:
    return html_page(TITLE, html_document(report, classes=classes))


def plain_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Rows under a header in aligned columns, for a terminal."""
    widths = [max(len(row[i]) for row in [header, *rows]) for i in range(len(header))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in [header, *rows]]
    lines.insert(1, "  ".join("-" * width for width in widths))
    return "\n".join(line.rstrip() for line in lines)


def markdown_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A header and rows of text as a Markdown table; bars inside cells are escaped."""
    lines = ["| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |" for cells in (header, *rows)]
    return "\n".join([lines[0], "|" + "---|" * len(header), *lines[1:]])


def _json(report: Report, classes: bool) -> str:
    values = to_dict(report)
    if not classes:
        values["groups"] = [{k: v for k, v in group.items() if k != "classes"} for group in values["groups"]]
    return json.dumps(values, indent=2) + "\n"


def _csv(report: Report, classes: bool) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    head = ["whose", "recipe", "preset", "overrides", "metric", "class", "mean", "std", "seeds"]
    writer.writerow([*head, "iterations", "after", "device", "source"])
    for measured, group in zip(report.groups, to_dict(report)["groups"], strict=True):
        overrides = " ".join(f"{key}={value}" for key, value in group["overrides"].items())
        start = [group["recipe"], group["preset"], overrides]
        end = [" ".join(map(str, group["seeds"])), group["iterations"], group["after"], group["device"], ""]
        for metric, spread in group["ours"].items():
            writer.writerow(["ours", *start, metric, "", spread["mean"], spread["std"], *end])
        for evaluation, table in group["classes"].items() if classes else ():
            for name, spread in table.items():
                values = ["", ""] if spread is None else [spread["mean"], spread["std"]]
                metric = f"{evaluation}/{measured.first.task(evaluation).class_score}"
                writer.writerow(["ours", *start, metric, name, *values, *end])
        for item in group["published"]:
            row = ["published", *start[:1], "", "", item["metric"], "", item["value"], "", "", "", "", ""]
            source = f"{item['source']} {item['note']}".strip()
            writer.writerow([*row, source])
            metric = f"{item['metric'].split('/')[0]}/iou"
            for name, iou in item["classes"].items() if classes else ():
                writer.writerow(["published", start[0], "", "", metric, name, iou, "", "", "", "", "", source])
    return out.getvalue()


FORMATS: dict[str, Callable[[Report, bool], str]] = {
    "table": _table,
    "markdown": _markdown,
    "csv": _csv,
    "json": _json,
    "html": _html,
}
