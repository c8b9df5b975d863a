"""Everything that the pictures of features need: points, coordinates and measures, for each layer of each run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from udalib.analysis.features.embedding.procrustes import procrustes
from udalib.analysis.features.embedding.tsne import Tsne, principal, shared_tsne, tsne
from udalib.analysis.features.measuring.correlation import Correlation, correlate
from udalib.analysis.features.measuring.table import measures_of
from udalib.analysis.features.pixels.points import Key, PixelFeatures
from udalib.core.seeding import numpy_generator

Floats = NDArray[np.float64]
How = Literal["shared", "separate"]


@dataclass(frozen=True)
class Atlas:
    """Pixel features with their pictures.

    Attributes:
        features: what is shown.
        coordinates: (run, layer) -> (N, 2).
        measures: (run, layer) -> name -> number, see :data:`udalib.analysis.features.MEASURES`.
        settings: of t-SNE.
        how: "shared": one embedding a layer over all runs; "separate": one each, turned onto the first run's.
        residual: (run, layer) -> what the turning left, in [0, 1]; empty if shared.
    """

    features: PixelFeatures
    coordinates: Mapping[Key, Floats]
    measures: Mapping[Key, Mapping[str, float | None]]
    settings: Tsne
    how: How
    residual: Mapping[Key, float]

    def rows(self) -> Iterator[dict[str, Any]]:
        """Rows of :meth:`PixelFeatures.rows` with the coordinates ``x`` and ``y``."""
        for row in self.features.rows():
            x, y = self.coordinates[row["run"], row["layer"]][row["point"]].tolist()
            yield {**row, "x": x, "y": y}

    def correlations(self, layer: str, seed: int = 0) -> dict[str, Correlation]:
        """Rank correlation of each measure in ``layer`` with the target mIoU, over the runs that have one."""
        measured = {run: self.measures[run, layer] for run in self.features.runs}
        return correlate(measured, self.features.scores, numpy_generator("correlation", seed, layer))


def make_atlas(features: PixelFeatures, settings: Tsne = Tsne(), *, how: How = "shared") -> Atlas:  # noqa: B008 (immutable)
    """Embed and measure every layer of every run.

    A shared embedding lets a class be followed from run to run, and lets the runs push each other about; separate ones
    show each run as it is alone, and only their turning is comparable. Look at both before believing either.

    Raises:
        DataError: too few points for the perplexity or for a measure.
    """
    coordinates: dict[Key, Floats] = {}
    residual: dict[Key, float] = {}
    for layer in features.layers:
        vectors = {run: features.vectors[run, layer] for run in features.runs}
        if how == "shared":
            coordinates |= {(run, layer): found for run, found in shared_tsne(vectors, settings).items()}
            continue
        pictures = {run: tsne(principal(each, settings.components), settings) for run, each in vectors.items()}
        turned = {run: procrustes(each, pictures[features.runs[0]]) for run, each in pictures.items()}
        coordinates |= {(run, layer): each.aligned for run, each in turned.items()}
        residual |= {(run, layer): each.residual for run, each in turned.items()}
    measured = {key: measures_of(features, *key) for key in features.vectors}
    ordered = {key: coordinates[key] for key in features.vectors}
    return Atlas(features, ordered, measured, settings, how, residual)
