"""The numbers that stand beside a picture of features: a table of measures, and all of them at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from udalib.analysis.calibration import expected_calibration_error
from udalib.analysis.features.embedding.tsne import principal, unit_scatter
from udalib.analysis.features.measuring.gaps import coral, mmd, proxy_a_distance
from udalib.analysis.features.measuring.separation import centroid_distance, intra_inter, knn_purity, silhouette
from udalib.analysis.features.pixels.points import PixelFeatures
from udalib.core.errors import DataError

K = 10
"""Neighbours in the purities."""


@dataclass(frozen=True)
class Seen:
    """What measures read.

    Attributes:
        vectors: float64 (N, C), of unit scatter.
        classes: (N,) train ids.
        domains: (N,) 0 source, 1 target.
        images: (N,) number of the image.
        confidence, right: (N,) of the predictions, and whether they are; None if there are none.
        seed: of random halves.
    """

    vectors: NDArray[np.float64]
    classes: NDArray[np.int64]
    domains: NDArray[np.int64]
    images: NDArray[np.int64] | None = None
    confidence: NDArray[Any] | None = None
    right: NDArray[np.bool_] | None = None
    seed: int = 0

    def of(self, domain: int) -> NDArray[np.float64]:
        """Vectors of one domain."""
        return np.asarray(self.vectors[self.domains == domain])

    def images_of(self, domain: int) -> NDArray[np.int64] | None:
        """Images of one domain's points."""
        return None if self.images is None else self.images[self.domains == domain]


@dataclass(frozen=True)
class Measure:
    """A number about features.

    Attributes:
        title: for a table.
        better: whether low or high values are what adaptation wants.
        low, high: ends of its range; None = open.
        compute: the number; None where it does not apply.
        about: "gap" between domains, "classes", or "answers" of the run.
    """

    title: str
    better: Literal["low", "high"]
    low: float | None
    high: float | None
    compute: Callable[[Seen], float | None]
    about: Literal["gap", "classes", "answers"]


def _a_distance(seen: Seen) -> float:
    source, target = seen.images_of(0), seen.images_of(1)
    return proxy_a_distance(seen.of(0), seen.of(1), source_groups=source, target_groups=target, seed=seen.seed)


def _coral(seen: Seen) -> float:
    """At a mean variance of 1 a dimension: at unit scatter the number would shrink with the width of the layer."""
    scale = seen.vectors.shape[1] ** 0.5
    return coral(scale * seen.of(0), scale * seen.of(1))


def _target_error(seen: Seen) -> float | None:
    if seen.confidence is None or seen.right is None:
        return None
    target = seen.domains == 1
    return expected_calibration_error(seen.confidence[target], seen.right[target])


def _target_accuracy(seen: Seen) -> float | None:
    return None if seen.right is None else float(seen.right[seen.domains == 1].mean())


def _purity(seen: Seen) -> float:
    return knn_purity(seen.vectors, seen.classes, K, groups=seen.images)


def _across(seen: Seen) -> float:
    return knn_purity(seen.vectors, seen.classes, K, groups=seen.images, domains=seen.domains)


MEASURES: Mapping[str, Measure] = {
    "a_distance": Measure("proxy A-distance", "low", 0, 2, _a_distance, "gap"),
    "mmd": Measure("MMD, squared", "low", None, 2, lambda s: mmd(s.of(0), s.of(1)), "gap"),
    "coral": Measure("CORAL", "low", 0, None, _coral, "gap"),
    "centroid_distance": Measure(
        "class centroids apart", "low", 0, None, lambda s: centroid_distance(s.vectors, s.classes, s.domains), "gap"
    ),
    "intra_inter": Measure(
        "intra / inter class", "low", 0, None, lambda s: intra_inter(s.vectors, s.classes), "classes"
    ),
    "silhouette": Measure("silhouette", "high", -1, 1, lambda s: silhouette(s.vectors, s.classes), "classes"),
    "knn_purity": Measure("k-NN purity", "high", 0, 1, _purity, "classes"),
    "source_to_target": Measure("k-NN purity, target among source", "high", 0, 1, _across, "classes"),
    "calibration_error": Measure("calibration error, target", "low", 0, 1, _target_error, "answers"),
    "accuracy": Measure("accuracy at the points, target", "high", 0, 1, _target_accuracy, "answers"),
}
"""Name -> measure, in the order of tables: gaps between domains, classes, answers."""


def measures(
    features: Any,
    classes: Any,
    domains: Any,
    *,
    images: Any = None,
    confidence: Any = None,
    right: Any = None,
    components: int = 50,
    seed: int = 0,
) -> dict[str, float | None]:
    """All of :data:`MEASURES`, name -> number, in the order of the table; None where an input is missing.

    Distances are taken between the first principal components, scaled to a mean squared distance of 1 from their
    mean: so layers of unlike width, and networks of unlike scale, can be compared.

    Args:
        features: (N, C).
        classes: (N,) train ids.
        domains: (N,) 0 for the source, 1 for the target; both must occur.
        images: (N,) the image of each point: classifiers are tested on other images, neighbours come from others.
        confidence: (N,) of the predictions, in [0, 1].
        right: bool (N,), whether the prediction is the class.
        components: kept by the PCA.
        seed: of random halves.

    Raises:
        DataError: one domain or class alone, or points too few for a measure.
    """
    where = np.asarray(domains, dtype=np.int64)
    if set(np.unique(where).tolist()) != {0, 1}:
        raise DataError(f"measures compare the domains 0 (source) and 1 (target), got {np.unique(where).tolist()}.")
    values = unit_scatter(principal(features, components))
    of_image, sure, hits = (None if each is None else np.asarray(each) for each in (images, confidence, right))
    seen = Seen(values, np.asarray(classes, dtype=np.int64), where, of_image, sure, hits, seed)
    return {name: measure.compute(seen) for name, measure in MEASURES.items()}


def measures_of(features: PixelFeatures, run: str, layer: str, *, seed: int = 0) -> dict[str, float | None]:
    """:func:`measures` of one layer of one run; of the domains, the first is the source and the last the target."""
    points, answers = features.points, features.answers[run]
    kept = np.isin(points.domain, (0, len(features.domains) - 1))
    return measures(
        features.vectors[run, layer][kept],
        points.label[kept],
        (points.domain[kept] > 0).astype(np.int64),
        images=points.image[kept],
        confidence=answers.confidence[kept],
        right=~features.wrong(run)[kept],
        seed=seed,
    )
