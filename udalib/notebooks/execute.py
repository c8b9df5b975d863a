"""Execute one notebook headlessly with Papermill, look for tracebacks, and write its HTML copy."""

from __future__ import annotations

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
    page["cells"] = [_without_widgets(cell) for cell in notebook["cells"]]
    exporter = nbconvert.HTMLExporter()
    html, _ = exporter.from_notebook_node(page)
    return str(html)


def _without_widgets(cell: Any) -> Any:
    if not any(WIDGET_VIEW in output.get("data", {}) for output in cell.get("outputs", [])):
        return cell
    clean = cell.copy()
    clean["outputs"] = [o.copy() for o in cell["outputs"]]
    for output in clean["outputs"]:
        if WIDGET_VIEW in output.get("data", {}):
            output["data"] = type(output["data"])({"text/html": STATIC_NOTE})
    return clean
