"""Whether confidence says how often a prediction is right."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from udalib.core.errors import DataError

Floats = NDArray[np.float64]


class Reliability(NamedTuple):
    """Predictions sorted into equal bins of confidence over [0, 1].

    Attributes:
        pixels: number in each bin.
        confidence, accuracy: mean confidence, and share that is right; NaN in an empty bin.
        ece: expected calibration error, the mean over pixels of |accuracy - confidence| of their bin.
    """

    pixels: NDArray[np.int64]
    confidence: Floats
    accuracy: Floats
    ece: float


def reliability_bins(confidence: Any, right: Any, bins: int = 10) -> Reliability:
    """Sort N predictions by ``confidence`` (N,) in [0, 1] and count how many are ``right``, bool (N,).

    Guo et al., "On Calibration of Modern Neural Networks", ICML 2017, equations 2, 3 and 5.

    >>> round(reliability_bins([0.9, 0.9, 0.6], [True, False, True]).ece, 3)  # (|1 - 1.8| + |1 - 0.6|) / 3
    0.4
    """
    sure = np.asarray(confidence, dtype=np.float64)
    place = np.clip((sure * bins).astype(np.int64), 0, bins - 1)
    weights = (None, sure, np.asarray(right, dtype=np.float64))
    count, confident, correct = (np.bincount(place, weight, minlength=bins) for weight in weights)
    ece = float(np.abs(confident - correct).sum() / len(sure))
    return Reliability(count.astype(np.int64), ratio(confident, count), ratio(correct, count), ece)


def expected_calibration_error(confidence: Any, right: Any, bins: int = 10) -> float:
    """Mean distance between confidence and accuracy over ``bins`` of confidence: [0, 1], 0 = calibrated.

    Raises:
        DataError: no prediction, or a confidence outside [0, 1].
    """
    sure = np.asarray(confidence, dtype=np.float64)
    if not sure.size or not ((sure >= 0) & (sure <= 1 + 1e-6)).all():
        found = f"values from {sure.min():.3g} to {sure.max():.3g}" if sure.size else "none"
        raise DataError(f"confidences must be probabilities; got {found}.")
    return reliability_bins(sure, right, bins).ece


def ratio(part: NDArray[Any], whole: NDArray[Any]) -> Floats:
    """Part / whole, NaN where the whole is 0."""
    result = np.full(len(whole), np.nan)
    np.divide(part, whole, out=result, where=whole > 0)
    return result
