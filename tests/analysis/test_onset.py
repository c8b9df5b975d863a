"""When a class is learned: the first evaluation above a threshold, and what late runs lose."""

import json
import math

import pytest

from udalib.analysis.runs.onset import ClassCurves, class_curves, curves_of, early_and_late, onset_correlation
from udalib.core.errors import ConfigError, DataError
from udalib.recipes import run_recipe


def run(seed, *bus, recipe="a", **more):
    curves = {"bus": bus, **more}
    return ClassCurves(recipe, seed, tuple(100 * (i + 1) for i in range(len(bus))), curves)


def test_a_class_is_learned_at_its_first_evaluation_above_the_threshold():
    one = run(0, 0.0, 10.0, 10.01, 4.0)
    assert one.onset("bus") == 300
    assert one.onset("bus", 0.0) == 200
    assert one.onset("bus", 50.0) == math.inf
    assert one.final("bus") == 4.0
    assert run(0, None, 12.0).onset("bus") == 200
    assert math.isnan(run(0, 3.0, None).final("bus"))


def test_curves_survive_the_record():
    one = run(3, 0.0, None, 10.5)
    record = json.loads(json.dumps({"runs": [one.to_dict(), run(4, 1.0, 2.0, 3.0, recipe="b").to_dict()]}))
    assert curves_of(record, "a") == [one]
    assert [each.recipe for each in curves_of(record)] == ["a", "b"]


@pytest.mark.parametrize(
    ("onsets", "early"),
    [
        ((2, 1, 3), (0, 1)),  # no later than the median
        ((2, 1, 2), (1,)),  # the median is the latest: before it
        ((2, 2, 2), (0, 1, 2)),
        ((9, 9, 9), ()),  # 9: never
        ((9, 1, 9), (1,)),
        ((1, 2, 3, 9), (0, 1)),
        ((1,), (0,)),
    ],
)
def test_runs_are_split_at_the_median_onset(onsets, early):
    runs = [run(seed, *(20.0 if i + 1 >= onset else 0.0 for i in range(4))) for seed, onset in enumerate(onsets)]
    found, late = early_and_late(runs, "bus")
    assert [each.seed for each in found] == list(early)
    assert [each.seed for each in late] == [seed for seed in range(len(onsets)) if seed not in early]


def rising(seed, onset, end, **more):
    """A class that passes 10 at evaluation ``onset`` of 4 and ends at ``end``."""
    return run(seed, *(0.0 if i < onset else 11.0 for i in range(1, 4)), end, **more)


def test_late_and_low_correlate_below_zero_and_the_p_is_exact():
    late_is_low = [rising(seed, seed + 1, 50.0 - seed) for seed in range(4)]
    found = onset_correlation(late_is_low)
    assert found.mean == pytest.approx(-1)
    assert found.p == 1 / 24
    late_is_high = [rising(seed, seed + 1, 50.0 + seed) for seed in range(4)]
    found = onset_correlation(late_is_high)
    assert (found.mean, found.p) == (pytest.approx(1), 1.0)


def test_classes_that_all_learn_at_once_say_nothing():
    runs = [rising(seed, seed + 1, 50.0 - seed, sky=(90.0, 91.0, 92.0, 90.0 + seed)) for seed in range(3)]
    assert set(onset_correlation(runs).by_class) == {"bus"}
    nothing = onset_correlation([run(seed, 20.0, 30.0 + seed) for seed in range(3)])
    assert (nothing.by_class, nothing.p) == ({}, 1.0)
    assert math.isnan(nothing.mean)


def test_orders_of_seeds_are_those_of_all_classes_together():
    """Two classes that say the same are no more evidence than one."""
    double = [
        rising(s, s + 1, 50.0 - s, car=(0.0, *[11.0 if i >= s else 0.0 for i in (1, 2)], 50.0 - s)) for s in (0, 1, 2)
    ]
    assert onset_correlation(double).p == 1 / 6


@pytest.mark.parametrize("count", [0, 2, 8])
def test_too_few_or_too_many_runs_are_refused(count):
    with pytest.raises(ConfigError, match=f"got {count} of"):
        onset_correlation([rising(seed, 1, 30.0 + seed) for seed in range(count)])


def test_runs_of_two_recipes_are_refused():
    runs = [rising(seed, 1, 30.0, recipe="b" if seed else "a") for seed in range(3)]
    with pytest.raises(ConfigError, match="of one recipe; got 3 of the recipe\\(s\\) a, b"):
        onset_correlation(runs)


def test_curves_are_read_from_a_run_and_one_evaluation_is_no_curve(tmp_path):
    changes = {"train.iterations": 2, "train.evaluate_every": 1, "streams.source.dataset.length": 4}
    result = run_recipe("streets/source-only", "quick", 0, "cpu", changes, tmp_path)
    found = class_curves(result.folder)
    assert (found.recipe, found.seed, found.iterations) == ("streets/source-only", 0, (1, 2))
    assert found.final("road") == round(100 * result.results["target/iou"]["road"], 2)
    assert class_curves(result.folder, "source").final("road") != found.final("road")
    lines = (result.folder / "metrics.jsonl").read_text().splitlines()
    (result.folder / "metrics.jsonl").write_text("\n".join(line for line in lines if '"iteration": 2' in line) + "\n")
    with pytest.raises(DataError, match="has 1 evaluation.*train.evaluate_every"):
        class_curves(result.folder)
