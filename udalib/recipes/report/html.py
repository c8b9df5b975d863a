"""A report as one HTML page with its pictures inside: nothing is loaded from elsewhere."""

from __future__ import annotations

import base64
import html
from collections.abc import Mapping, Sequence

STYLE = """
:root { color-scheme: light dark; }
body { font: 15px/1.5 system-ui, sans-serif; margin: 2em auto; max-width: 90em; padding: 0 1em; }
table { border-collapse: collapse; margin: 1em 0; display: block; overflow-x: auto; }
th, td { border: 1px solid #8888; padding: 0.25em 0.6em; text-align: left; white-space: nowrap; }
th { background: #8882; }
figure { margin: 1.5em 0; } img { max-width: 100%; background: white; }
""".strip()


def html_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A header and rows of text as an HTML table on lines of its own, without an empty one."""
    head = "".join(f'<th scope="col">{html.escape(cell)}</th>' for cell in header)
    body = ["<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in row) + "</tr>" for row in rows]
    return "\n".join(["<table>", f"<tr>{head}</tr>", *body, "</table>"])


def html_page(title: str, document: str, figures: Mapping[str, bytes] | None = None) -> str:
    """Return a page.

    Args:
        title: of the page.
        document: paragraphs of plain text and tables of :func:`html_table`, with an empty line between them.
        figures: caption, which is the alternative text as well, to PNG bytes.
    """
    blocks = [block if block.startswith("<table>") else _paragraph(block) for block in document.strip().split("\n\n")]
    blocks += [_figure(caption, png) for caption, png in (figures or {}).items()]
    head = f'<meta charset="utf-8"><title>{html.escape(title)}</title><style>\n{STYLE}\n</style>'
    body = "\n".join([f"<h1>{html.escape(title)}</h1>", *blocks])
    return f'<!DOCTYPE html>\n<html lang="en"><head>{head}</head>\n<body>\n{body}\n</body></html>\n'


def _paragraph(text: str) -> str:
    return "<p>" + "<br>".join(html.escape(line) for line in text.splitlines()) + "</p>"


def _figure(caption: str, png: bytes) -> str:
    text, data = html.escape(caption), base64.b64encode(png).decode()
    return f'<figure><img alt="{text}" src="data:image/png;base64,{data}"><figcaption>{text}</figcaption></figure>'
