"""Tables and pictures of a record say what it holds, and say so where it holds nothing."""

import pytest

from udalib.analysis.runs.onset import OnsetCorrelation
from udalib.data import label_space
from udalib.viz import Picture, answer, answers_table, class_bars, curves, iou_bars, ladder_table, late_sentence
from udalib.viz.charts.records import WAITING
from udalib.viz.charts.tables import Table, published_table

SPACE = label_space("cityscapes19")


def group(recipe, source, target):
    scores = {"source/miou": {"values": source}, "target/miou": {"values": target}}
    classes = {"target": {"road": {"values": target}, "car": {"values": source}}}
    return {"recipe": recipe, "seeds": [0, 1, 2], "ours": scores, "classes": classes}


RECORD = {
    "what": "A toy.",
    "command": "make toy",
    "groups": [
        group("streets/a", [60.0, 61.0, 62.0], [30.0, 31.0, 32.0]),
        group("streets/b", [60.0, 60.0, 60.0], [33.0, 34.5, 35.0]),
    ],
}


def test_a_ladder_has_scores_and_paired_gains():
    table = ladder_table(RECORD, {"a": None, "b": "a", "c": "b"})
    assert table.rows[0] == ("a", "61.0 ± 1.0", "31.0 ± 1.0", "", "")
    assert table.rows[1] == ("b", "60.0 ± 0.0", "34.2 ± 1.0", "+3.2 (ahead in 3 of 3 seeds)", "a")
    assert table.rows[2] == ("c", WAITING, WAITING, "", "b")
    assert "A toy." in table.note
    assert "make toy" in table.note


def test_answers_are_sentences_of_the_effect():
    table = answers_table(RECORD, {"Better?": ("b", "a"), "And c?": ("c", "a")})
    assert table.rows[0][1] == answer(RECORD, "streets/b", "streets/a")
    assert table.rows[0][1].startswith("streets/b over streets/a: +3.2 points of target/miou")
    assert table.rows[1][1] == WAITING


def test_without_a_record_everything_waits():
    assert {row[1] for row in ladder_table(None, {"a": None, "b": "a"}).rows} == {WAITING}
    assert answers_table(None, {"Better?": ("b", "a")}).rows == [("Better?", WAITING)]
    assert class_bars(None, ["a"], SPACE, title="by class").rows == [(WAITING,)]
    assert isinstance(class_bars(RECORD, ["c"], SPACE, title="by class"), Table)


def test_bars_are_drawn_for_what_is_held():
    picture = class_bars(RECORD, ["a", "c", "b"], SPACE, title="by class")
    assert isinstance(picture, Picture)
    legend = [text.get_text() for text in picture.axes[0].get_legend().get_texts()]
    assert legend == ["a (3 seeds)", "b (3 seeds)"]


@pytest.mark.parametrize(("each", "label"), [("seed", "a (2 seeds)"), ("draw", "a (2 draws)"), ("", "a")])
def test_a_repetition_has_its_own_name(each, label):
    axes = curves({"a": [((0, 1), (1, 2)), ((0, 1), (2, 4))]}, each=each).axes[0]
    assert axes.get_legend().get_texts()[0].get_text() == label
    bars = iou_bars({"a": [{"road": 1.0}, {"road": 2.0}]}, SPACE, each=each).axes[0]
    assert bars.get_legend().get_texts()[0].get_text() == label


def test_whole_numbers_get_whole_marks():
    counts, shares = (curves({"a": [((0, 1), y)]}).axes[0].get_yticks() for y in ((14, 14), (14.0, 14.5)))
    assert all(float(tick).is_integer() for tick in counts)
    assert not all(float(tick).is_integer() for tick in shares)


def test_every_published_number_or_the_first():
    first, every = (published_table(["gta2cityscapes/dacs-deeplabv2"], every=each).rows for each in (False, True))
    assert len(first) == 1 < len(every)
    assert every[0] == first[0]
    assert published_table(["synthia2cityscapes/daformer"]).rows[0][2] == "mIoU of 16 classes"


@pytest.mark.parametrize(
    ("late", "words"),
    [
        (OnsetCorrelation({"bus": -1.0}, -1.0, 0.01), "Late means low here."),
        (OnsetCorrelation({"bus": 0.1}, 0.1, 0.6), "That late means low is not shown here."),
        (OnsetCorrelation({}, float("nan"), 1.0), "nothing can be said"),
    ],
)
def test_what_a_late_class_costs_in_words(late, words):
    assert words in late_sentence(late, "r", 5)
