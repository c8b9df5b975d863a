"""``udalib report``."""

from __future__ import annotations

from pathlib import Path

from tyro.conf import Positional

from udalib.core.files import write_text
from udalib.core.paths import runs_root
from udalib.recipes import read_entries, render, summarise


def report(
    runs: Positional[tuple[Path, ...]] = (),
    format: str = "table",
    out: Path | None = None,
    classes: bool = True,
) -> int:
    """Report finished runs: mean and spread over seeds, by class, beside the published numbers.

    Args:
        runs: run folders or folders of them; default $UDALIB_RUNS, else runs.
        format: table, markdown, csv or json.
        out: file to write instead of printing.
        classes: --no-classes leaves the tables by class out.
    """
    text = render(summarise(read_entries(runs or (runs_root(),))), format, classes=classes)
    if out is None:
        print(text, end="")
    else:
        write_text(out, text)
    return 0
