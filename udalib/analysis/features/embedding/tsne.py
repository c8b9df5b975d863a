"""Two dimensions for many: PCA, then t-SNE, and one shared picture of several runs.

PCA before t-SNE as in van der Maaten and Hinton, "Visualizing Data using t-SNE", JMLR 9, 2008, section 4.2; the start
from the first two components as in Kobak and Berens, "The art of using t-SNE for single-cell transcriptomics", Nature
Communications 10, 2019. Equal input and seed give equal coordinates: everything runs on one thread.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

from udalib.analysis.features.embedding.procrustes import procrustes
from udalib.core.errors import ConfigError, DataError

Floats = NDArray[np.float64]
Name = TypeVar("Name")


@dataclass(frozen=True)
class Tsne:
    """How a picture is made.

    Attributes:
        perplexity: about how many neighbours each point attends to.
        iterations: steps of the optimisation. The first 250, the least there are, exaggerate clusters; below 500 a
            picture is a sketch.
        components: dimensions that PCA leaves, at most.
        seed: of t-SNE.
        init: where the points start: "pca", or "random", which depends on the seed.
        engine: "sklearn", or "opentsne" where that package is installed.
    """

    perplexity: float = 30.0
    iterations: int = 1000
    components: int = 50
    seed: int = 0
    init: Literal["pca", "random"] = "pca"
    engine: Literal["sklearn", "opentsne"] = "sklearn"


def principal(features: Any, components: int = 50) -> Floats:
    """The first principal components of features (N, C), centred: float64 (N, min(components, N, C)).

    Distances among them are those of the features as far as the components reach; signs are fixed.
    """
    from sklearn.decomposition import PCA

    values = np.asarray(features, dtype=np.float64)
    with one_thread():
        fitted = PCA(min(components, *values.shape), svd_solver="full").fit_transform(values)
    return np.asarray(fitted, dtype=np.float64)


def tsne(vectors: Any, settings: Tsne = Tsne()) -> Floats:
    """Coordinates (N, 2) of vectors (N, D), centred and scaled to a mean squared distance of 1 from the origin.

    Raises:
        DataError: too few points for the perplexity.
        ConfigError: the engine is not installed, or too few iterations.
    """
    values = np.asarray(vectors, dtype=np.float64)
    if not 0 < 3 * settings.perplexity < len(values):
        raise DataError(
            f"a perplexity of {settings.perplexity:g} needs more than {3 * settings.perplexity:g} points, got "
            f"{len(values)}; take more points or a perplexity below {len(values) / 3:.3g}."
        )
    if settings.iterations < 250:
        raise ConfigError(f"t-SNE takes at least 250 iterations, got {settings.iterations}.")
    with one_thread():
        found = _opentsne(values, settings) if settings.engine == "opentsne" else _sklearn(values, settings)
    return unit_scatter(found)


def shared_tsne(features: Mapping[Name, Any], settings: Tsne = Tsne()) -> dict[Name, Floats]:
    """One embedding of the same N points seen by several networks: name -> (N, 2), comparable among each other.

    Networks have feature spaces of their own, in which no distance from one to the other means anything. So the
    principal components of each, scaled to one scatter, are turned onto those of the first (:func:`procrustes`; point n
    is the same pixel in all), which changes no neighbourhood inside a network; then all go through one t-SNE.

    Raises:
        DataError: unlike numbers of points; see :func:`tsne`.
    """
    if len({len(values) for values in features.values()}) != 1:
        raise DataError(
            f"a shared embedding needs the same points everywhere, got {[len(v) for v in features.values()]}."
        )
    reduced = {name: unit_scatter(principal(values, settings.components)) for name, values in features.items()}
    width = max(values.shape[1] for values in reduced.values())
    padded = [np.pad(values, ((0, 0), (0, width - values.shape[1]))) for values in reduced.values()]
    turned = [padded[0], *(procrustes(values, padded[0], scaling=False).aligned for values in padded[1:])]
    found = tsne(np.concatenate(turned), settings)
    return dict(zip(features, np.split(found, len(turned)), strict=True))


def unit_scatter(vectors: Any) -> Floats:
    """Vectors (N, D), centred and divided by one number, so that their mean squared length is 1; zeros stay zeros."""
    centred = np.asarray(vectors, dtype=np.float64) - np.mean(vectors, axis=0, dtype=np.float64)
    scale = np.sqrt(np.square(centred).sum(axis=1).mean())
    return np.asarray(centred / scale if scale > 0 else centred)


@contextmanager
def one_thread() -> Iterator[None]:
    """Sums in one order: with several threads their last bits, and so a t-SNE, differ from call to call."""
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # comes with scikit-learn

    with threadpool_limits(1):
        yield


def _sklearn(values: Floats, settings: Tsne) -> Any:
    from sklearn.manifold import TSNE

    return TSNE(
        perplexity=settings.perplexity,
        max_iter=settings.iterations,
        init=settings.init,
        random_state=settings.seed,
        n_jobs=1,
    ).fit_transform(values.astype(np.float32))


def _opentsne(values: Floats, settings: Tsne) -> Any:
    try:
        from openTSNE import TSNE  # type: ignore[import-not-found,unused-ignore]
    except ImportError as error:
        raise ConfigError("the engine opentsne needs the package openTSNE (pip install openTSNE).") from error
    kind = TSNE(
        perplexity=settings.perplexity,
        n_iter=settings.iterations - 250,
        initialization=settings.init,
        random_state=settings.seed,
        n_jobs=1,
    )
    return np.asarray(kind.fit(values))
