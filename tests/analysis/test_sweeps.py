"""Sweeps are read as they were written, and whatever does not fit is named with its run."""

import json

import pytest

from udalib.analysis import Variant, load_sweep
from udalib.core.errors import DataError


def test_a_sweep_tells_its_weights_and_variants(sweep_file):
    sweep = load_sweep(sweep_file)
    assert sweep.weights == (0.0, 0.01, 0.1)
    assert sweep.variants == (Variant(), Variant("feature"), Variant(levels="multi"))
    assert sweep.weights_of(Variant("feature")) == (0.01, 0.1)
    assert sweep.reference == {"streets/source-only": (28.0, 29.0)}
    assert (sweep.what, sweep.command) == ("made up", "none")


def test_selected_runs_stand_by_ascending_seed(sweep_file):
    runs = load_sweep(sweep_file).select(Variant("feature"), 0.1)
    assert [(run.seed, run.miou) for run in runs] == [(0, (30.0,)), (1, (31.0,))]
    assert runs[0].losses["loss_d_main_target"] == (0.6, 0.61)
    assert runs[0].iteration == (50.0, 100.0)


def test_the_control_belongs_to_every_variant(sweep_file):
    sweep = load_sweep(sweep_file)
    assert sweep.select(Variant("feature"), 0.0) == sweep.select(Variant(), 0.0)
    assert len(sweep.select(Variant(), 0.0)) == 2
    assert sweep.select(Variant(gan="ls"), 0.1) == ()


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("space", "image", "run 2: \"space\" is 'image', expected one of output, feature"),
        ("levels", None, 'run 2: "levels" is None'),
        ("gan", "hinge", "expected one of vanilla, ls"),
        ("lambda", -0.1, "expected a finite number >= 0"),
        ("lambda", None, '"lambda" is None'),
        ("lambda", True, '"lambda" is True'),
        ("seed", 0.5, '"seed" is 0.5, expected an integer'),
        ("iteration", [50], '"loss_seg_main" has 2 values, "iteration" 1'),
        ("target/miou", [30.0, 31.0], '"target/miou" has 2 values, "evaluated" 1'),
        ("target/miou", [], "list of one or more finite numbers"),
        ("loss_adv_main", [0.1, float("nan")], '"loss_adv_main" must be a list'),
        ("loss_d_main_source", None, '"loss_d_main_source" must be a list'),
    ],
)
def test_what_does_not_fit_is_named(sweep_data, tmp_path, key, value, message):
    sweep_data["runs"][2][key] = value
    path = tmp_path / "broken.json"
    path.write_text(json.dumps(sweep_data), encoding="utf-8")
    with pytest.raises(DataError, match=message) as caught:
        load_sweep(path)
    assert "broken.json, run 2" in str(caught.value)
    assert "benchmarks/adversarial_sweep.py" in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "cannot be read"),
        ("[]", "JSON list, expected an object"),
        ('{"runs": []}', "at least one run"),
        ('{"runs": [3]}', "run 0 is 3, expected an object"),
        ('{"runs": [{}], "reference": []}', '"reference" is list'),
    ],
)
def test_a_file_that_is_no_sweep_is_refused(tmp_path, text, message):
    path = tmp_path / "sweep.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(DataError, match=message):
        load_sweep(path)


def test_a_reference_without_scores_is_refused(sweep_data, tmp_path):
    sweep_data["reference"]["streets/source-only"] = {"target/miou": ["much"]}
    path = tmp_path / "sweep.json"
    path.write_text(json.dumps(sweep_data), encoding="utf-8")
    with pytest.raises(DataError, match="reference streets/source-only"):
        load_sweep(path)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(DataError, match=r"nowhere\.json cannot be read"):
        load_sweep(tmp_path / "nowhere.json")
