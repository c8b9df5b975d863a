"""Small tables that print as text and show as HTML in a notebook, and the one of published numbers."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from udalib.recipes import get_recipe


@dataclass(frozen=True)
class Table:
    """A header, rows of cells, and a note below that says what the numbers are.

    >>> print(Table(("network", "mIoU"), [("streets", "31.2")], "one seed"))
    network  mIoU
    streets  31.2
    one seed
    """

    header: Sequence[str]
    rows: Sequence[Sequence[object]]
    note: str = ""

    def __str__(self) -> str:
        lines = [list(self.header), *([str(cell) for cell in row] for row in self.rows)]
        widths = [max(len(line[i]) for line in lines) for i in range(len(self.header))]
        text = [
            "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines
        ]
        return "\n".join([*text, self.note] if self.note else text)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        head = "".join(f"<th style='text-align: left'>{html.escape(cell)}</th>" for cell in self.header)
        body = "".join(
            "<tr>" + "".join(f"<td style='text-align: left'>{html.escape(str(cell))}</td>" for cell in row) + "</tr>"
            for row in self.rows
        )
        note = f"<p><small>{html.escape(self.note)}</small></p>" if self.note else ""
        return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{note}"


def published_table(recipes: Iterable[str], *, every: bool = False) -> Table:
    """Numbers that others published for ``recipes``: the first of each, which is the authors', or every one known.

    >>> print(published_table(["gta2cityscapes/dacs-deeplabv2"]).rows[0][:3])
    ('gta2cityscapes/dacs-deeplabv2', '54.2', 'mIoU')
    """
    rows = []
    for name in recipes:
        known = get_recipe(name, "paper").published
        for each in known if every else known[:1]:
            where = f"{each.source} ({each.note})" if each.note else each.source
            rows.append((name, f"{each.value:.1f}", _metric(each.metric), where))
    return Table(("recipe", "published", "metric", "where"), rows, "Published by others, on real data.")


def _metric(name: str) -> str:
    """A recipe's metric in words."""
    subset = re.fullmatch(r"target/subsets/\D+(\d+)", name)
    words = {"target/miou": "mIoU", "target/test-server": "mIoU, test server"}
    words |= {"test/map": "mAP", "test/accuracy": "accuracy"}
    return f"mIoU of {subset[1]} classes" if subset else words.get(name, name)
