"""Convex polygons to a map of part numbers, all polygons of a picture at once.

Corners are quantised to 1/256 pixel before anything is decided, and only IEEE additions, multiplications and
divisions follow: the map is the same, pixel for pixel, on every machine.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_GRID = 256.0
_LIMIT = 1.0e6


def quantise(pixels: Floats) -> Floats:
    """Round pixel coordinates to 1/256 pixel, cut off at a million pixels."""
    rounded: Floats = np.rint(np.minimum(np.maximum(pixels, -_LIMIT), _LIMIT) * _GRID) / _GRID
    return rounded


def fill(
    out: NDArray[np.uint16], x: Floats, y: Floats, following: Ints, rank: Ints, values: NDArray[np.uint16]
) -> None:
    """Paint convex polygons into ``out`` (H, W), a later rank over an earlier one.

    Args:
        out: map that is painted in place.
        x: (N,) horizontal pixel coordinate of every corner, quantised; pixel i covers [i, i + 1).
        y: (N,) vertical pixel coordinate.
        following: (N,) index of the next corner of the same polygon.
        rank: (N,) position of the corner's polygon in the painter's order, far to near.
        values: (P,) what the polygon of each rank writes.
    """
    height, width = out.shape
    x1, y1 = x[following], y[following]
    first = np.clip(np.ceil(np.minimum(y, y1) - 0.5), 0, height).astype(np.int64)
    rows = np.clip(np.ceil(np.maximum(y, y1) - 0.5), 0, height).astype(np.int64) - first
    crossing = np.flatnonzero(rows > 0)
    if crossing.size == 0:
        return
    slope = (x1[crossing] - x[crossing]) / (y1[crossing] - y[crossing])
    start = x[crossing] + (0.5 - y[crossing]) * slope
    downwards = y1[crossing] > y[crossing]
    first, rows, key = first[crossing], rows[crossing], rank[crossing] * height

    down = np.flatnonzero(downwards)
    down = down[np.argsort(key[down], kind="stable")]
    up = np.flatnonzero(~downwards)
    keys, x_down = _crossings(down, first, rows, key, start, slope)
    keys_up, x_up = _crossings(up, first, rows, key, start, slope)
    # A closed outline crosses a row upwards as often as downwards, so each slot that is read has been written.
    other = np.empty(values.size * height)
    other[keys_up] = x_up
    _write_spans(out.reshape(-1), width, height, keys, x_down, other[keys], values)


def _crossings(edges: Ints, first: Ints, rows: Ints, key: Ints, start: Floats, slope: Floats) -> tuple[Ints, Floats]:
    """Where each edge crosses the centres of its rows: (rank * height + row, x), edge after edge."""
    n = rows[edges]
    ends = np.cumsum(n)
    row = np.arange(ends[-1]) - np.repeat(ends - n - first[edges], n)
    x = np.repeat(start[edges], n) + row * np.repeat(slope[edges], n)
    return np.repeat(key[edges], n) + row, x


def _write_spans(
    flat: NDArray[np.uint16], width: int, height: int, keys: Ints, xa: Floats, xb: Floats, values: NDArray[np.uint16]
) -> None:
    """Write every span in order; where spans overlap NumPy's assignment leaves the last one."""
    begin = np.clip(np.ceil(np.minimum(xa, xb) - 0.5), 0, width).astype(np.int64)
    count = np.clip(np.ceil(np.maximum(xa, xb) - 0.5), 0, width).astype(np.int64) - begin
    some = np.flatnonzero(count > 0)
    if some.size == 0:
        return
    keys, count = keys[some], count[some]
    rank, row = np.divmod(keys, height)
    ends = np.cumsum(count)
    pixel = np.repeat(row * width + begin[some] - (ends - count), count)
    pixel += np.arange(ends[-1])
    flat[pixel] = np.repeat(values[rank], count)


def clip_near(corners: list[tuple[float, float, float]], near: float) -> list[tuple[float, float, float]]:
    """Cut a convex polygon in camera coordinates at the plane z = ``near`` (Sutherland and Hodgman, one plane)."""
    kept: list[tuple[float, float, float]] = []
    for i, (x, y, z) in enumerate(corners):
        px, py, pz = corners[i - 1]
        if (z >= near) != (pz >= near):
            t = (near - pz) / (z - pz)
            kept.append((px + t * (x - px), py + t * (y - py), near))
        if z >= near:
            kept.append((x, y, z))
    return kept
