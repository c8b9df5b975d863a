"""How well the classes are apart in a feature space, inside a domain and across two.

``features`` is (N, C), ``classes`` (N,) train ids, ``domains`` (N,) 0 for the source and 1 for the target.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from udalib.analysis.features.embedding.tsne import one_thread
from udalib.analysis.features.measuring.gaps import squared_distances
from udalib.core.errors import DataError

Floats = NDArray[np.float64]
ROWS = 512
"""Points whose distances to all others are held at once."""


def centroids(features: Any, classes: Any) -> dict[int, Floats]:
    """Mean feature (C,) of each class."""
    values, ids = np.asarray(features, dtype=np.float64), np.asarray(classes)
    return {int(c): values[ids == c].mean(axis=0) for c in np.unique(ids)}


def centroid_distances(features: Any, classes: Any, domains: Any) -> dict[int, float]:
    """Euclidean distance between a class's centroids in both domains, at least 0, for every class that both have."""
    ids, where = np.asarray(classes), np.asarray(domains)
    values = np.asarray(features)
    source, target = (centroids(values[where == d], ids[where == d]) for d in (0, 1))
    return {c: float(np.linalg.norm(source[c] - target[c])) for c in source if c in target}


def centroid_distance(features: Any, classes: Any, domains: Any) -> float:
    """Mean of :func:`centroid_distances` over classes, in the unit of the features.

    The quantity that class-wise alignment makes small (Xie, Zheng, Chen and Chen, "Learning Semantic Representations
    for Unsupervised Domain Adaptation", ICML 2018, there squared).
    """
    found = centroid_distances(features, classes, domains)
    if not found:
        raise DataError("no class has points in both domains; take classes that occur in both.")
    return float(np.mean(list(found.values())))


def intra_inter(features: Any, classes: Any) -> float:
    """Scatter inside classes over scatter between them, at least 0; small = classes are tight and far apart.

    The mean over classes of the mean squared distance to the class's centroid, divided by the mean squared distance of
    the centroids to their own mean: Fisher's criterion, upside down (Fisher, "The Use of Multiple Measurements in
    Taxonomic Problems", Annals of Eugenics 7, 1936), every class with one vote. Infinite if all centroids coincide.
    """
    values, ids = np.asarray(features, dtype=np.float64), np.asarray(classes)
    means = centroids(values, ids)
    _need_classes(len(means))
    intra = np.mean([np.square(values[ids == c] - mean).sum(axis=1).mean() for c, mean in means.items()])
    middles = np.stack(list(means.values()))
    inter = np.square(middles - middles.mean(axis=0)).sum(axis=1).mean()
    return float(intra / inter) if inter > 0 else float("inf")


def silhouette(features: Any, classes: Any) -> float:
    """Mean silhouette, [-1, 1]: 1 = each point far nearer to its own class than to the next one, 0 = on the border.

    Rousseeuw, "Silhouettes: a graphical aid to the interpretation and validation of cluster analysis", Journal of
    Computational and Applied Mathematics 20, 1987.
    """
    from sklearn.metrics import silhouette_score

    _need_classes(len(np.unique(classes)))
    with one_thread():
        return float(silhouette_score(np.asarray(features, dtype=np.float64), np.asarray(classes)))


def knn_purity(features: Any, classes: Any, k: int = 10, *, groups: Any = None, domains: Any = None) -> float:
    """Share of the k nearest other points that are of a point's class, mean over points: [0, 1], 1 = pure.

    Leave-one-out: no point is its own neighbour. The share of C equally frequent classes is 1 / C by chance.

    Args:
        features: where distances are measured.
        classes: of the points.
        k: size of the neighbourhood.
        groups: (N,) the image of each point; neighbours from the same image do not count. None = they do.
        domains: if given, only target points are asked and only source points answer: would the labels of the source
            name the target rightly?

    Raises:
        DataError: a point has fewer than ``k`` neighbours that count.
    """
    values, ids = np.asarray(features, dtype=np.float64), np.asarray(classes)
    own = np.arange(len(ids)) if groups is None else np.asarray(groups)
    asks = np.arange(len(ids)) if domains is None else np.flatnonzero(np.asarray(domains) == 1)
    answers = np.arange(len(ids)) if domains is None else np.flatnonzero(np.asarray(domains) == 0)
    shares = []
    for rows in np.split(asks, range(ROWS, len(asks), ROWS)):
        distance = squared_distances(values[rows], values[answers])
        distance[own[rows][:, None] == own[answers][None]] = np.inf
        if distance.shape[1] < k or not np.isfinite(np.partition(distance, k - 1, axis=1)[:, k - 1]).all():
            raise DataError(f"a point has fewer than {k} neighbours that count; take more points or a smaller k.")
        nearest = np.argpartition(distance, k - 1, axis=1)[:, :k]
        shares.append((ids[answers][nearest] == ids[rows][:, None]).mean(axis=1))
    return float(np.concatenate(shares).mean())


def _need_classes(count: int) -> None:
    if count < 2:
        raise DataError(f"how classes are apart needs two classes or more, got {count}.")
