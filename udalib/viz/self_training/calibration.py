"""Pseudo labels judged by the truth, in numbers: what a threshold keeps, what of it is right, and calibration."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from udalib.analysis.calibration import Reliability, ratio, reliability_bins
from udalib.core.errors import DataError
from udalib.viz.pictures.labels import to_numpy
from udalib.viz.pictures.uncertainty import known_pixels

Floats = NDArray[np.float64]


class TeacherOutput(NamedTuple):
    """What a teacher said of some pixels, and the truth: three arrays or tensors of one shape, any number of axes.

    Attributes:
        confidence: soft-max probability of the predicted class, in [0, 1].
        prediction: train ids.
        truth: train ids; 255 and negative ids are left out.
    """

    confidence: Any
    prediction: Any
    truth: Any

    def known(self) -> tuple[Floats, NDArray[np.int64], NDArray[np.int64]]:
        """The three as flat arrays (N,) of the pixels whose truth is known.

        Raises:
            DataError: the shapes differ, no pixel is known, or a confidence lies outside [0, 1].
        """
        confidence, prediction, truth = (to_numpy(part) for part in self)
        if not confidence.shape == prediction.shape == truth.shape:
            raise DataError(
                f"confidence {confidence.shape}, prediction {prediction.shape} and truth {truth.shape} differ in shape."
            )
        known = known_pixels(truth)
        sure = confidence[known].astype(np.float64)
        if not sure.size or not ((sure >= 0) & (sure <= 1 + 1e-6)).all():
            found = f"values from {sure.min():.3g} to {sure.max():.3g}" if sure.size else "no pixel of known truth"
            raise DataError(f"confidences must be probabilities of pixels whose truth is known; got {found}.")
        return sure, prediction[known].astype(np.int64), truth[known].astype(np.int64)


def kept_and_precision(output: TeacherOutput, thresholds: Floats) -> tuple[Floats, Floats]:
    """Share of pixels with confidence >= each threshold, and the share of those that is right (NaN where none is)."""
    confidence, prediction, truth = output.known()
    order = np.argsort(confidence)
    right = np.concatenate([[0], np.cumsum((prediction == truth)[order])])
    first = np.searchsorted(confidence[order], thresholds, side="left")
    kept = len(confidence) - first
    return kept / len(confidence), ratio(right[-1] - right[first], kept)


def class_precision(output: TeacherOutput, num_classes: int, threshold: float) -> tuple[Floats, Floats]:
    """For each PREDICTED class (C,): share of its pixels that ``threshold`` keeps, and share of the kept that is right.

    NaN where a class is not predicted, or nothing of it is kept.
    """
    confidence, prediction, truth = output.known()
    kept = confidence >= threshold
    total, left, right = (
        np.bincount(prediction[chosen], minlength=num_classes)[:num_classes]
        for chosen in (np.ones_like(kept), kept, kept & (prediction == truth))
    )
    return ratio(left, total), ratio(right, left)


def reliability(output: TeacherOutput, bins: int = 10) -> Reliability:
    """Sort pixels into ``bins`` of confidence (Guo et al., "On Calibration of Modern Neural Networks", ICML 2017)."""
    confidence, prediction, truth = output.known()
    return reliability_bins(confidence, prediction == truth, bins)
