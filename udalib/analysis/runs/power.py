"""How many seeds a difference needs: the chance that a paired comparison of n seeds finds it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from udalib.core.errors import ConfigError


def critical_t(seeds: int, level: float = 0.05) -> float:
    """The t that a one-sided paired t-test over ``seeds`` pairs must exceed at ``level``."""
    from scipy import stats  # type: ignore[import-untyped]  # comes with scikit-learn; here, for its import time

    _check(seeds, 1.0)
    return float(stats.t.ppf(1 - level, seeds - 1))


def power(difference: float, spread: float, seeds: int, level: float = 0.05) -> float:
    """Chance that a one-sided paired t-test over ``seeds`` pairs finds a true mean difference.

    Args:
        difference: true mean of the paired differences.
        spread: their true standard deviation, in the same unit, positive; they are taken as normal.
        seeds: number of pairs, at least 2.
        level: of the test.

    Raises:
        ConfigError: fewer than 2 seeds, or a spread that is not positive.

    >>> round(power(2.0, 1.0, 3), 2), round(power(2.0, 1.0, 5), 2), round(power(0.0, 1.0, 5), 2)
    (0.71, 0.97, 0.05)
    """
    from scipy import stats

    _check(seeds, spread)
    shift = difference * np.sqrt(seeds) / spread
    return float(stats.nct.sf(critical_t(seeds, level), seeds - 1, shift)) if shift else level


def simulated_means(
    difference: float, spread: float, seeds: int, experiments: int, seed: int = 0
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Repeat an experiment of ``seeds`` paired differences: the measured means, and which of them the test accepts."""
    _check(seeds, spread)
    drawn = difference + spread * np.random.default_rng(seed).standard_normal((experiments, seeds))
    means = drawn.mean(axis=1)
    accepted = means > critical_t(seeds) * drawn.std(axis=1, ddof=1) / np.sqrt(seeds)
    return means, accepted


def _check(seeds: int, spread: float) -> None:
    if seeds < 2:
        raise ConfigError(f"{seeds} seed has no spread; a paired comparison needs at least 2.")
    if not spread > 0:
        raise ConfigError(f"the spread is {spread}; give a positive standard deviation.")
