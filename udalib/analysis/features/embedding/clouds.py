"""Point clouds whose shape is known, to see what t-SNE makes of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from udalib.core.errors import unknown_name
from udalib.core.seeding import numpy_generator

Floats = NDArray[np.float64]
DIMENSIONS = 20


@dataclass(frozen=True)
class Cloud:
    """A Gaussian ball in 20 dimensions.

    Attributes:
        share: of all points.
        width: standard deviation of each coordinate.
        place: of its centre along the first axis.
    """

    share: float
    width: float = 1.0
    place: float = 0.0


CLOUDS: Mapping[str, tuple[Cloud, ...]] = {
    "one cloud": (Cloud(1.0),),
    "a wide and a narrow one": (Cloud(0.5), Cloud(0.5, width=0.1, place=15.0)),
    "two near, one far": (Cloud(1 / 3), Cloud(1 / 3, place=15.0), Cloud(1 / 3, place=150.0)),
    "many and few": (Cloud(0.85), Cloud(0.15, place=15.0)),
}
"""Name -> clouds."""


def draw_clouds(name: str, points: int = 150, seed: int = 0) -> tuple[Floats, NDArray[np.int64]]:
    """Points (N, 20) of one entry of :data:`CLOUDS`, and the number (N,) of the cloud that each is from.

    Raises:
        UnknownNameError: no such entry.
    """
    if name not in CLOUDS:
        raise unknown_name("set of clouds", name, CLOUDS)
    random = numpy_generator("clouds", seed, name)
    counts = [round(cloud.share * points) for cloud in CLOUDS[name]]
    balls = [
        cloud.width * random.normal(size=(count, DIMENSIONS)) + cloud.place * np.eye(DIMENSIONS)[0]
        for cloud, count in zip(CLOUDS[name], counts, strict=True)
    ]
    return np.concatenate(balls), np.repeat(np.arange(len(counts), dtype=np.int64), counts)


def width_ratio(points: Any, groups: Any) -> float | None:
    """Widest over narrowest group of points (N, D), by root mean square distance to the centre; None for one group.

    >>> width_ratio([[0.0], [2.0], [10.0], [16.0]], [0, 0, 1, 1])
    3.0
    """
    values, ids = np.asarray(points, dtype=np.float64), np.asarray(groups)
    parts = [values[ids == g] for g in np.unique(ids)]
    widths = [np.sqrt(np.square(part - part.mean(axis=0)).sum(axis=1).mean()) for part in parts]
    return float(max(widths) / min(widths)) if len(widths) > 1 else None


def distance_ratio(points: Any, groups: Any) -> float | None:
    """Largest over smallest distance of two groups' centres; None for fewer than three groups.

    >>> distance_ratio([[0.0], [2.0], [8.0]], [0, 1, 2])
    4.0
    """
    values, ids = np.asarray(points, dtype=np.float64), np.asarray(groups)
    centres = np.stack([values[ids == g].mean(axis=0) for g in np.unique(ids)])
    apart = np.linalg.norm(centres[:, None] - centres[None], axis=2)[np.triu_indices(len(centres), 1)]
    return float(apart.max() / apart.min()) if len(centres) > 2 else None
