"""Would another perplexity or another seed show the same picture? Neighbours that stay, in numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from udalib.analysis.features.embedding.procrustes import procrustes
from udalib.analysis.features.embedding.tsne import Tsne, one_thread, principal, tsne
from udalib.core.errors import ConfigError, DataError

Floats = NDArray[np.float64]
SEEDS = (0, 1, 2)


@dataclass(frozen=True)
class Stability:
    """M embeddings of the same points, compared.

    Attributes:
        settings: (perplexity, seed) of each.
        pictures: M coordinates (N, 2), turned onto the first.
        overlap: (M, M) shared neighbours of two pictures, see :func:`neighbour_overlap`.
        residual: (M, M) Procrustes residuals.
        trust: (M,) trustworthiness of each picture, see :func:`trustworthiness`.
        kept: (M,) neighbours of the feature space that each picture keeps, as ``overlap``.
        k: size of the neighbourhoods.
    """

    settings: tuple[tuple[float, int], ...]
    pictures: tuple[Floats, ...]
    overlap: Floats
    residual: Floats
    trust: Floats
    kept: Floats
    k: int

    @property
    def score(self) -> float:
        """Mean overlap of all pairs of pictures: 1 = the same neighbours whatever the setting, 0 = chance."""
        return _mean_of_pairs(self.overlap, np.ones((len(self.settings),) * 2, dtype=bool))

    @property
    def over_seeds(self) -> float:
        """The same for pairs that differ in the seed alone; NaN if there are none."""
        return _mean_of_pairs(self.overlap, self._equal(0))

    @property
    def over_perplexities(self) -> float:
        """The same for pairs that differ in the perplexity alone; NaN if there are none."""
        return _mean_of_pairs(self.overlap, self._equal(1))

    def _equal(self, part: int) -> NDArray[np.bool_]:
        values = np.array([setting[part] for setting in self.settings])
        return np.asarray(values[:, None] == values[None])


def stability(
    features: Any,
    settings: Tsne = Tsne(),  # noqa: B008 (immutable)
    *,
    perplexities: Sequence[float] | None = None,
    seeds: Sequence[int] = SEEDS,
    k: int = 15,
) -> Stability:
    """Embed features (N, C) at every perplexity with every seed, from random starts, and compare the pictures.

    Random starts, because from the PCA that pictures usually start from, the seed changes next to nothing.

    Args:
        features: of the points.
        settings: of the pictures but for perplexity, seed and start.
        perplexities: None = that of ``settings``, its half, and its double as far as there are points for it.
        seeds: of t-SNE.
        k: size of the neighbourhoods that are compared.
    """
    perplexities = around(settings.perplexity, len(features)) if perplexities is None else perplexities
    if len(perplexities) * len(seeds) < 2:
        raise ConfigError("stability compares pictures; give at least two perplexities or seeds.")
    pairs = tuple((float(p), int(s)) for p in perplexities for s in seeds)
    vectors = principal(features, settings.components)
    found = [tsne(vectors, replace(settings, perplexity=p, seed=s, init="random")) for p, s in pairs]
    near = [neighbours(each, k) for each in (vectors, *found)]
    pictures = (found[0], *(procrustes(each, found[0]).aligned for each in found[1:]))
    return Stability(
        pairs,
        pictures,
        np.array([[_overlap(a, b) for b in near[1:]] for a in near[1:]]),
        np.array([[procrustes(a, b).residual for b in found] for a in found]),
        np.array([trustworthiness(vectors, each, k) for each in found]),
        np.array([_overlap(near[0], each) for each in near[1:]]),
        k,
    )


def around(perplexity: float, points: int) -> tuple[float, ...]:
    """Half of a perplexity, itself, and its double or the largest below it that ``points`` allow.

    >>> around(30, 1000), around(30, 121)
    ((15.0, 30, 60.0), (15.0, 30, 40.0))
    """
    return perplexity / 2, perplexity, max(perplexity, min(2.0 * perplexity, float((points - 1) // 3)))


def neighbours(points: Any, k: int) -> NDArray[np.int64]:
    """The k nearest other points of each of N points (N, D), by Euclidean distance: int64 (N, k), nearest first."""
    from sklearn.neighbors import NearestNeighbors

    values = np.asarray(points, dtype=np.float64)
    if not 1 <= k < len(values) - 1:
        raise DataError(f"{k} neighbours need more than {k + 1} points, got {len(values)}.")
    with one_thread():
        found = NearestNeighbors(n_neighbors=k, n_jobs=1).fit(values).kneighbors(return_distance=False)
    return np.asarray(found, dtype=np.int64)


def neighbour_overlap(one: Any, other: Any, k: int = 15) -> float:
    """How many of the k nearest neighbours of a point are the same in two sets of N points: 1 all, 0 as by chance.

    The mean shared part Q of the neighbourhoods, corrected for the K / (N - 1) that chance shares:
    ((N - 1) Q - K) / (N - 1 - K), so slightly below 0 is possible. This is the R_NX of Lee, Renard, Bernard, Dupont and
    Verleysen, "Type 1 and 2 mixtures of Kullback-Leibler divergences as cost functions in dimensionality reduction
    based on similarity preservation", Neurocomputing 112, 2013.
    """
    return _overlap(neighbours(one, k), neighbours(other, k))


def trustworthiness(features: Any, picture: Any, k: int = 15) -> float:
    """Whether neighbours in ``picture`` (N, 2) are near in ``features`` (N, D) too, in [0, 1], 1 = all are.

    Penalises false neighbours by their rank (Venna and Kaski, "Neighborhood preservation in nonlinear projection
    methods: an experimental study", ICANN 2001).
    """
    from sklearn import manifold

    values = np.asarray(features, dtype=np.float64)
    if not 1 <= k < len(values) / 2:
        raise DataError(f"trustworthiness of {k} neighbours needs more than {2 * k} points, got {len(values)}.")
    with one_thread():
        return float(manifold.trustworthiness(values, picture, n_neighbors=k))


def _overlap(one: NDArray[np.int64], other: NDArray[np.int64]) -> float:
    count, k = one.shape
    shared = sum(len(np.intersect1d(a, b, assume_unique=True)) for a, b in zip(one, other, strict=True)) / (count * k)
    return float(((count - 1) * shared - k) / (count - 1 - k))


def _mean_of_pairs(values: Floats, chosen: NDArray[np.bool_]) -> float:
    pairs = np.triu(chosen, 1)
    return float(values[pairs].mean()) if pairs.any() else float("nan")
