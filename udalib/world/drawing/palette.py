"""Colours of the two looks: each role has as many colours in one as in the other, so that looks can be mixed."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

ROLES: dict[str, tuple[str, str]] = {
    # role: (colours of the game, colours of the photograph)
    "sky": ("5aa0ff 6eb4ff", "b4c8d8 a4b8cc"),
    "terrain": ("5cae46 74b84c", "8a7c5c 7a7048"),
    "hill": ("4f9a52 8d93b8 d2b78c", "7d8a86 8f9490 6f7c70"),
    "road": ("4a4a55 50505c", "8a8680 7c7a78"),
    "sidewalk": ("b9b2b4 c6bdb6", "7a5e54 6c625c"),
    "kerb": ("d8d4d0", "9c968c"),
    "marking": ("f4f4f0", "d8d4c8"),
    "rail": ("8a8c94", "5a5450"),
    "facade": ("d8a76a e2c79a 7a86a6 c06a4a d6d0c0 9aa4b8", "8a5240 9c7058 c8bca4 a89a88 6e6058 b8a070"),
    "window": ("3f66a8 35507c", "3a3c40 54585a"),
    "joint": ("8a8480", "4c443c"),
    "cornice": ("f0e4cc a0a0b0", "706458 847c74"),
    "roof": ("b0503c 70586c", "5c4038 4a4a50"),
    "shop": ("506cac 6c8cb8", "3c3a38 5c5040"),
    "awning": ("d83c3c 3c8c5c", "5a2c2c 2c443c"),
    "wall": ("a8a4b4 9a98ac", "a48c70 8c7a68"),
    "coping": ("c8c4d0", "7c746c"),
    "fence": ("8a5a34 a06c40", "3c4844 50544c"),
    "pole": ("a4a8b0 94989c", "3e4640 54504a"),
    "lamp": ("f8f4d8", "d8d0b4"),
    "light_box": ("24282c 2c3034", "3a3a2c 2c2c2c"),
    "light_plate": ("303438", "c8c4b8"),
    "dark_lamp": ("50504c", "24241f"),
    "red_lamp": ("ff3c30", "e85848"),
    "amber_lamp": ("ffc020", "e8b050"),
    "green_lamp": ("20f080", "78d8a8"),
    "sign": ("f8e010 ffb020", "3458a0 2c4c8c"),
    "sign_ink": ("303030 1c1c1c", "dcdcd8 d0d0d0"),
    "sign_border": ("f8e010", "b8342c"),
    "sign_core": ("f8f8f0", "e4e0d4"),
    "sign_board": ("f8e010 f0f0f0", "3c6c58 34589c"),
    "leaf": ("34a838 2c9440", "747434 8a6c30 60683c"),
    "leaf_light": ("58c850 48bc5c", "94884c a88440 7c8450"),
    "leaf_dark": ("268030 207838", "50542c 604c28 464e30"),
    "trunk": ("7c5430", "544a40"),
    "twigs": ("8c7040", "70665c"),
    "person": ("f0c8a0", "c89c84"),
    "skin": ("f4c8a0 b87c50", "c8987c 74503c"),
    "hair": ("3c2c20 e0c060", "2c2824 50463c"),
    "hat": ("e83838 3060e0", "4c4844 383c48"),
    "coat": ("e03c3c 3c78e8 f0c030 30b070 f0f0f0", "343840 4c4038 6c6458 3c4450 585c5c"),
    "sleeve": ("e05050 5088e8 e8c050 50b880 e0e0e0", "3c4044 54483c 6c6458 404854 545858"),
    "trousers": ("304080 605040 303438", "30343c 484440 5c564c"),
    "shoes": ("282828", "302c28"),
    "bag": ("a04828", "6c4c34"),
    "jersey": ("ff7a20 20d0e0 f050c0", "c8cc40 b85c30 485868"),
    "ride_trousers": ("202028 303050", "383838 2c3038"),
    "car": ("e02828 2858e0 f8d020 20a050 f4f4f4 e07020", "b4b6b8 2c2e32 60646a dcdcda 4c2424 2c3c54"),
    "glass": ("2c3c5c 344868", "3c4244 2c3030"),
    "tyre": ("181818", "242220"),
    "cycle_tyre": ("202020", "2a2826"),
    "hub": ("b0b4b8", "74746f"),
    "trim": ("303438", "2c2c2c"),
    "plate": ("f0f0e0", "c8c4a0"),
    "tail": ("ff2020", "b82c24"),
    "head": ("fff8d8", "e8e4d4"),
    "shadow": ("2c2c34", "3a3836"),
    "truck": ("ff8a20 f0f0f0 f0a040", "485c74 5c7060 8c8478"),
    "cab": ("f0f0f0 4068d0", "94342c 505c6c"),
    "chassis": ("303038", "302e2c"),
    "bus": ("f8c818 e8b010", "c8c4bc a8342c"),
    "stripe": ("f8f8f8", "5c7484"),
    "board": ("404858", "c88c30"),
    "train": ("3048c8 2c58d8", "b8493c c4b088"),
    "frame": ("e03030 2880e0", "34383c 504440"),
    "spokes": ("c8ccd0", "8c8a84"),
    "tank": ("e02020 20a0e0", "2c3034 70302c"),
}

_NAMES = list(ROLES)


def _rgb(text: str) -> list[tuple[int, int, int]]:
    return [(int(h[0:2], 16), int(h[2:4], 16), int(h[4:6], 16)) for h in text.split()]


@cache
def rows() -> dict[str, tuple[int, ...]]:
    """Role to the numbers of its rows in :func:`table`."""
    found: dict[str, tuple[int, ...]] = {}
    start = 0
    for name in _NAMES:
        n = max(len(side.split()) for side in ROLES[name])
        found[name] = tuple(range(start, start + n))
        start += n
    return found


@cache
def table(shift: float) -> NDArray[np.float32]:
    """(M, 3) colours on the 0..255 scale, mixed ``shift`` of the way from the game (0) to the photograph (1)."""
    mixed = blend(shift)
    mixed.setflags(write=False)
    return mixed


def blend(shift: float) -> NDArray[np.float32]:
    """As :func:`table`, for a ``shift`` that is used once: nothing is kept."""
    game, photograph = _ends()
    mixed: NDArray[np.float32] = ((1.0 - shift) * game + shift * photograph).astype(np.float32)
    return mixed


@cache
def _ends() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Both (M, 3) tables of colours."""
    ends = []
    for side in (0, 1):
        colours = []
        for name, numbers in rows().items():
            own = _rgb(ROLES[name][side])
            colours += [own[k % len(own)] for k in range(len(numbers))]
        ends.append(np.array(colours, dtype=np.float64))
    return ends[0], ends[1]
