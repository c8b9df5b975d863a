"""Committed records: found beside the package or above the working directory, and told how to make if absent."""

import json

import pytest

import udalib
from udalib.analysis.runs.measured import SCRIPTS, class_scores, command_of, find_effect, find_measured, measured
from udalib.core.errors import UnknownNameError
from udalib.recipes.comparisons import list_comparisons

RECORD = {
    "groups": [
        {
            "recipe": "a/b",
            "seeds": [0, 1],
            "classes": {"target": {"road": {"values": [90.0, 92.0]}, "bus": {"values": [None, 3.0]}}},
        }
    ],
    "effects": [
        {"recipe": "a/b", "baseline": "a/c", "metric": "target/miou", "mean": 1.0},
        {"recipe": "a/b", "baseline": "a/d", "metric": "target/miou", "mean": 2.0},
        {"recipe": "a/b", "baseline": "a/d", "metric": "source/miou", "mean": 3.0},
    ],
}


@pytest.fixture
def elsewhere(tmp_path, monkeypatch):
    """A package without a checkout around it, and a working directory two levels below ``tmp_path``."""
    monkeypatch.setattr(udalib, "__file__", str(tmp_path / "site" / "udalib" / "__init__.py"))
    folder = tmp_path / "work" / "notebooks"
    folder.mkdir(parents=True)
    monkeypatch.chdir(folder)
    return tmp_path


def write(place):
    results = place / "benchmarks" / "results"
    results.mkdir(parents=True)
    (results / "adversarial-sweep.json").write_text(json.dumps(RECORD))
    return results / "adversarial-sweep.json"


def test_an_absent_record_names_its_command(elsewhere, capsys):
    assert find_measured("adversarial-sweep") is None
    assert measured("adversarial-sweep") is None
    assert command_of("adversarial-sweep") in capsys.readouterr().out


def test_a_record_above_the_working_directory_is_found(elsewhere, capsys):
    file = write(elsewhere / "work")
    assert find_measured("adversarial-sweep") == file
    assert measured("adversarial-sweep") == RECORD
    assert capsys.readouterr().out == ""


def test_the_checkout_of_the_package_comes_first(elsewhere):
    write(elsewhere / "work")
    file = write(elsewhere / "site")
    assert find_measured("adversarial-sweep") == file


def test_an_unknown_record_lists_the_known():
    with pytest.raises(UnknownNameError, match="adversarial-sweep"):
        find_measured("adversarial-swep")


def test_commands_name_files_of_the_checkout(request):
    scripts = [name for name in (*SCRIPTS, *list_comparisons()) if command_of(name).startswith("python ")]
    assert len(scripts) > len(list_comparisons())
    for name in scripts:
        assert (request.config.rootpath / command_of(name).split()[1]).is_file()


def test_class_scores_are_one_dictionary_a_seed():
    assert class_scores(RECORD, "a/b") == [{"road": 90.0, "bus": None}, {"road": 92.0, "bus": 3.0}]
    with pytest.raises(UnknownNameError, match="a/b"):
        class_scores(RECORD, "a/x")


def test_an_effect_is_found_by_recipe_baseline_and_metric():
    assert find_effect(RECORD, "a/b", "a/d")["mean"] == 2.0
    assert find_effect(RECORD, "a/b", "a/d", "source/miou")["mean"] == 3.0
    assert find_effect(RECORD, "a/b", "a/x") is None
