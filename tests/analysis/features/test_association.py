"""Correlation over runs of several recipes: against SciPy, resampled by recipes, and inside the recipes."""

import numpy as np
import pytest
from scipy import stats

from udalib.analysis.features import associate, associations
from udalib.analysis.features.measuring.association import _coefficient, deviations, draw_recipes
from udalib.core.errors import DataError, UnknownNameError


def random():
    return np.random.default_rng(0)


@pytest.fixture
def toy():
    """Eight recipes of four seeds: the gap falls with the score across recipes, and rises with it inside each."""
    level = np.repeat(np.linspace(20, 55, 8), 4)
    noise = random().normal(size=32)
    return -level + noise, level + noise, np.repeat([f"r{i}" for i in range(8)], 4)


def test_across_and_within_may_disagree(toy):
    gap, score, recipes = toy
    found = associate({"gap": gap}, score, recipes, random())["gap"]
    assert (found.runs, found.recipes, found.within_runs, found.within_recipes) == (32, 8, 32, 8)
    assert found.spearman.value == pytest.approx(stats.spearmanr(gap, score).statistic)
    assert found.pearson.value == pytest.approx(stats.pearsonr(gap, score).statistic)
    assert found.pearson.value < -0.9
    assert found.within_pearson.value == pytest.approx(1.0)
    assert found.within_spearman.value == pytest.approx(1.0)
    for each in (found.spearman, found.pearson):
        assert -1 <= each.interval[0] < each.value < each.interval[1] <= 1


def test_ranks_with_repeated_recipes_are_those_of_the_written_out_sample(toy):
    """Resamples by hand: what weights do equals repeating the runs."""
    gap, score, recipes = toy
    gap = np.round(gap)  # ties
    weights = draw_recipes(recipes, random(), 5)
    _, drawn = _coefficient(gap, score, weights, 0.95, 8, ranked=True)
    written = [stats.spearmanr(np.repeat(gap, w), np.repeat(score, w)).statistic for w in weights.astype(int)]
    assert drawn == pytest.approx(written)


def test_the_interval_covers_what_it_should():
    """Of 200 worlds of ten recipes, about 95 % of the intervals hold the true correlation; 3 sigma are 5 %."""
    world, hits = np.random.default_rng(2), 0
    recipes = np.repeat([*"abcdefghij"], 3)
    for _ in range(200):
        level, other = np.repeat(world.normal(size=(2, 10)), 3, axis=1)
        x, y = level + 0.3 * world.normal(size=30), 0.6 * level + 0.8 * other + 0.3 * world.normal(size=30)
        low, high = associate({"a": x}, y, recipes, world, resamples=300)["a"].pearson.interval
        hits += low < 0.6 / 1.09 < high
    assert 0.88 <= hits / 200 <= 0.99


def test_intervals_are_wider_where_seeds_repeat_their_recipe():
    """Ten copies of each of six runs are no sixty runs."""
    x, y = random().normal(size=(2, 6))
    y += x
    alone = associate({"a": x}, y, [*"abcdef"], random())["a"]
    copied = associate({"a": np.repeat(x, 10)}, np.repeat(y, 10), np.repeat([*"abcdef"], 10), random())["a"]
    assert copied.pearson.interval == pytest.approx(alone.pearson.interval)
    assert copied.within_pearson.value is None  # copies do not differ
    assert alone.within_runs == 0
    assert alone.within_spearman.value is None
    pairs = associate({"a": [1.0, 2.0, 3.0, 5.0]}, [1.0, 2.0, 2.0, 0.0], [*"aabb"], random())["a"]
    assert pairs.within_pearson.value is None  # two pairs are two lines


def test_the_strongest_measure_is_named_and_the_score_itself_is_no_rival(toy):
    _, score, recipes = toy
    noise = np.random.default_rng(1).normal(size=32)
    found = associate({"accuracy": score, "good": score + noise, "noise": noise}, score, recipes, random())
    assert found["accuracy"].strongest == 0.0
    assert found["good"].strongest > 0.9
    assert found["good"].strongest + found["noise"].strongest == pytest.approx(1.0)


def test_measures_that_are_level_share_the_first_place():
    x = random().normal(size=9)
    found = associate({"one": x, "same": 2 * x, "constant": np.ones(9)}, x, [*"abcdefghi"], random())
    assert [found[name].strongest for name in found] == [0.5, 0.5, 0.0]
    assert associate({"constant": np.ones(9)}, x, [*"abcdefghi"], random())["constant"].strongest == 0.0


def test_runs_without_a_number_are_left_out_and_few_recipes_get_no_interval():
    values = {"a": [1.0, 2.0, None, np.inf, 5.0], "b": [None] * 5, "c": [1.0] * 5}
    found = associate(values, [1.0, 3.0, 9.0, 9.0, 5.0], ["r", "s", "t", "t", "r"], random())
    assert list(found) == ["a", "c"]
    assert (found["a"].runs, found["a"].recipes, found["a"].within_runs) == (3, 2, 0)
    assert found["a"].spearman.value == pytest.approx(1.0)
    assert found["a"].spearman.interval is None
    assert found["c"].pearson.value is None


def test_what_does_not_fit_is_refused():
    for values, scores in (([1.0], [1.0, 2.0]), ([1.0, 2.0], [1.0, np.nan])):
        with pytest.raises(DataError, match="a score, a recipe and a number of each measure for every run"):
            associate({"a": values}, scores, ["r"] * len(scores), random())


def test_deviations_have_mean_0_in_every_recipe():
    recipes = random().integers(0, 5, 40).astype(str)
    left = deviations(random().normal(size=40), recipes)
    assert [left[recipes == r].mean() for r in set(recipes)] == pytest.approx([0.0] * len(set(recipes)))


def test_of_a_record():
    runs = [
        {"recipe": f"r{i // 2}", "target_miou": 10.0 * i, "measures": {"decoder": {"mmd": -1.0 * i, "coral": None}}}
        for i in range(8)
    ]
    found = associations(runs, "decoder")
    assert list(found) == ["mmd"]
    assert found["mmd"]["spearman"]["value"] == pytest.approx(-1.0)
    assert found == associations(runs, "decoder")
    with pytest.raises(UnknownNameError, match="unknown layer of the record 'decodr'. Did you mean: decoder"):
        associations(runs, "decodr")
