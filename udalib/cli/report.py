"""``udalib report``."""

from __future__ import annotations

from pathlib import Path

from tyro.conf import Positional

from udalib.core.files import write_text
from udalib.core.paths import runs_root
from udalib.recipes import Report, read_entries, render, summarise
from udalib.recipes.report.html import html_page
from udalib.recipes.report.text import TITLE, html_document


def report(
    runs: Positional[tuple[Path, ...]] = (),
    format: str = "table",
    out: Path | None = None,
    classes: bool = True,
) -> int:
    """Report finished runs: mean and spread over seeds, by class, beside the published numbers.

    Args:
        runs: run folders or folders of them; default $UDALIB_RUNS, else runs.
        format: table, markdown, csv, json, or html: a page with figures.
        out: file to write instead of printing.
        classes: --no-classes leaves the tables by class out.
    """
    found = summarise(read_entries(runs or (runs_root(),)))
    text = _page(found, classes) if format == "html" else render(found, format, classes=classes)
    if out is None:
        print(text, end="")
    else:
        write_text(out, text)
    return 0


def _page(found: Report, classes: bool) -> str:
    from udalib.viz import to_png
    from udalib.viz.reproduction import report_figures

    figures = {caption: to_png(figure) for caption, figure in report_figures(found).items()}
    return html_page(TITLE, html_document(found, classes=classes), figures)
