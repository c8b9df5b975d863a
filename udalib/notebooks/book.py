"""The sources of the book: executed notebooks made into chapters, a gallery of explorers, pages of the library.

``make book`` runs the series, calls this, and builds the site with Sphinx (extra ``book``). Nothing is executed here;
from notebooks without outputs the same book comes without figures, which is what the tests build.
"""

from __future__ import annotations

import argparse
import base64
import re
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from udalib.core.errors import ConfigError
from udalib.core.files import write_text
from udalib.notebooks.execute import static_cells
from udalib.notebooks.runner import find_notebooks

PACKAGES: tuple[str, ...] = ("data", "world", "models", "ops", "methods", "engine")
PACKAGES += ("metrics", "recipes", "analysis", "viz", "teach", "notebooks")
"""Packages with a page each, in the order of the house."""
SHEET = re.compile(r"\.contact_sheet\(")
LINK_OUT = re.compile(r"\[([^\]]+)\]\(\.\./[^)]*\)")
TITLE = re.compile(r"""title\s*=\s*f?"([^"]+)\"""")


@dataclass(frozen=True)
class Sheet:
    """The static twin of an explorer: its picture, the heading it stands under, and its chapter."""

    chapter: str
    title: str
    picture: bytes
    alt: str


def title_of(notebook: Any) -> str:
    """First heading of a notebook."""
    for cell in notebook["cells"]:
        found = re.search(r"^# (.+)$", cell["source"], re.MULTILINE) if cell["cell_type"] == "markdown" else None
        if found:
            return found[1].strip()
    raise ConfigError("a notebook has no title: its first cell should begin with '# '.")


def with_headings(cells: Sequence[Any]) -> Iterator[tuple[Any, str]]:
    """Each cell with the heading that it stands under."""
    heading = ""
    for cell in cells:
        if cell["cell_type"] == "markdown":
            found: list[str] = re.findall(r"^#{1,4} (.+)$", cell["source"], re.MULTILINE)
            heading = found[-1].strip() if found else heading
        yield cell, heading


def described(cell: Any, heading: str) -> Any:
    """A code cell whose pictures have a text for those who do not see them: the figure's title, else the heading."""
    if cell["cell_type"] != "code":
        words = cell.copy()
        words["source"] = inside(cell["source"])
        return words
    found = TITLE.search(cell["source"])
    text = f"{heading}: {found[1]}" if found else heading
    told = cell.copy()
    tags = ["remove-input"] if "solution" in cell["metadata"].get("tags", ()) else []  # its code stands in a fold
    told["metadata"] = {"tags": tags, "mystnb": {"image": {"alt": text.replace('"', "'")}}}
    return told


def chapter(notebook: Any) -> Any:
    """A notebook as the book prints it: solutions folded, live widgets replaced by a note, pictures described."""
    page = notebook.copy()
    page["metadata"] = {key: value for key, value in notebook["metadata"].items() if key == "kernelspec"}
    page["cells"] = [
        described(part, heading) for cell, heading in with_headings(notebook["cells"]) for part in static_cells(cell)
    ]
    return page


def for_students(notebook: Any) -> Any:
    """The notebook without its solutions and outputs, to hand out."""
    page = notebook.copy()
    page["cells"] = []
    for cell in notebook["cells"]:
        if "solution" in cell["metadata"].get("tags", ()):
            continue
        bare = cell.copy()
        if cell["cell_type"] == "code":
            bare["outputs"], bare["execution_count"] = [], None
        page["cells"].append(bare)
    return page


def inside(text: str) -> str:
    """Markdown whose links out of the book, to files of the repository, have become plain words."""
    return LINK_OUT.sub(r"\1", text)


def sheets(name: str, notebook: Any) -> Iterator[Sheet]:
    """Pictures of all explorers of an executed notebook."""
    for cell, heading in with_headings(notebook["cells"]):
        if cell["cell_type"] != "code" or not SHEET.search(cell["source"]):
            continue
        for output in cell.get("outputs", []):
            if "image/png" in output.get("data", {}):
                picture = base64.b64decode(output["data"]["image/png"])
                yield Sheet(name, heading, picture, f"Contact sheet of the explorer of {name}, {heading}")


