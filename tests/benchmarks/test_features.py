"""The record of measures reads runs, trains nothing, goes on from itself, and says which runs it left out and why."""

import json
import math
import shlex
import shutil

import pytest
from tiny_streets import TINY

from udalib.analysis.features import MEASURES
from udalib.analysis.runs.measured import command_of
from udalib.recipes import run_recipe
from udalib.viz.features import prediction_markdown

SMALL = ["--per-class", "12", "--minimum", "8", "--cell", "4", "--layer", "encoder.1", "decoder"]
SETTINGS = {**TINY, "evaluations.target.dataset.length": 4, "evaluations.source.dataset.length": 4}
NAMES = ("streets/jitter", "streets/source-only")


def assignments():
    return [f"{key}={str(value).strip('()').replace(' ', '')}" for key, value in SETTINGS.items()]


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    for seed, name in ((0, NAMES[0]), (0, NAMES[1]), (1, NAMES[1])):
        run_recipe(name, "quick", seed, "cpu", SETTINGS, folder)
    return folder


def arguments(runs, out, *more):
    return ["--preset", "quick", "--set", *assignments(), "--runs", str(runs), *SMALL, *more, "--out", str(out)]


def read(path):
    return json.loads(path.read_text())


def test_every_run_is_measured_and_correlated(features, runs, tmp_path, capsys):
    out = tmp_path / "out.json"
    assert features.main(arguments(runs, out)) == 0
    record = read(out)
    assert [(run["recipe"], run["seed"]) for run in record["runs"]] == [(NAMES[0], 0), (NAMES[1], 0), (NAMES[1], 1)]
    assert record["left_out"] == {}
    for run in record["runs"]:
        (folder,) = runs.glob(f"{run['recipe']}/*/seed{run['seed']}")
        results = read(folder / "run.json")["results"]
        assert run["target_miou"] == pytest.approx(100 * results["target/miou"], abs=1e-3)
        assert list(run["measures"]) == ["encoder.1", "decoder"]
        for values in run["measures"].values():
            assert list(values) == list(MEASURES)
            assert all(math.isfinite(value) for value in values.values())
    assert sum(record["points"].values()) > 20
    found = record["correlation"]["decoder"]["mmd"]
    assert (found["runs"], found["recipes"], found["within_runs"]) == (3, 2, 0)
    assert str(runs) not in out.read_text(), "a place of this machine is in the record"
    assert prediction_markdown(record) in capsys.readouterr().out


def test_its_command_makes_it_again(features, runs, tmp_path):
    assert features.main(arguments(runs, tmp_path / "one.json")) == 0
    words = shlex.split(read(tmp_path / "one.json")["command"])[2:]
    assert features.main([*words, "--runs", str(runs), "--out", str(tmp_path / "two.json")]) == 0
    one, two = (read(tmp_path / name) for name in ("one.json", "two.json"))
    for record in (one, two):
        for run in record["runs"]:
            del run["seconds"]
    assert one["runs"] == two["runs"]
    assert one["pixels"] == two["pixels"]


def test_a_record_is_extended_by_what_it_lacks(features, runs, tmp_path, monkeypatch, capsys):
    out = tmp_path / "out.json"
    assert features.main(arguments(runs, out, "--recipes", "streets/jit*", "--extend")) == 0
    assert len(read(out)["runs"]) == 1
    seen, look = [], features.look
    monkeypatch.setattr(features, "look", lambda run, options: seen.append(run) or look(run, options))
    assert features.main(arguments(runs, out, "--extend")) == 0
    assert [run.data["name"] for run in seen] == [NAMES[1]] * 2
    assert features.main(arguments(tmp_path / "gone", out, "--extend", str(out))) == 0
    assert len(read(out)["runs"]) == 3
    capsys.readouterr()
    assert features.main(arguments(runs, out, "--images", "3", "--extend")) == 2
    assert "give the same options, or leave out --extend" in capsys.readouterr().err
    assert len(read(out)["runs"]) == 3


def test_what_cannot_be_measured_is_left_out_with_a_reason(features, runs, tmp_path, capsys):
    here = tmp_path / "runs"
    shutil.copytree(runs, here)
    kept, *others = sorted(here.rglob("run.json"))
    reasons = [
        ("the run is interrupted", lambda data: data.update(status="interrupted")),
        ("holds a run of another version", lambda data: data["recipe"]["optimizer"].update(lr=123.0)),
    ]
    for place, (_, change) in zip(others, reasons, strict=True):
        data = read(place)
        change(data)
        place.write_text(json.dumps(data))
    assert features.main(arguments(here, tmp_path / "out.json")) == 1
    record = read(tmp_path / "out.json")
    assert len(record["runs"]) == 1
    assert list(record["left_out"]) == ["streets/source-only seed 0", "streets/source-only seed 1"]
    for (reason, _), said in zip(reasons, record["left_out"].values(), strict=True):
        assert reason in said
    data = read(kept)
    del data["results"]["source/miou"]
    kept.write_text(json.dumps(data))
    assert features.main(arguments(here, tmp_path / "none.json")) == 1
    assert "it was not evaluated on source and target" in capsys.readouterr().err
    assert not (tmp_path / "none.json").exists()


def test_runs_of_other_pixels_are_no_part_of_the_table(features, runs, tmp_path, monkeypatch):
    numbers = iter("aab")
    monkeypatch.setattr(features, "pixels_of", lambda found: next(numbers))
    assert features.main(arguments(runs, tmp_path / "out.json")) == 1
    (said,) = read(tmp_path / "out.json")["left_out"].values()
    assert said == "its images show other pixels than those of the first run"


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--layer", "decodr"], "unknown layer 'decodr'. Did you mean: decoder"),
        (["--extend", "no.json"], "no.json cannot be read as a record of features"),
    ],
)
def test_wrong_names_end_with_a_message(features, runs, tmp_path, capsys, more, message):
    assert features.main(arguments(runs, tmp_path / "out.json", *more)) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "out.json").exists()


def test_without_runs_an_earlier_record_stays(features, tmp_path, capsys):
    out = tmp_path / "out.json"
    out.write_text("earlier")
    assert features.main(arguments(tmp_path, out)) == 1
    assert out.read_text() == "earlier"
    assert "nothing written" in capsys.readouterr().err


def test_its_command_is_what_notebooks_show(features):
    assert features.command(features.parse([])) == command_of("streets-features")
