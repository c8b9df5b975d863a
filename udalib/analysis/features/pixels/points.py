"""Pixel features and where they come from: the same cells of the same images for every run and layer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from udalib.core.errors import DataError
from udalib.data.labels import LabelSpace

Floats = NDArray[Any]
Ints = NDArray[np.int64]
Key = tuple[str, str]
"""(run, layer)."""


class Shown(NamedTuple):
    """An image that points lie in: ``image`` (3, H', W') as it was read, ``size`` (H, W) of its label."""

    name: str
    image: Tensor
    size: tuple[int, int]


class Answers(NamedTuple):
    """What a run says of the points: predicted train ids (N,) and their confidence (N,) in [0, 1]."""

    predicted: Ints
    confidence: Floats


@dataclass(frozen=True)
class Points:
    """Where the N points lie.

    Attributes:
        domain: (N,) number of the domain.
        image: (N,) number of the image.
        box: (N, 4) top, bottom, left, right in pixels of the label, the ends not included.
        label: (N,) train id that the whole cell shows.
    """

    domain: Ints
    image: Ints
    box: Ints
    label: Ints

    def __len__(self) -> int:
        return len(self.label)


@dataclass(frozen=True)
class PixelFeatures:
    """Features of the same points in every layer of every run.

    Attributes:
        space: of the train ids.
        domains: their names, by number.
        images: by number.
        points: N of them.
        vectors: (run, layer) -> float32 (N, C).
        answers: run -> its predictions: the soft-max is averaged over the cell.
        short: classes with fewer points than were asked for.
        left_out: train id -> pure cells found in each domain, of classes with too few.
        scores: run -> mIoU in percent on the last domain's evaluation, where the run recorded it.
    """

    space: LabelSpace
    domains: tuple[str, ...]
    images: tuple[Shown, ...]
    points: Points
    vectors: Mapping[Key, Floats]
    answers: Mapping[str, Answers]
    short: tuple[int, ...] = ()
    left_out: Mapping[int, tuple[int, ...]] = field(default_factory=dict)
    scores: Mapping[str, float] = field(default_factory=dict)

    @property
    def runs(self) -> tuple[str, ...]:
        """Names of the runs."""
        return tuple(dict.fromkeys(run for run, _ in self.vectors))

    @property
    def layers(self) -> tuple[str, ...]:
        """Names of the layers."""
        return tuple(dict.fromkeys(layer for _, layer in self.vectors))

    @property
    def classes(self) -> tuple[int, ...]:
        """Train ids of the points, ascending."""
        return tuple(np.unique(self.points.label).tolist())

    def wrong(self, run: str) -> NDArray[np.bool_]:
        """Where ``run`` predicts another class than the label, (N,)."""
        return np.asarray(self.answers[run].predicted != self.points.label)

    def rows(self) -> Iterator[dict[str, Any]]:
        """Everything that is known of each point in each layer of each run, one dictionary each."""
        points, names = self.points, self.space.names
        for run, layer in self.vectors:
            predicted, confidence = self.answers[run]
            for n in range(len(points)):
                yield {
                    "run": run,
                    "layer": layer,
                    "point": n,
                    "domain": self.domains[points.domain[n]],
                    "image": self.images[points.image[n]].name,
                    **dict(zip(("top", "bottom", "left", "right"), points.box[n].tolist(), strict=True)),
                    "class": names[points.label[n]],
                    "predicted": names[predicted[n]],
                    "confidence": float(confidence[n]),
                }


def check_finite(vectors: Floats, run: str, layer: str) -> None:
    """Refuse features with NaN or infinity: they would spoil every distance.

    Raises:
        DataError: says of which run and layer, and how many.
    """
    bad = int((~np.isfinite(vectors)).any(axis=1).sum())
    if bad:
        raise DataError(
            f"{bad} of {len(vectors)} points of the layer {layer!r} of {run} hold NaN or infinity; the training "
            "diverged, or a half precision overflowed: look at the run's log, or at an earlier layer."
        )
