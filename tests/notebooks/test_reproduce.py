"""Tables reproduced through a notebook: what is done is kept, what fails is named, what is stopped goes on."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import pytest
from tiny_streets import TINY

from udalib.cli import main
from udalib.core.errors import ConfigError, UnknownNameError
from udalib.engine.record.reading import read_run
from udalib.notebooks import drive, reproduce
from udalib.recipes.report.table import table_text
from udalib.recipes.spec.overrides import as_typed
from udalib.recipes.sweep.tasks import make_task
from udalib.recipes.tables import Row, Table, get_table, list_tables, register_table

WORDS = [f"{key}={as_typed(value)}" for key, value in TINY.items()]
ROWS = (Row("one", "streets/source-only", "gta2cityscapes/daformer"), Row("broken", "gta2cityscapes/minent"))
CELLS = (
    'recipe: str = ""\npreset: str = "quick"\nseeds: list = [0]\n'
    'device: str = "auto"\noverrides: list = []\nruns: str = ""',
    "from udalib.recipes import parse_assignments, run_recipe\n"
    "run_recipe(recipe, preset, seeds[0], device, parse_assignments(overrides), runs or None)",
    "## Exercises",
    "raise ValueError('an exercise was run')",
)


@pytest.fixture(scope="module")
def notebook(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A notebook that does no more than run a recipe."""
    path = tmp_path_factory.mktemp("notebook") / "toy.ipynb"
    make = nbformat.v4.new_code_cell, nbformat.v4.new_markdown_cell
    cells = [make[text.startswith("##")](text) for text in CELLS]
    cells[0]["metadata"]["tags"] = ["parameters"]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), path)
    return path


@pytest.mark.slow
def test_a_row_that_fails_hides_no_other_and_what_is_done_is_not_repeated(
    cache: None, notebook: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reproduce, "find_reproduction", lambda: notebook)
    monkeypatch.setenv("UDALIB_DATA", str(tmp_path / "nothing"))
    tasks = {
        **reproduce.plan(ROWS[:1], (0,), "quick", WORDS, device="cpu", out=tmp_path),
        **reproduce.plan(ROWS[1:], (0,), "quick", device="cpu", out=tmp_path),
    }
    lines: list[str] = []
    done = reproduce.reproduce(tasks, jobs=2, out=tmp_path, told=lines.append)
    (good,), (bad,) = tasks.values()
    assert drive.is_driven(good)
    executed = json.loads((good.folder / "notebook.ipynb").read_text())
    assert len(executed["cells"]) == 3  # the parameters, those that were injected, the run: no exercise
    assert (good.folder / "notebook.html").is_file()
    assert (bad.folder / "failed.ipynb").is_file()
    assert list(done.failed) == ["gta2cityscapes/minent seed 0"]
    assert "DataError" in done.failed["gta2cityscapes/minent seed 0"]
    text = table_text("A toy.", ROWS, done.report, done.failed)
    assert "68.3*" in text
    assert "not to be compared" in text
    assert "no result: gta2cityscapes/minent seed 0: " in text

    again = reproduce.reproduce({"one": tasks["one"]}, out=tmp_path, told=lines.append)
    assert lines[-1] == "1 runs in 1 rows, 1 done before, 0 to do"
    assert again.report.groups[0].seeds == (0,)


@pytest.mark.slow
def test_the_notebook_drives_runs_of_other_tasks_too(cache: None, tmp_path: Path) -> None:
    """A row may start from a pretraining, which is a classification."""
    words = ["train.iterations=2", "streams.labelled.dataset.length=20", "evaluations.things.dataset.length=20"]
    task = make_task("pretrain/streets-things", 0, "quick", words, device="cpu", out=tmp_path)
    outcome = drive.drive(task, drive.find_reproduction())
    assert outcome.problems == ()
    assert drive.is_driven(task)


@pytest.mark.slow
def test_a_run_that_is_stopped_saves_itself_and_goes_on_to_the_same_numbers(
    cache: None, notebook: Path, tmp_path: Path
) -> None:
    words = [*WORDS, "train.iterations=250", "train.log_every=1"]
    task = make_task("streets/source-only", 3, "quick", words, device="cpu", out=tmp_path)
    command = [sys.executable, "-m", "udalib.notebooks.drive", *task.arguments, "--notebook", str(notebook)]

    def start() -> subprocess.Popen[bytes]:
        # A background job of a shell inherits "ignored" for Ctrl-C; a sweep's worker does not.
        program = "import signal, runpy, sys; signal.signal(signal.SIGINT, signal.default_int_handler); "
        program += "sys.argv = sys.argv[1:]; runpy.run_module('udalib.notebooks.drive', run_name='__main__')"
        return subprocess.Popen(
            [sys.executable, "-c", program, *command[2:]], env=os.environ | {"OMP_NUM_THREADS": "1"}
        )

    process = start()
    metrics = task.folder / "metrics.jsonl"
    limit = time.monotonic() + 120
    while not (metrics.exists() and metrics.stat().st_size) and time.monotonic() < limit:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    assert process.wait(60) == 130
    stopped = read_run(task.folder)
    assert stopped.status == "interrupted"
    assert 0 < stopped.data["iteration"] < 250
    assert start().wait(180) == 0
    assert drive.is_driven(task)
    assert not list(task.folder.glob("failed.*"))
    whole = make_task("streets/source-only", 3, "quick", words, device="cpu", out=tmp_path / "whole")
    assert main(["run", *whole.arguments]) == 0
    assert read_run(whole.folder).results == read_run(task.folder).results


