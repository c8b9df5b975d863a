"""How far two domains are apart in a feature space. ``source`` is (n, C), ``target`` (m, C).

None of these sees classes: take as many points of each class from both domains, or a class that is rarer in one of them
counts as a gap. Proxy A-distance and MMD do not depend on the scale of the features; CORAL does.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from udalib.analysis.features.embedding.tsne import one_thread
from udalib.core.errors import DataError
from udalib.core.seeding import numpy_generator

Floats = NDArray[np.float64]


def proxy_a_distance(
    source: Any, target: Any, *, source_groups: Any = None, target_groups: Any = None, seed: int = 0
) -> float:
    """Proxy A-distance, [0, 2]: 2 (1 - 2 e), e the held-out error of a linear classifier that tells the domains apart.

    0 = it cannot (an error of one half, or above), 2 = it never errs. Ben-David, Blitzer, Crammer and Pereira,
    "Analysis of Representations for Domain Adaptation", NIPS 2006. Here a logistic regression on
    standardised features, trained on one half and tested on the other, both ways; e is the mean of both domains' error.

    Args:
        source: (n, C).
        target: (m, C).
        source_groups: (n,), the image of each point. Halves are halves of the images, or the classifier would know the
            other points of its own images again; None = every point for itself.
        target_groups: (m,) likewise.
        seed: of the halves.
    """
    halves = [
        _halves(len(values), groups, numpy_generator("proxy A-distance", seed, name))
        for values, groups, name in ((source, source_groups, "source"), (target, target_groups, "target"))
    ]
    features = np.concatenate([source, target]).astype(np.float64)
    domains = np.repeat([0, 1], [len(source), len(target)])
    first = np.concatenate(halves)
    error = np.mean([_held_out_error(features, domains, train) for train in (first, ~first)])
    return float(np.clip(2 * (1 - 2 * error), 0, 2))


def _halves(count: int, groups: Any, generator: np.random.Generator) -> NDArray[np.bool_]:
    """Whether each point is in the first half; whole groups, if there are several."""
    numbers = (
        np.arange(count) if groups is None or len(np.unique(groups)) < 2 else np.unique(groups, return_inverse=True)[1]
    )
    if count < 2:
        raise DataError(f"a proxy A-distance needs two points of each domain, got {count}.")
    kinds = generator.permutation(int(numbers.max()) + 1)
    return np.asarray(kinds[numbers] < (len(kinds) + 1) // 2)


def _held_out_error(features: Floats, domains: NDArray[np.int64], train: NDArray[np.bool_]) -> float:
    """Mean over both domains of the share of points outside ``train`` that get the wrong domain."""
    from sklearn.linear_model import LogisticRegression

    mean, std = features[train].mean(axis=0), features[train].std(axis=0)
    values = (features - mean) / np.where(std > 0, std, 1.0)
    with one_thread():
        fitted = LogisticRegression(class_weight="balanced", max_iter=2000).fit(values[train], domains[train])
        wrong = fitted.predict(values[~train]) != domains[~train]
    return float(np.mean([wrong[domains[~train] == d].mean() for d in (0, 1)]))


def mmd(source: Any, target: Any, bandwidth: float | None = None) -> float:
    """Squared maximum mean discrepancy, unbiased: at most 2, about 0 (on either side) for one distribution.

    Gretton, Borgwardt, Rasch, Schölkopf and Smola, "A Kernel Two-Sample Test", JMLR 13, 2012, equation 3, with the
    Gaussian kernel exp(-d^2 / (2 s^2)).

    Args:
        source: (n, C), two points at least.
        target: (m, C), likewise.
        bandwidth: s; None = the median distance of all pairs of points (the paper's heuristic, section 8).
    """
    both = np.concatenate([source, target]).astype(np.float64)
    n, m = len(source), len(target)
    if min(n, m) < 2:
        raise DataError(f"an unbiased MMD needs two points of each domain, got {n} and {m}.")
    squared = squared_distances(both, both)
    width = float(np.median(np.sqrt(squared[np.triu_indices(n + m, 1)]))) if bandwidth is None else bandwidth
    if not width > 0:
        return 0.0
    kernel = np.exp(-squared / (2 * width**2))
    np.fill_diagonal(kernel, 0.0)  # pairs of a point with itself do not count
    within = kernel[:n, :n].sum() / (n * (n - 1)) + kernel[n:, n:].sum() / (m * (m - 1))
    return float(within - 2 * kernel[:n, n:].mean())


def coral(source: Any, target: Any) -> float:
    """CORAL distance, at least 0: ||Cov(source) - Cov(target)||_F^2 / (4 C^2), blind to a shift of the mean.

    Sun and Saenko, "Deep CORAL: Correlation Alignment for Deep Domain Adaptation", ECCV 2016 workshops, equation 1.
    """
    covariances = [np.atleast_2d(np.cov(np.asarray(each, dtype=np.float64), rowvar=False)) for each in (source, target)]
    difference = covariances[0] - covariances[1]
    return float(np.square(difference).sum() / (4 * len(difference) ** 2))


def squared_distances(one: Any, other: Any) -> Floats:
    """Squared Euclidean distances (n, m) of the rows of ``one`` (n, C) and ``other`` (m, C), never below 0."""
    a, b = np.asarray(one, dtype=np.float64), np.asarray(other, dtype=np.float64)
    squares = np.square(a).sum(axis=1)[:, None] + np.square(b).sum(axis=1)[None]
    return np.asarray(np.maximum(squares - 2 * a @ b.T, 0.0))
