"""Is a recipe better than its baseline? Paired differences over seeds, with two one-sided tests and an interval.

Both runs of a pair share their seed (initial weights, order of the data, random draws), so what a seed brings to both
cancels in the difference. Scores are in any one unit, higher is better, and the effect has the same unit.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from udalib.core.errors import ConfigError

MAX_PAIRS = 20
"""The exact permutation test goes through 2^n sign patterns; more pairs than this are refused."""


@dataclass(frozen=True)
class Effect:
    """What n paired differences (values minus baseline) say; the p values are not corrected for several comparisons.

    Attributes:
        n: number of pairs.
        mean: mean difference, in the unit of the values.
        std: sample standard deviation (n - 1) of the differences.
        wins: pairs with a difference above 0.
        p_t: one-sided p of the paired t-test (the mean difference is not above 0); None if all differences are equal.
        p_permutation: one-sided p of the exact sign-flip test; never below 2^-n (five seeds: 0.031, three: 0.125).
        interval: two-sided 95 % confidence interval of the mean difference (t distribution); None as for ``p_t``.
    """

    n: int
    mean: float
    std: float
    wins: int
    p_t: float | None
    p_permutation: float
    interval: tuple[float, float] | None


def paired_effect(values: Mapping[int, float], baseline: Mapping[int, float]) -> Effect:
    """Compare two recipes over the same seeds; both arguments map a seed to its score.

    >>> effect = paired_effect({0: 41.0, 1: 42.0, 2: 46.0}, {0: 40.0, 1: 40.0, 2: 43.0})
    >>> effect.n, effect.mean, effect.std, effect.wins
    (3, 2.0, 1.0, 3)
    >>> round(effect.p_t, 4), effect.p_permutation
    (0.0371, 0.125)
    >>> [round(end, 2) for end in effect.interval]
    [-0.48, 4.48]

    Raises:
        ConfigError: a seed is missing on one side (it is named), a score is not finite, fewer than 2 or more than
            20 pairs.
    """
    differences = _differences(values, baseline)
    mean, std = statistics.fmean(differences), statistics.stdev(differences)
    spread = std > 1e-12 * max(map(abs, differences))  # rounding alone is no spread
    return Effect(
        n=len(differences),
        mean=mean,
        std=std,
        wins=sum(d > 0 for d in differences),
        p_t=_t_test(mean, std, len(differences)) if spread else None,
        p_permutation=sign_flip_test(differences),
        interval=_interval(mean, std, len(differences)) if spread else None,
    )


def sign_flip_test(differences: Sequence[float]) -> float:
    """Share of the 2^n sign patterns of ``differences`` whose sum is at least the observed one: an exact one-sided p.

    It assumes no shape of distribution, only that without an effect each difference is as likely to have either sign.
    The observed pattern counts, so the p is never below 2^-n.

    >>> sign_flip_test([3.0, 2.0, 1.0]), sign_flip_test([3.0, 2.0, -1.0])
    (0.125, 0.25)
    """
    if not 1 <= len(differences) <= MAX_PAIRS:
        raise ConfigError(f"the exact sign-flip test takes 1 to {MAX_PAIRS} differences and got {len(differences)}.")
    sums = np.zeros(1)
    for difference in differences:
        sums = np.concatenate([sums + difference, sums - difference])
    rounding = 1e-9 * sum(map(abs, differences))
    return float(np.mean(sums >= sum(differences) - rounding))


def holm(p_values: Mapping[str, float]) -> dict[str, float]:
    """Holm's correction for testing several recipes at once: adjusted p by name, in the order given.

    The k-th smallest of m values is multiplied by m - k + 1; no adjusted value is below the one before it or above 1.
    The chance that any recipe without an effect falls below 0.05 is then at most 5 % (Holm, Scand. J. Stat. 6, 1979).

    >>> holm({"a": 0.01, "b": 0.04, "c": 0.03})
    {'a': 0.03, 'b': 0.06, 'c': 0.06}

    Raises:
        ConfigError: a value outside [0, 1].
    """
    for name, p in p_values.items():
        if not 0 <= p <= 1:
            raise ConfigError(f"the p value of {name!r} is {p}; it must lie in [0, 1].")
    adjusted: dict[str, float] = {}
    highest = 0.0
    for rank, name in enumerate(sorted(p_values, key=lambda name: p_values[name])):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[name]))
        adjusted[name] = highest
    return {name: adjusted[name] for name in p_values}


def _differences(values: Mapping[int, float], baseline: Mapping[int, float]) -> list[float]:
    """Values minus baseline by ascending seed, after checking that the two are pairs."""
    for side, here, there in (("baseline", baseline, values), ("values", values, baseline)):
        missing = sorted(set(there) - set(here))
        if missing:
            raise ConfigError(
                f"the {side} lack{'s' * (side == 'baseline')} seed {', '.join(map(str, missing))}; a paired test needs "
                "the same seeds on both sides: run what is missing, or leave that seed out of both."
            )
    if not 2 <= len(values) <= MAX_PAIRS:
        raise ConfigError(f"an effect needs 2 to {MAX_PAIRS} paired seeds and got {len(values)}.")
    for seed in values:
        if not (math.isfinite(values[seed]) and math.isfinite(baseline[seed])):
            raise ConfigError(
                f"seed {seed} has the scores {values[seed]} and {baseline[seed]}; both must be finite numbers."
            )
    return [values[seed] - baseline[seed] for seed in sorted(values)]


def _t_test(mean: float, std: float, n: int) -> float:
    """One-sided p of the paired t-test."""
    from scipy import stats  # type: ignore[import-untyped]  # comes with scikit-learn; here, for its import time

    return float(stats.t.sf(mean / (std / math.sqrt(n)), n - 1))


def _interval(mean: float, std: float, n: int) -> tuple[float, float]:
    """Two-sided 95 % confidence interval of the mean."""
    from scipy import stats

    half = float(stats.t.ppf(0.975, n - 1)) * std / math.sqrt(n)
    return (mean - half, mean + half)
