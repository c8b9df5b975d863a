"""Does a measure of features go with the score? Rank correlation over runs, with its uncertainty."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from udalib.core.errors import DataError

LEAST = 4
"""Runs below which no interval is given: three ranks have six orders."""


@dataclass(frozen=True)
class Correlation:
    """Spearman's rank correlation over n runs.

    Attributes:
        n: number of runs.
        rho: [-1, 1]; None if all values of one side are equal.
        interval: of the bootstrap; None for fewer than :data:`LEAST` runs or without ``rho``.
        undefined: share of resamples without a correlation (one side constant), left out of the interval.
    """

    n: int
    rho: float | None
    interval: tuple[float, float] | None
    undefined: float = 0.0


def spearman(
    values: Sequence[float],
    scores: Sequence[float],
    generator: np.random.Generator,
    *,
    resamples: int = 2000,
    level: float = 0.95,
) -> Correlation:
    """Spearman's rho of paired ``values`` and ``scores``, and its percentile bootstrap interval over the pairs.

    Ties get mean ranks (Spearman, "The Proof and Measurement of Association between Two Things", American Journal of
    Psychology 15, 1904; Efron, "Bootstrap Methods", Annals of Statistics 7, 1979). With few runs the interval is wide,
    and rather too narrow still; runs that share a seed or a start are not independent.

    Raises:
        DataError: unlike lengths, fewer than two pairs, or a value that is no finite number.
    """
    x, y = np.asarray(values, dtype=np.float64), np.asarray(scores, dtype=np.float64)
    if x.shape != y.shape or x.ndim != 1 or len(x) < 2 or not (np.isfinite(x).all() and np.isfinite(y).all()):
        raise DataError(f"a correlation needs two or more pairs of finite numbers, got {x.tolist()} and {y.tolist()}.")
    rho = float(_rank_correlation(x[None], y[None])[0])
    if not np.isfinite(rho) or len(x) < LEAST:
        return Correlation(len(x), rho if np.isfinite(rho) else None, None)
    drawn = generator.integers(0, len(x), (resamples, len(x)))
    found = _rank_correlation(x[drawn], y[drawn])
    known = found[np.isfinite(found)]
    low, high = np.quantile(known, [(1 - level) / 2, (1 + level) / 2])
    return Correlation(len(x), rho, (float(low), float(high)), 1 - len(known) / resamples)


def correlate(
    measured: Mapping[str, Mapping[str, float | None]],
    scores: Mapping[str, float],
    generator: np.random.Generator,
    **options: Any,
) -> dict[str, Correlation]:
    """:func:`spearman` of every measure with the score, over the runs that have both.

    Args:
        measured: run -> measure -> number.
        scores: run -> score, such as the mIoU on the target.
        generator: of the resamples.
        options: of :func:`spearman`.

    Measures that fewer than two such runs have are left out.
    """
    names = dict.fromkeys(name for each in measured.values() for name in each)
    result = {}
    for name in names:
        pairs = [(each[name], scores[run]) for run, each in measured.items() if run in scores]
        known = [(value, score) for value, score in pairs if value is not None and np.isfinite(value)]
        if len(known) > 1:
            values, targets = zip(*known, strict=True)
            result[name] = spearman(values, targets, generator, **options)
    return result


def _rank_correlation(x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
    """Pearson's correlation of the ranks of each row of two (R, n); NaN where a row is constant."""
    from scipy.stats import rankdata  # type: ignore[import-untyped,unused-ignore]  # comes with scikit-learn

    a, b = (ranks - ranks.mean(axis=1, keepdims=True) for ranks in (rankdata(x, axis=1), rankdata(y, axis=1)))
    lengths = np.sqrt((a**2).sum(axis=1) * (b**2).sum(axis=1))
    return np.asarray(np.divide((a * b).sum(axis=1), lengths, out=np.full(len(a), np.nan), where=lengths > 0))