def test_a_damaged_record_and_one_of_another_version_are_named_and_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, notebook: Path
) -> None:
    monkeypatch.setattr(reproduce, "find_reproduction", lambda: notebook)
    monkeypatch.setattr(reproduce, "run_all", lambda missing, *_: ran.extend(missing))
    ran: list[object] = []
    tasks = reproduce.plan(ROWS[:1], (0, 1, 2), "quick", WORDS, device="cpu", out=tmp_path)
    damaged, other, fine = tasks["one"]
    for task, text in ((damaged, "{"), (other, json.dumps({"status": "finished", "results": {}, "recipe": {}}))):
        task.folder.mkdir(parents=True)
        (task.folder / "run.json").write_text(text)
    done = reproduce.reproduce(tasks, out=tmp_path)
    assert ran == [fine]
    assert "cannot be read as the record of a run" in done.failed[damaged.title]
    assert done.failed[other.title] == reproduce.STALE
    assert (damaged.folder / "run.json").read_text() == "{"


def test_one_sweep_at_a_time_works_in_a_folder(tmp_path: Path) -> None:
    holder = "import sys, time; from udalib.notebooks.reproduce import _locked; from pathlib import Path; "
    holder += "held = _locked(Path(sys.argv[1])); held.__enter__(); print('held', flush=True); time.sleep(60)"
    process = subprocess.Popen([sys.executable, "-c", holder, str(tmp_path)], stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
        with pytest.raises(ConfigError, match="another sweep works in"):
            reproduce.reproduce({}, out=tmp_path)
    finally:
        process.kill()
        process.wait()
    with reproduce._locked(tmp_path):  # the lock went with its process
        pass


def test_unknown_tables_rows_presets_and_formats_are_named() -> None:
    with pytest.raises(UnknownNameError, match="streets-daformer"):
        get_table("streets-daforme")
    with pytest.raises(UnknownNameError, match="DAFormer"):
        get_table("streets-daformer").select(("DAForme",))
    with pytest.raises(UnknownNameError, match="quick"):
        reproduce.plan(ROWS, (0,), "quik")
    with pytest.raises(ConfigError, match="--seeds is empty"):
        reproduce.plan(ROWS, (), "quick")
    with pytest.raises(UnknownNameError, match="markdown"):
        table_text("", (), get_report(), {}, "markdow")
    with pytest.raises(ConfigError, match="share a title"):
        register_table(Table("x", "", (ROWS[0], ROWS[0])))


def get_report():
    from udalib.recipes import summarise

    return summarise([])


@pytest.mark.parametrize("name", list_tables())
def test_every_table_can_be_planned_and_its_published_numbers_are_of_recipes_that_exist(name: str) -> None:
    table = get_table(name)
    assert table.rows
    tasks = reproduce.plan(table.rows, (0,), "quick")
    assert list(tasks) == [row.title for row in table.rows]
    for row in table.rows:
        assert all(0 < number.value < 100 for number in row.published())
    text = table_text(table.title, table.rows, get_report(), {}, "markdown")
    assert all(f"| {row.title} |" in text for row in table.rows)


def test_rows_are_selected_by_title_or_recipe_in_the_tables_order() -> None:
    table = get_table("streets-daformer")
    chosen = table.select(("streets/daformer", "source only"))
    assert [row.title for row in chosen] == ["source only", "DAFormer"]
    assert table.select(()) == table.rows


def test_the_notebook_of_the_checkout_is_found_and_its_parameters_are_those_that_a_task_gives() -> None:
    from udalib.notebooks import read_parameters

    path = drive.find_reproduction()
    given = drive.parameters(make_task("streets/source-only", 2, "quick", ("train.iterations=3",), device="cpu"))
    assert set(given) == set(read_parameters(path))
    assert given["seeds"] == [2]


def test_without_a_checkout_the_notebook_is_asked_for(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("udalib.__file__", str(tmp_path / "udalib" / "__init__.py"))
    with pytest.raises(ConfigError, match="name the notebook with --notebook"):
        drive.find_reproduction()


def test_the_command_lists_tables(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["reproduce"]) == 0
    assert "streets-daformer" in capsys.readouterr().out
    assert main(["reproduce", "nothing-like-it"]) == 2
