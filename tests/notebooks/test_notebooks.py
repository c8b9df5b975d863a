"""The committed notebooks: their contract, and that each runs at the preset quick with every solution right.

One test executes one notebook, so that workers share the series between them.
"""

import json
import os
import re
import statistics
from pathlib import Path

import pytest

from udalib.notebooks import find_notebooks, find_tracebacks, main, read_parameters
from udalib.teach import EXERCISES

FOLDER = Path(__file__).resolve().parents[2] / "notebooks"
NOTEBOOKS = find_notebooks(FOLDER)


def cells(path, kind="code"):
    return [c for c in json.loads(path.read_text(encoding="utf-8"))["cells"] if c["cell_type"] == kind]


def source(cell):
    return "".join(cell["source"])


def tags(cell):
    return cell["metadata"].get("tags", [])


def everything(path):
    return "\n".join(source(c) for c in cells(path) + cells(path, "markdown"))


@pytest.fixture(params=NOTEBOOKS, ids=lambda p: p.stem)
def path(request):
    return request.param


def test_outputs_are_not_committed(path):
    assert all(not c["outputs"] and c["execution_count"] is None for c in cells(path))


def test_it_begins_with_title_aims_time_and_parameters(path):
    first = source(cells(path, "markdown")[0])
    assert first.startswith(f"# {path.stem[:2]} ")
    assert "What you will learn" in first
    assert "How long" in first
    parameters = read_parameters(path)
    assert parameters["preset"].choices == ("quick", "laptop", "paper")
    assert parameters["preset"].default == "quick"
    assert len(parameters["seeds"].default) >= 3
    assert "check_parameters()" in source(cells(path)[1])


def test_cells_are_short(path):
    lines = [len([line for line in source(c).splitlines() if line.strip()]) for c in cells(path)]
    assert 4 <= statistics.median(lines) <= 9
    assert max(lines) <= 30


def test_every_explorer_has_its_static_twin(path):
    text = everything(path)
    assert text.count("explorer.widget()") == text.count("explorer.contact_sheet(") > 0


def test_published_numbers_are_labelled(path):
    for cell in cells(path, "markdown"):
        if "published" in source(cell).lower() and re.search(r"\d\d\.\d", source(cell)):
            assert "not measured here" in source(cell)


def test_six_exercises_of_which_four_are_checked(path):
    text = everything(path)
    chapter = path.stem[:2]
    assert len(re.findall(rf"\*\*Exercise {chapter}\.\d+\*\*", text)) >= 6
    checked = sorted(key for key in EXERCISES if key.startswith(chapter))
    assert len(checked) >= 4
    solutions = [source(c) for c in cells(path) if "solution" in tags(c)]
    assert [re.search(r'check\("([\d.]+)"', s).group(1) for s in solutions] == checked


def test_solutions_are_folded(path):
    for cell in cells(path):
        assert ("solution" in tags(cell)) == bool(cell["metadata"].get("jupyter", {}).get("source_hidden"))
    opened, folded = re.findall(r"\(open\)", everything(path)), re.findall("<details>", everything(path))
    assert len(opened) == len(folded)


@pytest.fixture
def environment():
    """The runner gives kernels their places through the environment of this process: put it back."""
    before = dict(os.environ)
    yield
    for name in ("RUNS", "DATA", "CACHE", "WEIGHTS"):
        os.environ.pop(f"UDALIB_{name}", None)
    os.environ.update(before)


@pytest.mark.notebook
@pytest.mark.slow
@pytest.mark.usefixtures("environment")
def test_it_runs_at_quick_with_every_solution_right_and_pictures(path, tmp_path):
    code = main(["--only", path.stem, "--folder", str(FOLDER), "--out", str(tmp_path), "--timeout", "900"])
    assert code == 0
    assert (tmp_path / "notebooks" / f"{path.stem}.html").is_file()
    executed = json.loads((tmp_path / "notebooks" / path.name).read_text(encoding="utf-8"))
    assert find_tracebacks(executed) == []
    code_cells = [c for c in executed["cells"] if c["cell_type"] == "code"]
    verdicts = [json.dumps(c["outputs"], ensure_ascii=False) for c in code_cells if "solution" in tags(c)]
    assert verdicts
    assert all("✓ right" in verdict for verdict in verdicts)
    pictures = [o for c in code_cells for o in c["outputs"] if "image/png" in o.get("data", {})]
    assert len(pictures) >= 5
