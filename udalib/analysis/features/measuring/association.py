"""Does a measure go with the score over the runs of several recipes? Across all of them, and inside the recipes."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from udalib.analysis.features.measuring.table import MEASURES
from udalib.core.errors import DataError, unknown_name
from udalib.core.seeding import numpy_generator

Floats = NDArray[np.float64]
SAME_AS_SCORE = ("accuracy",)
"""Measures that are the score in other words, and no rivals of the others."""
LEAST = 6
"""Recipes below which no interval is given: too few to draw from."""
FREE = 3
"""Runs beyond one a recipe below which nothing is said of the inside of recipes: two seeds always lie on a line."""
MOST = 0.9999
"""Correlations beyond count as this on Fisher's scale, where 1 is infinite."""


@dataclass(frozen=True)
class Coefficient:
    """A correlation in [-1, 1], None if one side is constant, and its bootstrap interval, None for few recipes."""

    value: float | None
    interval: tuple[float, float] | None = None


@dataclass(frozen=True)
class Association:
    """Correlation of one measure with the score.

    Attributes:
        runs: that have both.
        recipes: of these runs.
        spearman, pearson: over all runs.
        within_runs, within_recipes: of recipes with two such runs or more; 0 if these are fewer than :data:`FREE` more
            runs than recipes.
        within_spearman, within_pearson: over their deviations from the mean of their recipe.
        strongest: share of resamples in which this measure has the largest absolute rank correlation over all runs.
    """

    runs: int
    recipes: int
    spearman: Coefficient
    pearson: Coefficient
    within_runs: int
    within_recipes: int
    within_spearman: Coefficient
    within_pearson: Coefficient
    strongest: float = 0.0


def associate(
    measured: Mapping[str, Sequence[float | None]],
    scores: Sequence[float],
    recipes: Sequence[str],
    generator: np.random.Generator,
    *,
    resamples: int = 2000,
    level: float = 0.95,
    no_rivals: Container[str] = SAME_AS_SCORE,
) -> dict[str, Association]:
    """Correlate each measure with the score over n runs.

    Runs of one recipe are alike, so n of them say less than n independent ones: the bootstrap draws whole recipes with
    replacement, all seeds of each (the "cluster bootstrap"; Davison and Hinkley, "Bootstrap Methods and their
    Application", 1997, section 3.8). Its spread on Fisher's scale, atanh(r), about the correlation found, makes the
    interval, with Student's t for the number of recipes; the plain percentiles may miss the correlation itself, because
    a recipe that is drawn twice pulls rank correlations towards what holds inside the recipe. *Across* answers
    whether the measure tells recipes apart, *within* whether it tells which of several seeds of one recipe came out
    better.

    Args:
        measured: name -> n numbers; runs with None or infinity are left out for that measure.
        scores: n finite numbers.
        recipes: n names.
        generator: of the resamples; all measures are judged on the same ones.
        resamples: how many.
        level: of the intervals.
        no_rivals: measures that do not compete for ``strongest``.

    Raises:
        DataError: unlike lengths, or a score that is no finite number.
    """
    y, names = np.asarray(scores, dtype=np.float64), np.asarray(recipes)
    lengths = {len(y), len(names), *(len(values) for values in measured.values())}
    if len(lengths) != 1 or not np.isfinite(y).all():
        raise DataError(f"a score, a recipe and a number of each measure for every run, got {sorted(lengths)} of them.")
    weights = draw_recipes(names, generator, resamples)
    found, strength = {}, {}
    for name, numbers in measured.items():
        x = np.array([np.nan if v is None else v for v in numbers], dtype=np.float64)
        known = np.isfinite(x)
        if known.sum() > 1:
            found[name], drawn = _one(x[known], y[known], names[known], weights[:, known], level)
            strength[name] = np.nan_to_num(np.abs(drawn), nan=-1.0).round(9)
    rivals = {name: each for name, each in strength.items() if name not in no_rivals}
    return found | {name: replace(found[name], strongest=share) for name, share in _strongest(rivals).items()}


def associations(runs: Sequence[Mapping[str, Any]], layer: str, **options: Any) -> dict[str, dict[str, Any]]:
    """:func:`associate` of every measure in ``layer`` with the target mIoU, as JSON values.

    Args:
        runs: of a record of ``benchmarks/features.py``, or some of them.
        layer: that all of them were measured in.
        options: of :func:`associate`.

    Raises:
        UnknownNameError: a run was not measured in this layer.
    """
    for run in runs:
        if layer not in run["measures"]:
            raise unknown_name("layer of the record", layer, run["measures"])
    measured = {name: [run["measures"][layer].get(name) for run in runs] for name in MEASURES}
    scores, recipes = [run["target_miou"] for run in runs], [run["recipe"] for run in runs]
    found = associate(measured, scores, recipes, numpy_generator("association", 0, layer), **options)
    return {name: asdict(each) for name, each in found.items()}


def draw_recipes(recipes: NDArray[Any], generator: np.random.Generator, resamples: int) -> Floats:
    """How often each run occurs in each resample of whole recipes: (resamples, n).

    >>> drawn = draw_recipes(np.array(["a", "a", "b"]), np.random.default_rng(0), 50)
    >>> bool((drawn[:, 0] == drawn[:, 1]).all() and (drawn[:, 1] + drawn[:, 2] == 2).all())
    True
    """
    kinds, which = np.unique(recipes, return_inverse=True)
    times = generator.multinomial(len(kinds), np.full(len(kinds), 1 / max(len(kinds), 1)), size=resamples)
    return np.asarray(times[:, which], dtype=np.float64)