def gallery(found: Sequence[Sheet], out: Path) -> str:
    """The page of all explorers; their pictures are written to ``out``."""
    lines = ["# Gallery of explorers", "", GALLERY_NOTE, ""]
    if not found:
        return "\n".join([*lines, "No notebook has been executed, so there is no picture.", ""])
    lines += ['<div class="gallery">']
    for number, sheet in enumerate(found, 1):
        file = f"{sheet.chapter}-{number:02}.png"
        place = out / "_static" / "gallery" / file
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(sheet.picture)
        words = f"{sheet.chapter[:2]}: {sheet.title}"
        lines += [
            f'<figure><a href="chapters/{sheet.chapter}.html"><img src="_static/gallery/{file}" alt="{sheet.alt}" '
            f'loading="lazy"></a><figcaption>{words}</figcaption></figure>'
        ]
    return "\n".join([*lines, "</div>", ""])


GALLERY_NOTE = (
    "What every explorer shows at several settings of its controls. The controls themselves work in JupyterLab "
    "(`make lab`); a picture leads to its chapter."
)


def handouts(titles: Mapping[str, str]) -> str:
    """The page of the notebooks without solutions and outputs, from the chapters' names and titles."""
    links = [f'<li><a href="_static/student/{name}.ipynb" download>{title}</a></li>' for name, title in titles.items()]
    words = "Without solutions and outputs; the chapters of this site have both."
    return "\n".join(["# Notebooks to hand out", "", words, "", "<ul>", *links, "</ul>", ""])


def library_page(package: str) -> str:
    """The page of one package, from its docstrings."""
    name = f"udalib.{package}"
    options = "   :members:\n   :imported-members:\n"
    return f"# {name}\n\n```{{eval-rst}}\n.. automodule:: {name}\n{options}```\n"


def methods_page() -> str:
    """Every registered method with the first line of its docstring."""
    from udalib.methods import METHODS

    lines = ["# Methods by name", "", "| method | class | what it does |", "|---|---|---|"]
    for name in METHODS.names():
        kind = METHODS.get(name)
        first = (kind.__doc__ or "").strip().splitlines()[0]
        lines.append(f"| `{name}` | `{kind.__module__}.{kind.__name__}` | {first} |")
    return "\n".join(lines) + "\n"


def assemble(notebooks: Path, pages: Path, out: Path) -> list[str]:
    """Write the book's sources to ``out``, anew; the chapters' names.

    Args:
        notebooks: folder of NN_name.ipynb, executed or not.
        pages: folder of the written pages (docs/book), with those beside it (../credits.md, ../speed.md).
        out: folder of the sources; what is there is removed.
    """
    import nbformat

    if out.exists():
        shutil.rmtree(out)
    shutil.copytree(pages, out)
    for path in sorted(pages.parent.glob("*.md")):
        write_text(out / path.name, inside(path.read_text(encoding="utf-8")))
    for picture in pages.parent.glob("*.png"):
        shutil.copy(picture, out / picture.name)
    titles: dict[str, str] = {}
    found: list[Sheet] = []
    for path in find_notebooks(notebooks):
        notebook = nbformat.read(path, as_version=4)
        titles[path.stem] = title_of(notebook)
        found += list(sheets(path.stem, notebook))
        write_text(out / "chapters" / path.name, nbformat.writes(chapter(notebook)))
        write_text(out / "_static" / "student" / path.name, nbformat.writes(for_students(notebook)))
    write_text(out / "gallery.md", gallery(found, out))
    write_text(out / "handouts.md", handouts(titles))
    write_text(out / "library" / "methods.md", methods_page())
    for package in PACKAGES:
        write_text(out / "library" / f"{package}.md", library_page(package))
    return list(titles)


def main(arguments: list[str] | None = None) -> int:
    """``python -m udalib.notebooks.book``: assemble, then build the site; 1 if Sphinx failed."""
    parser = argparse.ArgumentParser(prog="python -m udalib.notebooks.book", description=__doc__)
    parser.add_argument("--notebooks", type=Path, default=Path("build/notebooks"), help="executed notebooks")
    parser.add_argument("--pages", type=Path, default=Path("docs/book"))
    parser.add_argument("--out", type=Path, default=Path("build/book"), help="the site; its sources lie beside it")
    options = parser.parse_args(arguments)
    try:
        from sphinx.cmd.build import build_main
    except ImportError as error:
        print(f"error: building the book needs {error.name}: pip install 'udalib[book]'.", file=sys.stderr)
        return 2
    sources = options.out.with_name(f"{options.out.name}-sources")
    names = assemble(options.notebooks, options.pages, sources)
    code = int(build_main(["-b", "html", "-q", "--keep-going", "-W", str(sources), str(options.out)]))
    print(f"{len(names)} chapters; open {options.out / 'index.html'}")
    return code


if __name__ == "__main__":
    raise SystemExit(main())
