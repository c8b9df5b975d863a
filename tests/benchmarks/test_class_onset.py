"""The record of when classes are learned reads runs, trains nothing, and names what is missing and its command."""

import json
import shlex

import pytest

from udalib.analysis.runs.measured import command_of
from udalib.analysis.runs.onset import class_curves, curves_of
from udalib.recipes import list_recipes, parse_assignments, run_recipe

NAME = "streets/source-only"
SETTINGS = ["train.iterations=2", "train.evaluate_every=1", "train.progress=no", "streams.source.dataset.length=4"]


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    run_recipe(NAME, "quick", 0, "cpu", parse_assignments(SETTINGS), folder)
    return folder


def arguments(runs, out, *more, seeds=("0",)):
    words = ["--recipes", NAME, "--preset", "quick", "--seeds", *seeds, "--set", *SETTINGS]
    return [*words, "--runs", str(runs), "--out", str(out), *more]


def test_the_record_holds_the_curves_of_the_runs(class_onset, runs, tmp_path):
    assert class_onset.main(arguments(runs, tmp_path / "out.json")) == 0
    text = (tmp_path / "out.json").read_text()
    record = json.loads(text)
    (folder,) = runs.glob(f"{NAME}/*/seed0")
    assert curves_of(record, NAME) == [class_curves(folder)]
    assert record["missing"] == {}
    assert record["machines"][0]["device"]["type"] == "cpu"
    assert str(runs) not in text, "a place of this machine is in the record"
    words = shlex.split(record["command"])[2:]
    assert class_onset.main([*words, "--runs", str(runs), "--out", str(tmp_path / "again.json")]) == 0
    assert json.loads((tmp_path / "again.json").read_text())["runs"] == record["runs"]


def test_a_missing_run_is_named_with_the_command_that_makes_it(class_onset, runs, tmp_path, capsys):
    assert class_onset.main(arguments(runs, tmp_path / "out.json", seeds=("0", "7"))) == 1
    record = json.loads((tmp_path / "out.json").read_text())
    assert [run["seed"] for run in record["runs"]] == [0]
    missing = record["missing"][f"{NAME} seed 7"]
    assert missing["reason"] == "there is no such run"
    assert missing["command"].startswith(f"udalib run {NAME} --preset quick --seeds 7")
    assert "train.evaluate_every=1" in missing["command"]
    assert f"make it by: {missing['command']}" in capsys.readouterr().err


def test_a_run_of_an_older_recipe_is_left_out(class_onset, runs, tmp_path):
    (path,) = runs.glob(f"{NAME}/*/seed0/run.json")
    before = path.read_text()
    changed = json.loads(before)
    changed["recipe"]["optimizer"]["lr"] = 123.0
    path.write_text(json.dumps(changed))
    try:
        assert class_onset.main(arguments(runs, tmp_path / "out.json")) == 1
    finally:
        path.write_text(before)
    assert not (tmp_path / "out.json").exists()


def test_without_runs_an_earlier_record_stays(class_onset, tmp_path, capsys):
    out = tmp_path / "out.json"
    out.write_text("earlier")
    assert class_onset.main(arguments(tmp_path, out)) == 1
    assert out.read_text() == "earlier"
    assert "nothing written" in capsys.readouterr().out


def test_wrong_names_end_with_a_message(class_onset, tmp_path, capsys):
    assert class_onset.main(["--recipes", "streets/dac", "--out", str(tmp_path / "out.json")]) == 2
    assert "unknown recipe 'streets/dac'" in capsys.readouterr().err


def test_its_recipes_are_followed_and_its_command_is_what_notebooks_show(class_onset):
    options = class_onset.parse([])
    assert class_onset.command(options) == command_of("streets-onset")
    assert set(class_onset.RECIPES) <= set(list_recipes())
    for name in class_onset.RECIPES:
        train = class_onset.make_task(name, 0, options.preset).recipe.train
        assert train.evaluate_every == train.iterations // 10
