"""Effects class by class, from a record."""

import pytest

from udalib import viz
from udalib.analysis.runs.by_class import class_effects, class_values


def group(recipe, seeds, **classes):
    target = {name: {"values": list(values)} for name, values in classes.items()}
    return {"recipe": recipe, "seeds": list(seeds), "classes": {"target": target}}


RECORD = {
    "groups": [
        group("dacs", (0, 1, 2), rider=(1.0, 2.0, 3.0), sky=(90.0, 91.0, 92.0), train=(None, 5.0, None)),
        group("rcs", (2, 0, 1), rider=(13.0, 6.0, 9.0), sky=(91.0, 90.0, 90.0), train=(1.0, 2.0, 3.0)),
    ]
}


def test_scores_are_found_by_seed_whatever_their_order():
    assert class_values(RECORD, "rcs")["rider"] == {0: 6.0, 1: 9.0, 2: 13.0}
    assert class_values(RECORD, "dacs")["train"] == {1: 5.0}
    assert class_values(RECORD, "daformer") == {}


def test_effects_are_paired_by_seed_and_classes_without_two_pairs_left_out():
    effects = {effect["recipe"]: effect for effect in class_effects(RECORD, "rcs", "dacs")}
    assert set(effects) == {"rider", "sky"}
    assert effects["rider"]["differences"] == [5.0, 7.0, 10.0]
    assert (effects["rider"]["mean"], effects["rider"]["wins"], effects["sky"]["wins"]) == (pytest.approx(7.333), 3, 0)
    assert class_effects(RECORD, "rcs", "absent") == []


def test_the_effects_figure_draws_a_row_a_class():
    figure = viz.effects_figure({"effects": class_effects(RECORD, "rcs", "dacs")}, metric="IoU")
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == ["rider", "sky"]
