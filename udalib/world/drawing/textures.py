"""Tileable textures: per tile a mask that mixes in a second colour, and a grain that brightens and darkens."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

Tile = NDArray[np.float64]

SIDE = 64
"""Texels along a tile."""


@dataclass(frozen=True)
class Texture:
    """One surface.

    Attributes:
        mask: name of the pattern that mixes in the second colour, in every style.
        second: palette role of the second colour.
        grain: name of the brightness noise, scaled by a style's ``texture``.
        amplitude: of the grain, as a part of the brightness.
        metres: length of a tile's side (horizontal, vertical).
        photo_mask: a pattern that is there only in styles with texture, at their strength.
    """

    mask: str = "plain"
    second: str = "joint"
    grain: str = "fractal"
    amplitude: float = 0.0
    metres: tuple[float, float] = (6.4, 6.4)
    photo_mask: str = "plain"


TEXTURES: dict[str, Texture] = {
    "none": Texture(amplitude=0.06, metres=(3.2, 3.2)),
    "sky": Texture(),
    "terrain": Texture(grain="fractal", amplitude=0.34, metres=(8.0, 8.0), photo_mask="tufts", second="leaf_dark"),
    "hill": Texture(grain="leaf", amplitude=0.25, metres=(60.0, 60.0)),
    "ground": Texture(grain="grit", amplitude=0.22, metres=(4.0, 4.0)),
    "asphalt": Texture(grain="asphalt", amplitude=0.3, metres=(5.0, 5.0), photo_mask="cracks"),
    "slabs": Texture(grain="grit", amplitude=0.2, metres=(3.2, 3.2), photo_mask="slabs"),
    "plaster": Texture(grain="fractal", amplitude=0.22),
    "windows_grid": Texture(mask="windows_grid", second="window", grain="fractal", amplitude=0.2, metres=(6.0, 6.0)),
    "brick_windows": Texture(mask="windows_tall", second="window", grain="bricks", amplitude=0.5, metres=(5.0, 6.4)),
    "stone_windows": Texture(mask="windows_french", second="window", grain="fractal", amplitude=0.4, metres=(6.0, 7.0)),
    "shop": Texture(mask="shop", second="window", grain="streak", amplitude=0.4, metres=(5.0, 5.0)),
    "tiles": Texture(grain="tiles", amplitude=0.4, metres=(4.0, 4.0)),
    "blocks": Texture(mask="blocks", grain="fractal", amplitude=0.2, metres=(3.2, 3.2)),
    "bricks": Texture(grain="bricks", amplitude=0.5, metres=(3.0, 3.0)),
    "rubble": Texture(grain="rubble", amplitude=0.5, metres=(3.4, 3.4)),
    "planks": Texture(mask="planks", grain="streak", amplitude=0.2, metres=(2.4, 2.4)),
    "rails": Texture(mask="rails", second="terrain", grain="grit", amplitude=0.15, metres=(1.8, 2.0)),
    "leaf": Texture(grain="leaf", amplitude=0.62, metres=(2.6, 2.6)),
    "bark": Texture(grain="streak", amplitude=0.35, metres=(1.5, 1.5)),
    "cloth": Texture(grain="fractal", amplitude=0.35, metres=(1.6, 1.6)),
    "tarp": Texture(grain="folds", amplitude=0.3, metres=(5.0, 5.0)),
}
NUMBERS = {name: k for k, name in enumerate(TEXTURES)}


@cache
def bank() -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    """Flat tables (K * 64 * 64,) of masks (0..1), photo masks (0..1) and grains (mean 0, about -1..1)."""
    masks = [_MASKS[t.mask]() for t in TEXTURES.values()]
    photo = [_MASKS[t.photo_mask]() for t in TEXTURES.values()]
    grains = [_GRAINS[t.grain]() for t in TEXTURES.values()]
    tables = tuple(np.round(np.stack(tiles), 3).astype(np.float32).reshape(-1) for tiles in (masks, photo, grains))
    for table in tables:
        table.setflags(write=False)
    return tables[0], tables[1], tables[2]


def _noise(seed: int, cells: int) -> Tile:
    """Smooth tileable noise in -1..1: random values on ``cells`` x ``cells`` knots, blended linearly."""
    knots = np.random.Generator(np.random.PCG64(seed)).random((cells, cells)) * 2.0 - 1.0
    at = np.arange(SIDE) * (cells / SIDE)
    low = at.astype(np.int64)
    part = at - low
    high = (low + 1) % cells
    rows = knots[low] * (1.0 - part[:, None]) + knots[high] * part[:, None]
    return np.asarray(rows[:, low] * (1.0 - part) + rows[:, high] * part)


def _fractal() -> Tile:
    return 0.5 * _noise(1, 4) + 0.4 * _noise(2, 8) + 0.35 * _noise(3, 16) + 0.25 * _noise(4, 64)


def _asphalt() -> Tile:
    return 0.75 * _noise(5, 64) + 0.3 * _noise(6, 32) + 0.4 * _noise(7, 4)


def _grit() -> Tile:
    return 0.7 * _noise(8, 64) + 0.4 * _noise(9, 16)


def _leaf() -> Tile:
    return np.clip(1.3 * _noise(10, 16) + 0.9 * _noise(11, 32) + 0.3 * _noise(12, 64), -1.0, 1.0)


def _streak() -> Tile:
    return np.clip(0.9 * _noise(13, 32)[:1] + 0.3 * _noise(14, 16) + 0.2 * _noise(15, 64), -1.0, 1.0)


def _folds() -> Tile:
    column = np.abs(np.arange(SIDE) % 16 - 8) / 4.0 - 1.0
    return 0.8 * column[None] + 0.3 * _noise(16, 8)


def _courses(rows: int, columns: int, joint: int, seed: int, relief: float) -> Tile:
    """Bricks in courses: dark joints, and every brick with its own brightness."""
    y, x = np.divmod(np.arange(SIDE * SIDE), SIDE)
    height, width = SIDE // rows, SIDE // columns
    course = y // height
    shifted = (x + (course % 2) * (width // 2)) % SIDE
    tone = np.random.Generator(np.random.PCG64(seed)).random((rows, columns))[course, shifted // width] * 2.0 - 1.0
    edge = (y % height < joint) | (shifted % width < joint)
    return np.where(edge, -0.9, relief * tone + 0.15).reshape(SIDE, SIDE) + 0.2 * _noise(seed + 1, 64)


def _rubble() -> Tile:
    stones = _noise(20, 8) + 0.6 * _noise(21, 16)
    return np.clip(np.where(np.abs(stones) < 0.14, -0.9, 0.9 * stones) + 0.2 * _noise(22, 64), -1.0, 1.0)


def _plain() -> Tile:
    return np.zeros((SIDE, SIDE))


def _panes(columns: int, rows: int, x: tuple[float, float], y: tuple[float, float], bars: bool) -> Tile:
    """Grid of windows; ``x`` and ``y`` bound the pane in its cell, ``bars`` put a cross in it. Row 0 is the lowest."""
    py, px = (np.arange(SIDE) + 0.5) / SIDE * rows % 1.0, (np.arange(SIDE) + 0.5) / SIDE * columns % 1.0
    inside_y, inside_x = (py > y[0]) & (py < y[1]), (px > x[0]) & (px < x[1])
    tile = (inside_y[:, None] & inside_x[None]).astype(np.float64)
    if bars:
        tile[:, np.abs(px - 0.5 * (x[0] + x[1])) < 0.05] *= 0.35
        tile[np.abs(py - (y[0] + 0.66 * (y[1] - y[0]))) < 0.04] *= 0.35
    return tile


def _shop() -> Tile:
    tile = _panes(2, 2, (0.08, 0.92), (0.12, 0.95), True)
    return tile * (0.75 + 0.25 * _noise(30, 8))


def _blocks() -> Tile:
    return (_courses(4, 2, 3, 31, 0.0) < -0.6).astype(np.float64) * 0.5


def _planks() -> Tile:
    return np.broadcast_to((np.arange(SIDE) % 16 < 3).astype(np.float64)[None] * 0.8, (SIDE, SIDE)).copy()


def _rails() -> Tile:
    y, x = np.arange(SIDE), np.arange(SIDE)
    gaps = np.outer((y % 32 > 5), (x % 16 > 4)).astype(np.float64)
    return gaps * 0.75


def _cracks() -> Tile:
    line = _noise(33, 4) + 0.5 * _noise(34, 16)
    return (np.abs(line) < 0.035).astype(np.float64) * 0.7


def _slabs() -> Tile:
    y, x = np.arange(SIDE), np.arange(SIDE)
    joints: Tile = np.maximum(((y % 16) < 2)[:, None] * 0.8, ((x % 16) < 2)[None] * 0.8)
    return joints


def _tufts() -> Tile:
    return np.clip(1.5 * _noise(35, 16) + 0.6 * _noise(36, 64) - 0.3, 0.0, 0.9)


_GRAINS: dict[str, Callable[[], Tile]] = {
    "fractal": _fractal,
    "asphalt": _asphalt,
    "grit": _grit,
    "leaf": _leaf,
    "streak": _streak,
    "folds": _folds,
    "rubble": _rubble,
    "bricks": lambda: _courses(16, 8, 1, 17, 0.6),
    "tiles": lambda: _courses(8, 8, 2, 18, 0.5),
}
_MASKS: dict[str, Callable[[], Tile]] = {
    "plain": _plain,
    "shop": _shop,
    "blocks": _blocks,
    "planks": _planks,
    "rails": _rails,
    "cracks": _cracks,
    "slabs": _slabs,
    "tufts": _tufts,
    "windows_grid": lambda: _panes(2, 2, (0.2, 0.8), (0.25, 0.8), False),
    "windows_tall": lambda: _panes(2, 2, (0.32, 0.68), (0.2, 0.82), True),
    "windows_french": lambda: _panes(3, 2, (0.3, 0.7), (0.08, 0.78), True),
}
