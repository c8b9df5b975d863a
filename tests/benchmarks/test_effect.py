"""The effect benchmark runs what is missing, reads what is there, names what failed, and compares like with like."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import pytest

from udalib.recipes import list_recipes, parse_assignments, run_recipe
from udalib.recipes.comparisons import get_comparison, list_comparisons

BASE, OTHER, ABSENT = "streets/source-only", "streets/jitter", "camvid-day2dusk/source-only"
SIZES = [f"{place}.dataset.size=32,64" for place in ("streams.source", "evaluations.target", "evaluations.source")]
SETTINGS = ["train.iterations=1", "train.progress=no", *SIZES, "streams.source.dataset.length=4"]
SEEDS = (0, 1)


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Finished runs of two recipes with two seeds."""
    folder = tmp_path_factory.mktemp("runs")
    for name in (BASE, OTHER):
        for seed in SEEDS:
            run_recipe(name, "quick", seed, "cpu", parse_assignments(SETTINGS), folder)
    return folder


def arguments(runs, out, *more, names=(OTHER,)):
    words = ["--recipes", *names, "--baseline", BASE, "--seeds", *map(str, SEEDS), "--preset", "quick"]
    return [*words, "--set", *SETTINGS, "--device", "cpu", "--runs", str(runs), "--out", str(out), *more]


def folder_of(runs, name, seed):
    (folder,) = runs.glob(f"{name}/quick-*/seed{seed}")
    return folder


def test_the_record_holds_seeds_classes_effects_and_machine(effect, runs, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("udalib.recipes.sweep.pool.start_module", lambda *_: pytest.fail("trained again"))
    assert effect.main(arguments(runs, tmp_path / "out.json")) == 0
    text = (tmp_path / "out.json").read_text()
    record = json.loads(text)
    groups = {group["recipe"]: group for group in record["groups"]}
    assert groups[OTHER]["seeds"] == list(SEEDS)
    assert groups[BASE]["ours"]["target/miou"]["std"] is not None
    assert "road" in groups[BASE]["classes"]["target"]
    assert {run["machine"]["type"] for run in record["runs"]} == {"cpu"}
    (found,) = record["effects"]
    ours, base = (groups[name]["ours"]["target/miou"]["values"] for name in (OTHER, BASE))
    assert found["differences"] == pytest.approx([a - b for a, b in zip(ours, base, strict=True)], abs=0.011)
    assert (found["n"], found["p_t_holm"]) == (2, found["p_t"])
    assert (record["failed"], record["not_compared"]) == ({}, [])
    assert str(runs) not in text, "a place of this machine is in the record"
    assert f"| {OTHER} |" in capsys.readouterr().out


def test_the_command_in_the_record_leads_to_the_same_runs(effect, runs, tmp_path):
    effect.main(arguments(runs, tmp_path / "a.json", "--from-runs"))
    record = json.loads((tmp_path / "a.json").read_text())
    words = [*shlex.split(record["command"])[2:], "--runs", str(runs), "--out", str(tmp_path / "b.json"), "--from-runs"]
    assert effect.main(words) == 0
    again = json.loads((tmp_path / "b.json").read_text())
    assert again["effects"] == record["effects"]


def test_from_runs_trains_nothing_and_names_what_is_not_there(effect, runs, tmp_path, capsys):
    options = ["--from-runs", "--seeds", "0", "1", "7"]
    assert effect.main(arguments(runs, tmp_path / "out.json", *options)) == 1
    record = json.loads((tmp_path / "out.json").read_text())
    assert record["failed"] == {f"{name} seed 7": "there is no such run" for name in (BASE, OTHER)}
    assert record["effects"][0]["seeds"] == [0, 1]
    assert "seed 7: there is no such run" in capsys.readouterr().out


def test_a_run_of_an_older_recipe_is_named_and_not_averaged(effect, runs, tmp_path):
    path = folder_of(runs, OTHER, 1) / "run.json"
    before = path.read_text()
    changed = json.loads(before)
    del changed["recipe"]["published"]  # a parameter that is newer than the run: its default fills the gap
    path.write_text(json.dumps(changed))
    try:
        assert effect.main(arguments(runs, tmp_path / "a.json", "--from-runs")) == 0
        changed["recipe"]["optimizer"]["lr"] = 123.0
        path.write_text(json.dumps(changed))
        assert effect.main(arguments(runs, tmp_path / "b.json", "--from-runs")) == 1
    finally:
        path.write_text(before)
    record = json.loads((tmp_path / "b.json").read_text())
    assert list(record["failed"]) == [f"{OTHER} seed 1"]
    assert "another version of the recipe" in record["failed"][f"{OTHER} seed 1"]
    assert {group["recipe"]: group["seeds"] for group in record["groups"]} == {BASE: [0, 1], OTHER: [0]}


@pytest.mark.slow
def test_missing_runs_are_trained_in_processes_and_a_failing_one_hides_nothing(effect, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("UDALIB_WEIGHTS", str(tmp_path / "no-weights"))
    words = ["--recipes", ABSENT, "--baseline", BASE, "--seeds", "3", "--preset", "quick", "--device", "cpu"]
    words += ["--set", "train.iterations=1", "--jobs", "2", "--runs", str(tmp_path), "--out", str(tmp_path / "o.json")]
    assert effect.main(words) == 1
    record = json.loads((tmp_path / "o.json").read_text())
    assert [(run["recipe"], run["seed"], run["machine"]["threads"]) for run in record["runs"]] == [(BASE, 3, 1)]
    assert list(record["failed"]) == [f"{ABSENT} seed 3"]
    assert "no weights file" in record["failed"][f"{ABSENT} seed 3"]
    assert record["not_compared"][0]["reason"] == "the two are not tested on the same images and classes"
    assert f"error: {ABSENT} seed 3" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--recipes", "streets/jiter"], "unknown recipe 'streets/jiter'"),
        (["--metric", "target/mIoU"], "the runs have no metric 'target/mIoU'; there are "),
    ],
)
def test_wrong_names_end_with_a_message(effect, runs, tmp_path, capsys, more, message):
    assert effect.main(arguments(runs, tmp_path / "out.json", "--from-runs", *more)) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "out.json").exists()


