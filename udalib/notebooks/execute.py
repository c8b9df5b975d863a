"""Execute one notebook headlessly with Papermill, look for tracebacks, and write its HTML copy."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from udalib.core.errors import ConfigError
from udalib.core.files import write_text
from udalib.notebooks.scan import WIDGET_VIEW, find_tracebacks

STATIC_NOTE = (
    "<p><em>The live controls of this explorer work in JupyterLab; the sheet of pictures is its static twin.</em></p>"
)
REMOTE_SCRIPT = re.compile(
    r"<script[^>]*src=\"https?://[^>]*>\s*</script>|<script type=\"module\">.*?</script>", re.DOTALL
)
PROGRESS_BAR = re.compile(r"\d%\|")


@dataclass(frozen=True)
class Outcome:
    """What became of one notebook: seconds taken, and the problems found (none: it passed)."""

    name: str
    seconds: float
    problems: tuple[str, ...]

    @property
    def ok(self) -> bool:
        """Whether the notebook ran to its end without a traceback anywhere."""
        return not self.problems


def require_papermill() -> None:
    """Raise :class:`ConfigError` unless the packages that execute notebooks are installed."""
    try:
        import nbconvert  # noqa: F401
        import papermill  # noqa: F401
    except ImportError as error:
        raise ConfigError(f"executing notebooks needs {error.name}: pip install 'udalib[notebooks]'.") from error


def execute(path: Path, out: Path, parameters: Mapping[str, Any], timeout: int = 3600) -> Outcome:
    """Execute the notebook ``path`` into ``out`` (``NAME.ipynb`` and ``NAME.html``), even if it fails half-way.

    ``timeout`` is the limit for a single cell in seconds.
    """
    import nbformat
    import papermill

    out.mkdir(parents=True, exist_ok=True)
    target = out / path.name
    start = time.perf_counter()
    problems: list[str] = []
    try:
        papermill.execute_notebook(
            str(path),
            str(target),
            dict(parameters),
            kernel_name="python3",
            language="python",
            progress_bar=False,
            execution_timeout=timeout,
            extra_arguments=["--IPKernelApp.log_level=ERROR"],
        )
    except papermill.PapermillExecutionError as error:
        problems.append(f"cell {error.cell_index}: {error.ename}: {error.evalue}".strip())
    except Exception as error:  # a dead kernel or a timeout: the other notebooks still run
        problems.append(f"{type(error).__name__}: {error}".strip())
    seconds = time.perf_counter() - start
    if target.exists():
        notebook = nbformat.read(target, as_version=4)
        problems += [] if problems else find_tracebacks(notebook)
        write_text(target.with_suffix(".html"), to_html(notebook, path.stem))
    return Outcome(path.stem, seconds, tuple(problems))


def to_html(notebook: Any, title: str) -> str:
    """Render an executed notebook to one HTML page with its pictures inside; live widgets become a note."""
    import nbconvert

    page = notebook.copy()
    page["metadata"] = {k: v for k, v in notebook["metadata"].items() if k != "widgets"} | {"title": title}
    page["cells"] = [part for cell in notebook["cells"] for part in static_cells(cell)]
    # The code of a solution stands in its fold, so its cell shows the outputs only.
    exporter = nbconvert.HTMLExporter(
        config={"TagRemovePreprocessor": {"remove_input_tags": {"solution"}, "enabled": True}}
    )
    html, _ = exporter.from_notebook_node(page)
    return REMOTE_SCRIPT.sub("", str(html))


def static_cells(cell: Any) -> list[Any]:
    """What a page without a kernel shows of a cell: notes in place of live widgets, code of solutions in a fold before
    the cell, whose own input is then to be left out.
    """
    return _folded(_without_widgets(cell))


def _without_widgets(cell: Any) -> Any:
    """Replace live widgets by a note, and leave out progress bars, which are live widgets too."""
    if not any(WIDGET_VIEW in output.get("data", {}) for output in cell.get("outputs", [])):
        return cell
    clean = cell.copy()
    clean["outputs"] = []
    for output in cell["outputs"]:
        data = output.get("data", {})
        if WIDGET_VIEW in data and PROGRESS_BAR.search(data.get("text/plain", "")):
            continue
        if WIDGET_VIEW in data:
            output = output.copy()
            output["data"] = type(data)({"text/html": STATIC_NOTE})
        clean["outputs"].append(output)
    return clean


def _folded(cell: Any) -> list[Any]:
    """Fold a cell tagged ``solution``: its code becomes a closed ``<details>`` block, its outputs stay below it."""
    if cell["cell_type"] != "code" or "solution" not in cell.get("metadata", {}).get("tags", ()):
        return [cell]
    from nbformat.v4 import new_markdown_cell

    text = f"<details><summary>Solution</summary>\n\n```python\n{cell['source']}\n```\n\n</details>"
    return [new_markdown_cell(text), cell]
