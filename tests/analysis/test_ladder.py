"""Effects between any two recipes of a record, over the seeds that both have."""

import pytest

from udalib.analysis.runs.ladder import effect_between, seed_scores


def group(recipe, scores):
    return {"recipe": recipe, "seeds": list(scores), "ours": {"target/miou": {"values": list(scores.values())}}}


RECORD = {
    "groups": [
        group("one", {0: 10.0, 1: 11.0, 2: 12.0}),
        group("two", {2: 15.0, 0: 11.0, 7: 99.0}),
        group("three", {1: 5.0}),
    ]
}


def test_scores_by_seed_and_none_for_what_is_not_there():
    assert seed_scores(RECORD, "two") == {2: 15.0, 0: 11.0, 7: 99.0}
    assert seed_scores(RECORD, "two", "source/miou") == {}
    assert seed_scores(RECORD, "four") == {}
    metrics = {"found/precision": 0.25}
    kept = {**RECORD, "runs": [{"recipe": "two", "seed": 3, "metrics": metrics}, {"recipe": "one", "seed": 0}]}
    assert seed_scores(kept, "two", "found/precision") == {3: 25.0}
    assert seed_scores(kept, "one", "found/precision") == {}


def test_common_seeds_are_paired():
    effect = effect_between(RECORD, "two", "one")
    assert (effect["recipe"], effect["baseline"], effect["metric"]) == ("two", "one", "target/miou")
    assert effect["seeds"] == [0, 2]
    assert effect["differences"] == [1.0, 3.0]
    assert effect["mean"] == pytest.approx(2.0)
    assert effect["wins"] == 2
    assert {"interval", "p_permutation", "n"} <= set(effect), "what viz.effect_sentence reads"


@pytest.mark.parametrize("pair", [("three", "one"), ("two", "three"), ("four", "one")])
def test_fewer_than_two_common_seeds_are_no_effect(pair):
    assert effect_between(RECORD, *pair) is None
