"""The confusion matrix against a naive count and torchmetrics; the scores against their definitions."""

import json
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torchmetrics.functional.classification import multiclass_confusion_matrix

from udalib.core.errors import ConfigError
from udalib.metrics import (
    ConfusionMatrix,
    class_accuracy,
    class_iou,
    confusion_matrix,
    mean_iou,
    pixel_accuracy,
    segmentation_scores,
)

ids = st.sampled_from([-1, 0, 1, 2, 3, 4, 7, 254, 255])
pixels = st.lists(st.tuples(ids, ids), max_size=40)


def naive(pairs, classes):
    counts = np.zeros((classes, classes + 1), dtype=int)
    for pred, label in pairs:
        if 0 <= label < classes and label != 255:
            counts[label, pred if 0 <= pred < classes else classes] += 1
    return counts


def split(pairs):
    pairs = list(pairs)
    return torch.tensor([p for p, _ in pairs], dtype=torch.int16), torch.tensor(
        [y for _, y in pairs], dtype=torch.int16
    )


@settings(max_examples=60, deadline=None)
@given(pixels, st.integers(1, 5))
def test_equals_a_naive_count(pairs, classes):
    assert np.array_equal(confusion_matrix(*split(pairs), classes).numpy(), naive(pairs, classes))


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 255), st.sampled_from([0, 1, 2, 5, 254, 255])), max_size=40), st.integers(1, 5)
)
def test_bytes_equal_a_naive_count(pairs, classes):
    pred, label = (x.to(torch.uint8) for x in split(pairs))
    assert np.array_equal(confusion_matrix(pred, label, classes).numpy(), naive(pairs, classes))
    assert torch.equal(
        confusion_matrix(pred, label, classes, 1), confusion_matrix(pred.long(), label.long(), classes, 1)
    )


def test_equals_torchmetrics():
    generator = torch.Generator().manual_seed(0)
    pred = torch.randint(0, 6, (2, 9, 11), generator=generator)
    label = torch.randint(0, 7, (2, 9, 11), generator=generator)
    label[label == 6] = 255
    want = multiclass_confusion_matrix(pred, label, 6, ignore_index=255)
    assert torch.equal(confusion_matrix(pred, label, 6)[:, :6], want)


def test_ignore_index_may_be_a_class_id():
    counts = confusion_matrix(torch.tensor([0, 1, 1]), torch.tensor([0, 0, 1]), 2, ignore_index=0)
    assert counts.tolist() == [[0, 0, 0], [0, 1, 0]]


@settings(max_examples=30, deadline=None)
@given(pixels, st.integers(1, 6))
def test_any_split_into_parts_adds_up(pairs, parts):
    whole = ConfusionMatrix(4)
    whole.update(*split(pairs))
    pieces = [ConfusionMatrix(4) for _ in range(parts)]
    for i, piece in enumerate(pieces):
        piece.update(*split(pairs[i::parts]))
    assert torch.equal(sum(piece.counts for piece in pieces), whole.counts)


def test_definitions_on_a_matrix_by_hand():
    # Class 2 occurs nowhere, class 1 is never predicted, one pixel of class 0 is predicted as no class at all.
    counts = torch.tensor([[6, 0, 0, 1], [2, 0, 0, 0], [0, 0, 0, 0]])
    assert class_iou(counts).tolist()[:2] == [6 / 9, 0.0]
    assert class_iou(counts)[2].isnan()
    assert class_accuracy(counts).tolist()[:2] == [6 / 7, 0.0]
    assert class_accuracy(counts)[2].isnan()
    assert pixel_accuracy(counts) == 6 / 9
    assert mean_iou(class_iou(counts)) == (6 / 9) / 2
    assert mean_iou(class_iou(counts), [1, 2]) == 0
    assert mean_iou(class_iou(counts), [2]).isnan()


def test_class_predicted_but_never_true_counts_as_zero():
    counts = confusion_matrix(torch.tensor([0, 1]), torch.tensor([0, 0]), 2)
    assert class_iou(counts).tolist() == [0.5, 0.0]
    assert mean_iou(class_iou(counts)) == 0.25


@settings(max_examples=30, deadline=None)
@given(pixels.filter(lambda pairs: any(0 <= y < 4 for _, y in pairs)))
def test_scores_are_fractions_and_json(pairs):
    scores = segmentation_scores(confusion_matrix(*split(pairs), 4), "abcd", {"two": [0, 1]})
    json.dumps(scores, allow_nan=False)
    values = [scores["miou"], scores["accuracy"], scores["mean_accuracy"], *scores["iou"].values()]
    assert all(v is None or 0 <= v <= 1 for v in values)
    defined = [v for v in scores["iou"].values() if v is not None]
    assert math.isclose(scores["miou"], sum(defined) / len(defined))
    assert np.sum(scores["confusion"]) + scores["outside"] == naive(pairs, 4).sum()


def test_empty_set_has_no_scores():
    scores = ConfusionMatrix(2).scores(["a", "b"], {"a": [0]})
    assert (scores["miou"], scores["accuracy"], scores["iou"]) == (None, None, {"a": None, "b": None})
    assert scores["subsets"] == {"a": None}


def test_messages():
    with pytest.raises(ConfigError, match="different shapes"):
        confusion_matrix(torch.zeros(2, 3), torch.zeros(3, 2), 2)
    with pytest.raises(ConfigError, match="3 class names for a confusion matrix of 2 classes"):
        segmentation_scores(torch.zeros(2, 3), "abc")
