"""The runner of the series, on tiny notebooks: order, failures, hidden tracebacks, exit codes, HTML."""

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from udalib.notebooks import find_notebooks, find_tracebacks, main
from udalib.notebooks.execute import to_html

pytest.importorskip("papermill")

WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"
WIDGET_STATE = "application/vnd.jupyter.widget-state+json"


def notebook(path, *sources, parameters='# parameters\npreset: str = "quick"  # one of: quick, laptop\nseed: int = 0'):
    first = new_code_cell(parameters, metadata={"tags": ["parameters"]})
    cells = [new_markdown_cell(f"# {path.stem}"), first, *map(new_code_cell, sources)]
    nbformat.write(new_notebook(cells=cells), path)


@pytest.fixture
def series(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("UDALIB_RUNS", "UDALIB_DATA", "UDALIB_CACHE", "UDALIB_WEIGHTS"):
        monkeypatch.setenv(name, str(tmp_path / name))
    folder = tmp_path / "notebooks"
    folder.mkdir()
    return folder


def test_a_failing_notebook_is_named_and_the_others_run(series, capsys):
    notebook(series / "00_good.ipynb", "print(preset, seed)")
    notebook(series / "01_bad.ipynb", "x = 1", "1 / 0", "y = 2")
    notebook(series / "02_good.ipynb", "import os; print(os.environ['UDALIB_RUNS'])")
    assert main(["--preset", "laptop", "--set", "seed=7"]) == 1
    output = capsys.readouterr()
    lines = [line for line in output.out.splitlines() if line.startswith("[")]
    assert [line.split()[1] for line in lines] == ["00_good", "01_bad", "02_good"]
    assert [line.split()[-1] for line in lines] == ["ok", "FAILED", "ok"]
    assert "ZeroDivisionError" in output.out
    assert "FAILED: 01_bad" in output.err
    built = series.parent / "build" / "notebooks"
    for name in ("00_good", "01_bad", "02_good"):
        assert (built / f"{name}.ipynb").is_file()
        assert (built / f"{name}.html").is_file()
    assert "laptop 7" in (built / "00_good.html").read_text()
    assert str(built / "runs") in (built / "02_good.html").read_text()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--set", "sed=1"], "parameter of 00_one 'sed'. Did you mean: seed?"),
        (["--set", "seed=x"], "'seed' of 00_one must be int"),
        (["--preset", "quik"], "Did you mean: quick?"),
        (["--set", "seed"], "--set takes name=value"),
        (["--only", "07"], "no notebook begins with 07; there are: 00_one"),
        (["--folder", "nowhere"], "no notebook"),
        (["--out", "."], "would overwrite the notebooks themselves"),
    ],
)
def test_a_wrong_argument_stops_before_anything_runs(series, capsys, arguments, message):
    notebook(series / "00_one.ipynb", "open('ran', 'w').close()")
    assert main(arguments) == 2
    assert message in capsys.readouterr().err
    assert not (series.parent / "ran").exists()


def test_names_are_checked_in_every_notebook_before_the_first_runs(series, capsys):
    notebook(series / "00_one.ipynb", "open('ran', 'w').close()")
    notebook(series / "01_two.ipynb", parameters='preset = "quick"')
    assert main(["--set", "seed=1"]) == 2
    assert "parameter of 01_two 'seed'" in capsys.readouterr().err
    assert not (series.parent / "ran").exists()


def test_notebooks_are_found_in_order_and_others_are_left_out(series):
    for name in ("02_b", "00_a", "10_c", "draft"):
        notebook(series / f"{name}.ipynb")
    assert [p.stem for p in find_notebooks(series)] == ["00_a", "02_b", "10_c"]
    assert [p.stem for p in find_notebooks(series, ["02", "10"])] == ["02_b", "10_c"]


