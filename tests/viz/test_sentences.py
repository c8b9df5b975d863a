"""Sentences say what the numbers say, whichever way they turn out."""

import pytest

from udalib.analysis.runs.sweeps import LOSSES, Sweep, SweepRun, Variant
from udalib.core.errors import ConfigError
from udalib.viz import effect_sentence, selection_sentence, sensitivity_sentence

EFFECT = {"recipe": "r", "baseline": "b", "metric": "target/miou", "n": 5, "wins": 4, "p_permutation": 0.0625}


@pytest.mark.parametrize(
    ("mean", "interval", "words"),
    [
        (1.23, [0.2, 2.3], "r over b: +1.2 points of target/miou (95 % interval +0.2 to +2.3; ahead in 4 of 5 seeds;"),
        (1.23, [0.2, 2.3], "sign-flip p 0.0625). The interval lies above 0: a gain."),
        (-1.0, [-1.5, -0.5], "The interval lies below 0: a loss."),
        (0.5, [-0.5, 1.5], "The interval holds 0: no effect is shown."),
        (0.5, None, "(no interval; ahead in 4 of 5 seeds"),
    ],
)  # fmt: skip
def test_an_effect_in_words(mean, interval, words):
    assert words in effect_sentence({**EFFECT, "mean": mean, "interval": interval})


def run(space, weight, seed, *miou):
    losses = dict.fromkeys(LOSSES, (0.5,))
    return SweepRun(Variant(space=space), weight, seed, (1.0,), losses, tuple(map(float, range(len(miou)))), miou)


def sweep(output, feature):
    """One run for each of two lambdas and each seed: ``output[seed]`` are the final scores over lambda."""
    weights = (0.01, 0.1)
    pairs = [("output", output), ("feature", feature)]
    runs = [run(s, w, i, row[k]) for s, rows in pairs for i, row in enumerate(rows) for k, w in enumerate(weights)]
    return Sweep((run("output", 0.0, 0, 30.0), *runs), {})


STEADY, SHAKY = [(30.0, 31.0), (31.0, 30.0)], [(30.0, 20.0), (31.0, 21.0)]


def test_sensitivity_in_both_directions_and_undecided():
    assert "spans 0.0 points in the output space and 10.0 in the feature" in sensitivity_sentence(sweep(STEADY, SHAKY))
    assert "All seeds agree" in sensitivity_sentence(sweep(STEADY, SHAKY))
    assert "No seed agrees" in sensitivity_sentence(sweep(SHAKY, STEADY))
    mixed = sensitivity_sentence(sweep([STEADY[0], SHAKY[1]], [SHAKY[0], STEADY[1]]))
    assert "in 1 of 2 seeds" in mixed
    assert "neither confirmed nor refuted" in mixed


def test_of_an_unfinished_sweep_the_complete_seeds_count():
    runs = sweep(STEADY, SHAKY).runs
    assert "in 1 of 1 seeds" in sensitivity_sentence(Sweep(runs[:-1], {}))  # feature space, seed 1 lacks lambda 0.1
    for few in (runs[:5], (*runs[:5], runs[5], runs[8])):
        with pytest.raises(ConfigError, match="common seed"):
            sensitivity_sentence(Sweep(few, {}))


def test_selection_counts_the_best_over_the_last_of_each_run():
    found = selection_sentence(
        Sweep((run("output", 0.1, 0, 10.0, 30.0, 26.0), run("output", 0.1, 1, 10.0, 20.0, 30.0)), {})
    )
    assert found == ("Over 2 runs with 3 evaluations each, the best one lies 2.0 points above the last on average, and "
                     "4.0 at most.")  # fmt: skip
