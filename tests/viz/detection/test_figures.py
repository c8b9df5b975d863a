"""Pictures of detection: what they show, and what they refuse."""

import numpy as np
import pytest
import torch

from udalib.analysis.networks.level_reach import NeckCost
from udalib.core.errors import ConfigError, UnknownNameError
from udalib.data.labels import label_space
from udalib.viz.detection import (
    detections_figure,
    fields_figure,
    in_size,
    judge,
    painted,
    reach_figure,
    stand_in_detections,
)

SPACE = label_space("cityscapes_things")
TRUTH = torch.tensor([[10.0, 10, 18, 18], [30, 4, 70, 44], [40, 40, 44, 44]])
SAMPLE = {
    "image": torch.zeros(3, 64, 96, dtype=torch.uint8),
    "boxes": TRUTH,
    "box_labels": torch.tensor([2, 4, 2]),
    "name": "one",
}


def found(*rows):
    boxes = torch.tensor([row[:4] for row in rows], dtype=torch.float32).view(-1, 4)
    return {
        "boxes": boxes,
        "scores": torch.tensor([row[4] for row in rows]),
        "labels": torch.tensor([row[5] for row in rows], dtype=torch.int64),
    }


SOME = found(
    (30, 4, 70, 44, 0.4, 4),  # a hit, large
    (10, 10, 18, 18, 0.9, 2),  # a hit, small
    (10, 10, 18, 17, 0.8, 2),  # the same box again
    (40, 40, 44, 44, 0.7, 3),  # another class
    (0, 0, 6, 6, 0.1, 2),  # nothing there
)


def test_the_best_detection_finds_a_box_once_and_of_its_class():
    view = judge(SAMPLE, SOME, threshold=0.05)
    assert view.scores.tolist() == pytest.approx([0.9, 0.8, 0.7, 0.4, 0.1])
    assert view.hit.tolist() == [True, False, False, True, False]
    assert view.seen.tolist() == [True, True, False]


def test_threshold_and_overlap_cut():
    assert len(judge(SAMPLE, SOME, threshold=0.5).found) == 3
    assert not judge(SAMPLE, SOME, threshold=0.5).seen[1]
    shifted = found((12, 10, 20, 18, 0.9, 2))
    assert judge(SAMPLE, shifted, iou=0.5).hit.tolist() == [True]
    assert judge(SAMPLE, shifted, iou=0.7).hit.tolist() == [False]


def test_a_size_keeps_its_boxes_hits_on_them_and_its_false_alarms():
    small, medium = (judge(SAMPLE, SOME, size=size) for size in ("small", "medium"))
    assert len(small.truth) == 2
    assert small.hit.tolist() == [True, False, False, False]
    assert len(medium.truth) == 1
    assert medium.hit.tolist() == [True]
    border = {**SAMPLE, "boxes": torch.tensor([[0.0, 0, 31, 31]]), "box_labels": torch.tensor([2])}
    larger = found((0, 0, 33, 33, 0.9, 2))  # a hit belongs to the size of the box that it found, not to its own
    assert judge(border, larger, size="small").hit.tolist() == [True]
    assert judge(border, larger, size="medium").hit.tolist() == []
    with pytest.raises(UnknownNameError, match="size of boxes"):
        in_size(TRUTH, "tiny")


def test_pictures_without_boxes_or_detections():
    empty = {**SAMPLE, "boxes": torch.zeros(0, 4), "box_labels": torch.zeros(0, dtype=torch.int64)}
    assert judge(empty, SOME).hit.tolist() == [False] * 5
    assert judge(SAMPLE, found()).seen.tolist() == [False] * 3
    assert "0 hits, 0 false alarms, 0 missed" in detections_figure(empty, found(), SPACE).axes[0].get_title()


def test_the_figure_counts_by_size_and_names_what_is_drawn():
    figure = detections_figure(SAMPLE, SOME, SPACE, threshold=0.05, title="mine: ")
    picture, bars = figure.axes
    assert picture.get_title() == "mine: 2 hits, 3 false alarms, 1 missed"
    assert len(picture.patches) == 6
    assert {text.get_text() for text in picture.texts} >= {"person 0.90", "rider 0.70", "car 0.40"}
    heights = [patch.get_height() for patch in bars.patches]
    assert heights == [1, 1, 0, 1, 0, 0, 3, 0, 0]


def test_painted_pictures_differ_where_boxes_are():
    image = np.full((64, 96, 3), 90, np.uint8)
    plain = painted(image, TRUTH[:0], SAMPLE["box_labels"][:0], torch.zeros(0), SPACE)
    assert np.array_equal(plain, image)
    drawn = painted(image, TRUTH, SAMPLE["box_labels"], torch.tensor([0.9, 0.5, 0.2]), SPACE, names=False)
    changed = (drawn != image).any(2)
    assert changed[10, 10:18].all()
    assert not changed[50:].any()
    thin = torch.tensor([[5.0, 5, 5, 5]])
    assert painted(image, thin, torch.tensor([1]), torch.tensor([0.3]), SPACE, names=False).shape == image.shape


def test_stand_in_detections_are_drawn_from_name_and_seed_and_improve_with_skill():
    first, again = (stand_in_detections(SAMPLE, 10, seed=1) for _ in range(2))
    assert all(torch.equal(first[key], again[key]) for key in first)
    assert not torch.equal(first["scores"], stand_in_detections(SAMPLE, 10, seed=2)["scores"][: len(first["scores"])])
    many = {**SAMPLE, "boxes": TRUTH.repeat(60, 1), "box_labels": SAMPLE["box_labels"].repeat(60)}
    counts = [len(stand_in_detections(many, 10, skill=skill)["boxes"]) for skill in (0.2, 0.9)]
    assert counts[0] < counts[1]
    assert (first["scores"].diff() <= 0).all()


def test_reach_marks_ways_that_do_not_exist():
    shares = {"one": torch.tensor([[0.25, 0.75, 0.0], [0.0, 0.0, 1.0]])}
    axes = reach_figure(shares).axes[0]
    assert [text.get_text() for text in axes.texts] == ["0.25", "0.75", "-", "-", "-", "1.00"]
    with pytest.raises(ConfigError, match="no neck"):
        reach_figure({})


def test_fields_say_how_much_counts_and_what_it_costs():
    fields = [torch.eye(4), torch.ones(2, 2), torch.zeros(1, 1)]
    figure = fields_figure(fields, NeckCost(2000, 6_000_000), NeckCost(1000, 3_000_000))
    titles = [axes.get_title() for axes in figure.axes]
    assert titles[:3] == ["C3: 25 % of cells count", "C4: 100 % of cells count", "C5: 0 % of cells count"]
    bars = figure.axes[3]
    assert [patch.get_height() for patch in bars.patches] == [0.5, 0.5, 0.0]
    assert [patch.get_width() for patch in figure.axes[4].patches] == [2.0, 2.0]
    assert figure.axes[4].texts[0].get_text() == "2.0 k parameters"
