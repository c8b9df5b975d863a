"""Effects from runs: like with like, over the seeds that both have, corrected for the recipes of one table."""

from pathlib import Path

import pytest

from udalib.analysis.runs.comparison import effects_markdown, effects_over, same_test
from udalib.recipes import Entry, get_recipe, summarise
from udalib.recipes.report.groups import to_dict

BASE = "streets/source-only"
RECIPES = {n: get_recipe(n) for n in (BASE, "streets/jitter", "streets/adabn", "camvid-day2dusk/oracle")}


def report_of(**scores):
    entries = [
        Entry(Path(f"{name}/{seed}"), name, seed=seed, finished=True, identity=name, metrics={"target/miou": value})
        for name, by_seed in scores.items()
        for seed, value in by_seed.items()
    ]
    return summarise(entries)


@pytest.fixture
def report():
    return report_of(
        **{
            BASE: {0: 0.40, 1: 0.40, 2: 0.40, 3: 0.40},
            "streets/jitter": {0: 0.41, 1: 0.42, 2: 0.43},
            "streets/adabn": {0: 0.40, 1: 0.38, 2: 0.42, 3: 0.44},
        }
    )


def test_effects_are_in_percent_over_the_common_seeds_with_holm_beside(report):
    found, without = effects_over(report, RECIPES, BASE, ["streets/jitter", "streets/adabn"])
    assert without == []
    jitter, adabn = found
    assert (jitter["seeds"], jitter["differences"]) == ([0, 1, 2], [1.0, 2.0, 3.0])
    assert (jitter["mean"], jitter["std"], jitter["p_t"]) == (2.0, 1.0, 0.03709)
    assert jitter["p_t_holm"] == pytest.approx(2 * 0.03709)
    assert adabn["p_t_holm"] == adabn["p_t"]  # the larger of two stays as it is
    assert (adabn["n"], adabn["wins"]) == (4, 2)


def test_recipes_without_an_effect_are_named(report):
    names = ["camvid-day2dusk/oracle", "streets/jitter"]
    found, without = effects_over(report, RECIPES, BASE, names, "source/miou")
    assert found == []
    assert without[0]["reason"] == "the two are not tested on the same images and classes"
    assert "2 to 20 paired seeds and got 0" in without[1]["reason"]


def test_the_same_images_and_classes_are_asked_for():
    small = get_recipe(BASE, "laptop", {"evaluations.target.dataset.length": 10})
    assert same_test(RECIPES[BASE], RECIPES["streets/jitter"], "target/miou")
    assert not same_test(RECIPES[BASE], small, "target/miou")
    assert same_test(RECIPES[BASE], small, "source/miou")
    assert not same_test(RECIPES[BASE], RECIPES[BASE], "nowhere/miou")


def test_tables_have_a_row_a_recipe_and_say_what_is_corrected(report):
    found, without = effects_over(report, RECIPES, BASE, ["streets/jitter", "camvid-day2dusk/oracle"])
    record = {"groups": to_dict(report)["groups"], "effects": found, "not_compared": without}
    text = effects_markdown(record)
    assert "| streets/source-only | 40.0 ± 0.0 |" in text
    assert "| streets/jitter | 42.0 ± 1.0 | +2.0 ± 1.0 | -0.5 to +4.5 | 3 of 3 | 0.0371 | 0.0371 | 0.125 |" in text
    assert "- no effect of camvid-day2dusk/oracle over streets/source-only in target/miou: the two are not" in text
    assert "1/2^n" in text


def test_equal_differences_leave_cells_empty():
    report = report_of(**{BASE: {0: 0.40, 1: 0.40}, "streets/jitter": {0: 0.41, 1: 0.41}})
    found, _ = effects_over(report, RECIPES, BASE, ["streets/jitter"])
    text = effects_markdown({"groups": to_dict(report)["groups"], "effects": found, "not_compared": []})
    assert "| +1.0 ± 0.0 |  | 2 of 2 |  |  | 0.25 |" in text
    assert effects_markdown({"groups": [], "effects": [], "not_compared": []}) == ""