@pytest.mark.parametrize("words", [[], ["no-such-set"], ["camvid", "--jobs", "0"]])
def test_a_wrong_command_line_is_refused(effect, words, capsys):
    with pytest.raises(SystemExit):
        effect.parse(words)
    assert "error:" in capsys.readouterr().err


def test_a_record_is_extended_where_the_run_folders_are_gone(effect, runs, tmp_path, monkeypatch, capsys):
    out = tmp_path / "out.json"
    monkeypatch.setattr("udalib.recipes.sweep.pool.start_module", lambda *_: pytest.fail("trained again"))
    assert effect.main(arguments(runs, out)) == 0
    before = json.loads(out.read_text())
    assert effect.main(arguments(tmp_path / "gone", out, "--extend")) == 0
    assert "0 finished before, 4 in earlier records" in capsys.readouterr().out
    again = json.loads(out.read_text())
    assert {**again, "created": ""} == {**before, "created": ""}


def test_only_runs_of_the_same_recipe_are_taken_over(effect, runs, tmp_path):
    out = tmp_path / "out.json"
    effect.main(arguments(runs, out))
    changed = [word.replace("iterations=1", "iterations=2") for word in arguments(tmp_path / "gone", out)]
    options = effect.parse([*changed, "--extend", "--from-runs"])
    assert effect.kept_runs(options.extend, effect.tasks(options)) == {}


@pytest.mark.parametrize(("text", "message"), [("{", "cannot be read as a record of effects"), ("{}", "older than")])
def test_a_record_that_cannot_be_extended_says_why(effect, runs, tmp_path, text, message, capsys):
    out = tmp_path / "out.json"
    out.write_text(text)
    assert effect.main(arguments(runs, out, "--extend")) == 2
    assert message in capsys.readouterr().err
    assert out.read_text() == text


def test_a_failed_start_leaves_an_earlier_record_alone(effect, tmp_path):
    out = tmp_path / "out.json"
    out.write_text("earlier")
    assert effect.main(arguments(tmp_path / "nothing", out, "--from-runs")) == 1
    assert out.read_text() == "earlier"


def test_sets_name_recipes_that_exist_and_their_command_is_short(effect):
    for name in list_comparisons():
        chosen = get_comparison(name)
        options = effect.parse([name])
        assert effect.command(options) == f"python benchmarks/effect.py {name}"
        assert options.out == Path(effect.__file__).parent / "results" / f"{name}.json"
        assert set(chosen.baselines) <= set(options.names)
        assert set(options.names) <= set(list_recipes()), name


def test_a_run_that_another_starts_from_comes_first_and_is_not_measured(effect, tmp_path):
    options = effect.parse(["--recipes", "streets/minent", "streets/advent", "--seeds", "5", "--runs", str(tmp_path)])
    work = effect.tasks(options)
    every = effect.with_starts(work)
    assert [task.title for task in every] == ["streets/source-only seed 5", *(task.title for task in work)]
    assert {task.start for task in work} == {every[0].folder}
