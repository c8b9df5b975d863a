"""Average precision by hand, unknown entries, top-k rules; accuracy by number of training pictures."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from udalib.core.errors import ConfigError
from udalib.metrics import multi_label_scores
from udalib.metrics.long_tail import long_tail_scores, shot_groups, top_accuracy
from udalib.metrics.multi_label import average_precision, average_precision_by_size, predicted_labels


def test_by_hand() -> None:
    scores = np.array([[0.9, 0.1], [0.8, 0.2], [0.7, 0.3]])
    targets = np.array([[1, 0], [0, 0], [1, 0]])
    ap = average_precision(scores, targets)
    assert ap[0] == pytest.approx((1 + 2 / 3) / 2)
    assert np.isnan(ap[1])
    assert average_precision(scores, targets, official=True)[1] == 0
    values = multi_label_scores(scores, targets, ["a", "b"])
    assert values["map"] == pytest.approx(ap[0])
    assert values["class_ap"]["b"] is None
    assert (values["op"], values["or"]) == pytest.approx((2 / 3, 1.0))


def test_unknown_entries_leave_the_ranking() -> None:
    scores = np.array([[0.9], [0.8], [0.7]])
    assert average_precision(scores, [[-1], [1], [0]])[0] == 1
    assert average_precision(scores, [[0], [1], [0]])[0] == 0.5


def test_among_equal_scores_the_later_comes_first() -> None:
    assert average_precision([[0.5], [0.5]], [[0], [1]])[0] == 1


def test_top_three_with_and_without_the_threshold() -> None:
    scores = np.array([[0.9, 0.6, 0.4, 0.3]])
    assert predicted_labels(scores, None, 3).tolist() == [[True, True, True, False]]
    assert predicted_labels(scores, 0.5, 3).tolist() == [[True, True, False, False]]
    assert predicted_labels(scores, None, 9).all()
    with pytest.raises(ConfigError, match="top is 0"):
        predicted_labels(scores, None, 0)


def test_sizes_keep_what_shows_nothing() -> None:
    areas = np.array([[100.0], [5000.0], [0.0]])
    ap = average_precision_by_size([[0.1], [0.9], [0.5]], [[1], [1], [0]], areas)
    assert (ap["small"][0], ap["medium"][0]) == (0.5, 1.0)
    assert np.isnan(ap["large"][0])


def test_shapes_must_agree() -> None:
    with pytest.raises(ConfigError, match="do not fit"):
        average_precision(np.zeros((2, 3)), np.zeros((3, 2)))


def test_many_medium_few() -> None:
    groups = shot_groups([500, 101, 100, 20, 19])
    assert groups == {"many": [0, 1], "medium": [2, 3], "few": [4]}
    right, total = torch.tensor([1, 2, 0, 4, 0]), torch.tensor([4, 4, 4, 4, 0])
    scores = long_tail_scores(right, total, groups, list("abcde"))
    assert (scores["many"], scores["medium"], scores["few"]) == (0.375, 0.5, None)
    assert scores["accuracy"] == pytest.approx(7 / 16)
    assert scores["class_accuracy"]["e"] is None
    with pytest.raises(ConfigError, match="overlap"):
        shot_groups([1], many=5, few=9)


def test_top_accuracy() -> None:
    logits = torch.tensor([[3.0, 2.0, 1.0], [3.0, 2.0, 1.0]])
    assert top_accuracy(logits, torch.tensor([0, 1])) == 0.5
    assert top_accuracy(logits, torch.tensor([0, 1]), 2) == 1.0
    assert top_accuracy(logits, torch.tensor([2, 2]), 5) == 1.0