def deviations(values: Any, recipes: Any) -> Floats:
    """Each value less the mean of its recipe: (n,).

    >>> deviations([1.0, 3.0, 10.0], ["a", "a", "b"]).tolist()
    [-1.0, 1.0, 0.0]
    """
    numbers, (_, which) = np.asarray(values, dtype=np.float64), np.unique(recipes, return_inverse=True)
    left = numbers - (np.bincount(which, numbers) / np.bincount(which))[which]
    rounding = 1e-12 * np.abs(numbers).max(initial=0.0)
    return np.asarray(np.where(np.abs(left) > rounding, left, 0.0))


def _strongest(strength: Mapping[str, Floats]) -> dict[str, float]:
    """Share of resamples in which each has the largest value; those that are level share it, and -1 wins nothing."""
    if not strength:
        return {}
    values = np.stack(list(strength.values()))
    first = (values == values.max(axis=0)) & (values >= 0)
    shares = (first / np.maximum(first.sum(axis=0), 1))[:, first.any(axis=0)]
    means = shares.mean(axis=1) if shares.shape[1] else np.zeros(len(values))
    return dict(zip(strength, means.tolist(), strict=True))


def _one(x: Floats, y: Floats, recipes: NDArray[Any], weights: Floats, level: float) -> tuple[Association, Floats]:
    """The association of one measure, and its rank correlation in each resample."""
    kinds, which, counts = np.unique(recipes, return_inverse=True, return_counts=True)
    several = (counts[which] > 1) & (len(x) - len(kinds) >= FREE)
    inside = recipes[several]
    dx, dy = (deviations(values[several], inside) if several.any() else values[:0] for values in (x, y))
    spearman, drawn = _coefficient(x, y, weights, level, len(kinds), ranked=True)
    pearson, _ = _coefficient(x, y, weights, level, len(kinds), ranked=False)
    within = len(np.unique(inside))
    within_spearman, _ = _coefficient(dx, dy, weights[:, several], level, within, ranked=True)
    within_pearson, _ = _coefficient(dx, dy, weights[:, several], level, within, ranked=False)
    sizes = (len(x), len(kinds)), (len(inside), within)
    return Association(*sizes[0], spearman, pearson, *sizes[1], within_spearman, within_pearson), drawn


def _coefficient(
    x: Floats, y: Floats, weights: Floats, level: float, recipes: int, *, ranked: bool
) -> tuple[Coefficient, Floats]:
    """Correlation of pairs, its interval, and the values it comes from, one a row of ``weights`` (R, n)."""
    if len(x) < 2:
        return Coefficient(None), np.full(len(weights), np.nan)
    every = np.vstack([np.ones(len(x)), weights])
    a, b = (_ranks(values, every) if ranked else np.broadcast_to(values, every.shape) for values in (x, y))
    whole, *drawn = _weighted_correlation(a, b, every).tolist()
    values = np.asarray(drawn)
    if not np.isfinite(whole):
        return Coefficient(None), values
    known = values[np.isfinite(values)]
    return Coefficient(whole, _interval(whole, known, level, recipes) if len(known) else None), values


def _interval(whole: float, drawn: Floats, level: float, recipes: int) -> tuple[float, float] | None:
    """The correlation plus and minus the spread of ``drawn`` on Fisher's scale; None for few recipes."""
    from scipy.stats import t  # type: ignore[import-untyped,unused-ignore]  # comes with scikit-learn

    if recipes < LEAST:
        return None
    middle, z = (np.arctanh(np.clip(each, -MOST, MOST)) for each in (whole, drawn))
    spread = np.subtract(*np.quantile(z, [0.8413, 0.1587])) / 2  # a normal's standard deviation
    reach = t.ppf((1 + level) / 2, recipes - 1) * spread
    low, high = np.tanh([middle - reach, middle + reach]).tolist()
    return min(low, whole), max(high, whole)


def _ranks(values: Floats, weights: Floats) -> Floats:
    """Mean ranks (R, n), less a constant, of values (n,) that occur ``weights`` (R, n) times."""
    below = (values[None] < values[:, None]) + 0.5 * (values[None] == values[:, None])
    return np.asarray(weights @ below.T)


def _weighted_correlation(x: Floats, y: Floats, weights: Floats) -> Floats:
    """Pearson's correlation of each row of (R, n), each pair counted ``weights`` times; NaN for a constant side."""
    total = weights.sum(axis=1, keepdims=True)
    total = np.where(total > 0, total, 1.0)
    a, b = (values - (weights * values).sum(axis=1, keepdims=True) / total for values in (x, y))
    squares = (weights * a**2).sum(axis=1) * (weights * b**2).sum(axis=1)
    scale = (weights * x**2).sum(axis=1) * (weights * y**2).sum(axis=1)
    good = squares > 1e-24 * np.maximum(scale, 1e-300)
    products = (weights * a * b).sum(axis=1)
    return np.asarray(np.divide(products, np.sqrt(squares), out=np.full(len(a), np.nan), where=good))
