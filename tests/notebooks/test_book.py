"""The book: what a chapter shows and hides, the gallery, hand-outs; the built site, its links and pictures."""

from __future__ import annotations

import base64
import re
from html.parser import HTMLParser
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from udalib.notebooks import book
from udalib.notebooks.runner import find_notebooks

ROOT = Path(__file__).resolve().parents[2]
PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
PICTURE = new_output("display_data", {"image/png": base64.b64encode(PNG).decode(), "text/plain": "<Figure>"})


def example():
    """A chapter with an explorer's sheet, a live widget, and a solution."""
    widget = new_output("display_data", {"application/vnd.jupyter.widget-view+json": {"model_id": "1"}})
    cells = [
        new_markdown_cell("# 99 A chapter\n\nWords, a [record](../benchmarks/results/x.json)."),
        new_markdown_cell("## 1 Look"),
        new_code_cell("explorer.widget()", outputs=[widget]),
        new_code_cell('explorer.contact_sheet(title="many")', outputs=[PICTURE]),
        new_code_cell("answer = 42", metadata={"tags": ["solution", "hide-input"]}, outputs=[PICTURE]),
    ]
    return new_notebook(cells=cells)


def test_a_chapter_folds_solutions_and_describes_pictures():
    page = book.chapter(example())
    texts = [cell["source"] for cell in page["cells"]]
    assert "../benchmarks" not in texts[0]
    assert "a record." in texts[0]
    fold = next(t for t in texts if "<details>" in t)
    assert "answer = 42" in fold
    solution = page["cells"][texts.index("answer = 42")]
    assert solution["metadata"]["tags"] == ["remove-input"]
    sheet = page["cells"][texts.index('explorer.contact_sheet(title="many")')]
    assert sheet["metadata"]["mystnb"]["image"]["alt"] == "1 Look: many"
    assert "widget-view" not in nbformat.writes(page)


def test_students_get_neither_solutions_nor_outputs():
    page = book.for_students(example())
    assert all("42" not in cell["source"] for cell in page["cells"])
    assert all(not cell.get("outputs") for cell in page["cells"])
    assert len(page["cells"]) == 4


def test_the_hand_outs_are_listed_by_title():
    assert '<a href="_static/student/99_a.ipynb" download>99 A</a>' in book.handouts({"99_a": "99 A"})


def test_the_gallery_has_every_sheet(tmp_path):
    found = list(book.sheets("99_a_chapter", example()))
    assert [(s.title, s.picture) for s in found] == [("1 Look", PNG)]
    text = book.gallery(found, tmp_path)
    assert (tmp_path / "_static" / "gallery" / "99_a_chapter-01.png").read_bytes() == PNG
    assert 'href="chapters/99_a_chapter.html"' in text


def test_every_explorer_of_the_series_would_be_in_the_gallery():
    for path in find_notebooks(ROOT / "notebooks"):
        sources = [c["source"] for c in nbformat.read(path, as_version=4)["cells"] if c["cell_type"] == "code"]
        widgets = sum(".widget()" in s for s in sources)
        assert sum(bool(book.SHEET.search(s)) for s in sources) >= widgets, path.name


class Page(HTMLParser):
    """Links, pictures without words, and what comes from elsewhere."""

    def __init__(self) -> None:
        super().__init__()
        self.links: list[str] = []
        self.silent: list[str] = []
        self.remote: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        place = given.get("href") or given.get("src") or ""
        if tag == "img" and not given.get("alt"):
            self.silent.append(place[:80])
        if tag in ("script", "img", "link") and re.match(r"https?:|//", place):
            self.remote.append(place)
        if tag in ("a", "img", "script", "link") and place and not re.match(r"https?:|//|data:|mailto:|#", place):
            self.links.append(place.partition("#")[0].partition("?")[0])


@pytest.mark.slow
def test_the_site_builds_without_a_warning_and_all_in_it_is_there(tmp_path):
    pytest.importorskip("sphinx", reason="the book needs the extra `book`")
    pytest.importorskip("myst_nb", reason="the book needs the extra `book`")
    out = tmp_path / "book"
    words = ["--notebooks", str(ROOT / "notebooks"), "--pages", str(ROOT / "docs" / "book"), "--out", str(out)]
    assert book.main(words) == 0
    pages = sorted(out.rglob("*.html"))
    assert {path.stem for path in find_notebooks(ROOT / "notebooks")} <= {page.stem for page in pages}
    for page in pages:
        seen = Page()
        seen.feed(page.read_text(encoding="utf-8"))
        assert seen.remote == [], page
        assert seen.silent == [], page
        missing = [link for link in seen.links if not (page.parent / link).exists()]
        assert missing == [], page
