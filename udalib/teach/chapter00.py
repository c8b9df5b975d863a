"""Graders of notebook 00: scores, gaps and what BatchNorm remembers."""

from __future__ import annotations

from typing import Any

import numpy as np

from udalib.teach.check import exercise, require, require_close, require_function


@exercise("00.1", "write iou(confusion): one IoU a class from a confusion matrix (rows true, columns predicted).")
def _iou(answer: Any) -> str:
    require_function(answer)
    confusion = np.asarray([[8, 2, 0], [1, 5, 0], [0, 0, 0]])
    got = np.asarray(answer(confusion), dtype=float)
    require(got.shape == (3,), f"three classes give three numbers; got shape {got.shape}.")
    require_close(got[0], 8 / 11, "IoU of class 0 in [[8, 2, 0], [1, 5, 0], [0, 0, 0]] (8 hits, 2 missed, 1 false)")
    require_close(got[1], 5 / 8, "IoU of class 1 there")
    require(
        bool(np.isnan(got[2])), "class 2 occurs neither in the labels nor in the predictions: its IoU is nan, not 0."
    )
    return "and a class that never occurs is left out of the mean, not counted as 0."


@exercise("00.2", "write recovered(source_only, method, oracle): the share of the gap that a method closes.")
def _recovered(answer: Any) -> str:
    require_function(answer)
    require_close(answer(30.0, 50.0, 70.0), 0.5, "recovered(30, 50, 70), half of the way,")
    require_close(answer(30.0, 30.0, 70.0), 0.0, "recovered(30, 30, 70), nothing gained,")
    require_close(answer(36.6, 42.4, 65.1), 5.8 / 28.5, "recovered(36.6, 42.4, 65.1)")
    require_close(answer(40.0, 30.0, 60.0), -0.5, "recovered(40, 30, 60): a method can do harm; do not clip, it")
    return "AdaptSegNet's published 42.4 closes a fifth of its own gap from 36.6 to 65.1."


@exercise("00.3", "write largest_drop(source_iou, target_iou): the class that loses most from one domain to the other.")
def _largest_drop(answer: Any) -> str:
    require_function(answer)
    source = {"road": 90.0, "sky": 95.0, "train": None, "bus": 60.0}
    target = {"road": 50.0, "sky": 90.0, "train": 12.0, "bus": None}
    require(answer(source, target) == "road", f"expected 'road' for a drop of 40, got {answer(source, target)!r}.")
    swapped = answer({"a": 10.0, "b": 80.0}, {"a": 60.0, "b": 79.0})
    require(swapped == "b", "a class that gains has not dropped: use source minus target, without its absolute value.")
    return "and classes without a score (None) in one of the two are left out."


@exercise(
    "00.4", "write constant_predictor(shares, k): (pixel accuracy, mIoU) of a network that always answers class k."
)
def _constant(answer: Any) -> str:
    require_function(answer)
    accuracy, miou = answer(np.asarray([0.6, 0.3, 0.1]), 0)
    require_close(accuracy, 0.6, "the pixel accuracy with shares 0.6, 0.3, 0.1 and k = 0")
    require_close(miou, 0.2, "the mIoU there: class 0 has IoU 0.6, the two others 0, so the mean")
    _, absent = answer(np.asarray([0.5, 0.5, 0.0]), 0)
    require_close(
        absent, 0.25, "the mIoU with shares 0.5, 0.5, 0: a class without pixels is left out of the mean, which"
    )
    return "accuracy flatters: on street scenes 'everything is road' is right on a third of the pixels."


@exercise("00.5", "after how many batches does BatchNorm (momentum 0.1) hold less than 1 % of its old running mean?")
def _forgetting(answer: Any) -> str:
    require_close(answer, 44, "0.9 to the power of n is below 0.01 first at n, which", tolerance=0)
    return "so AdaBN needs only some tens of target batches, and no gradient."
