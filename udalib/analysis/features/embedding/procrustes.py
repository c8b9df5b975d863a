"""One set of points turned onto another: the alignment that makes two embeddings comparable."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from udalib.core.errors import DataError

Floats = NDArray[np.float64]


class Alignment(NamedTuple):
    """What :func:`procrustes` finds.

    Attributes:
        aligned: (N, D), the moved points in the coordinates of the fixed ones.
        residual: part of the shape that no turning explains, in [0, 1]: 0 the same shape, 1 nothing in common. It is
            1 - (sum of singular values)^2 of the product of both, each centred and scaled to length 1.
        rotation: (D, D), a reflection allowed.
        scale: factor.
    """

    aligned: Floats
    residual: float
    rotation: Floats
    scale: float


def procrustes(moving: Any, fixed: Any, *, scaling: bool = True) -> Alignment:
    """Shift, turn (or mirror) and, with ``scaling``, scale points (N, D) onto ``fixed`` (N, D) in least squares.

    Schönemann, "A generalized solution of the orthogonal Procrustes problem", Psychometrika 31, 1966; the residual is
    the "disparity" of ``scipy.spatial.procrustes``, whether ``scaling`` or not.

    Raises:
        DataError: unlike shapes, or points that all coincide.
    """
    source, target = np.asarray(moving, dtype=np.float64), np.asarray(fixed, dtype=np.float64)
    if source.shape != target.shape or source.ndim != 2:
        raise DataError(f"points of shape {source.shape} cannot be turned onto those of shape {target.shape}.")
    middle = target.mean(axis=0)
    source, target = source - source.mean(axis=0), target - middle
    lengths = np.linalg.norm(source), np.linalg.norm(target)
    if not min(lengths) > 0:
        raise DataError("points that all coincide have no shape to align.")
    left, singular, right = np.linalg.svd(source.T @ target)
    rotation = left @ right
    scale = float(singular.sum() / lengths[0] ** 2) if scaling else 1.0
    residual = max(0.0, 1.0 - float(singular.sum() / (lengths[0] * lengths[1])) ** 2)
    return Alignment(scale * source @ rotation + middle, residual, rotation, scale)