def test_the_check_inside_a_notebook_stops_a_misspelt_injected_name(series):
    import papermill

    path = series / "00_check.ipynb"
    notebook(path, "from udalib.notebooks import check_parameters\ncheck_parameters()")
    papermill.execute_notebook(
        str(path),
        str(series.parent / "out.ipynb"),
        {"seed": 3},
        kernel_name="python3",
        language="python",
        progress_bar=False,
    )
    with pytest.raises(papermill.PapermillExecutionError, match="Did you mean: seed"):
        papermill.execute_notebook(
            str(path), None, {"sede": 3}, kernel_name="python3", language="python", progress_bar=False
        )


def with_output(**output):
    cell = new_code_cell("x")
    cell.outputs = [nbformat.v4.new_output(**output)]
    return new_notebook(cells=[new_markdown_cell("t"), cell])


def test_tracebacks_are_found_in_outputs_and_in_widget_state():
    clean = with_output(output_type="stream", name="stdout", text="fine")
    assert find_tracebacks(clean) == []
    printed = with_output(output_type="stream", name="stderr", text="Traceback (most recent call last)\nKeyError: 3")
    assert find_tracebacks(printed) == ["cell 1: KeyError: 3"]
    error = with_output(output_type="error", ename="ValueError", evalue="no", traceback=[])
    assert find_tracebacks(error) == ["cell 1: Traceback: ValueError: no"]
    hidden = {"output_type": "error", "ename": "TypeError", "evalue": "bad", "traceback": []}
    clean.metadata["widgets"] = {
        WIDGET_STATE: {"state": {"a": {"model_name": "OutputModel", "state": {"outputs": [hidden]}}}}
    }
    assert find_tracebacks(clean) == ["widget OutputModel: Traceback: TypeError: bad"]


def test_an_error_shown_on_purpose_is_allowed():
    page = with_output(output_type="error", ename="ValueError", evalue="no", traceback=[])
    page.cells[1].metadata["tags"] = ["raises-exception"]
    assert find_tracebacks(page) == []


def test_interact_hides_an_exception_that_the_runner_finds(series, capsys):
    notebook(
        series / "00_hidden.ipynb",
        "import ipywidgets\n\ndef figure(x):\n    raise KeyError('hidden')\n\nipywidgets.interact(figure, x=(0, 3));",
    )
    assert main([]) == 1
    assert "widget OutputModel: Traceback: KeyError: 'hidden'" in capsys.readouterr().out


def test_html_replaces_live_widgets_by_a_note():
    page = with_output(output_type="display_data", data={WIDGET_VIEW: {"model_id": "a"}, "text/plain": "VBox()"})
    html = to_html(page, "00_x")
    assert "static twin" in html
    assert "<title>00_x</title>" in html
    assert WIDGET_VIEW not in html


def test_html_leaves_progress_bars_out_and_loads_nothing_from_elsewhere():
    bar = {WIDGET_VIEW: {"model_id": "a"}, "text/plain": "  0%|          | 0/30 [00:00<?, ?it/s]"}
    html = to_html(with_output(output_type="display_data", data=bar), "00_x")
    assert "static twin" not in html
    assert "30 [00:00" not in html
    assert 'src="http' not in html
    assert "import mermaid" not in html


def test_html_folds_solutions_and_keeps_their_outputs():
    page = with_output(output_type="stream", name="stdout", text="the answer")
    page.cells[1].source = "secret = 42"
    page.cells[1].metadata["tags"] = ["solution"]
    html = to_html(page, "00_x")
    assert html.index("<summary>Solution</summary>") < html.index("secret") < html.index("</details>")
    assert html.index("</details>") < html.index("the answer")
    assert html.count("secret") == 1


def test_quick_begins_with_fresh_runs_and_others_resume(series):
    notebook(
        series / "00_mark.ipynb", "import os, pathlib\npathlib.Path(os.environ['UDALIB_RUNS'], 'x').mkdir(parents=True)"
    )
    assert main(["--preset", "quick"]) == 0
    assert main(["--preset", "quick"]) == 0
    assert main(["--preset", "laptop"]) == 1  # the folder is still there
