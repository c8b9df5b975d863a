"""Houses, walls, fences and hedges.

Their front is at x = 0 (towards the street), they reach back to x = 1, are one metre long about z = 0 and one metre
high: the layout stretches them.
"""

from __future__ import annotations

from udalib.world.kit.shapes import Mould, Point, Shape

BUILDING = 2


_EAVES = {"flat": 1.0, "gable": 0.76, "front": 0.74, "stepped": 0.8, "mansard": 0.8}
_INSIDE = (0.5, 0.4, 0.0)


def house(*, texture: str, roof: str, shop: bool, chimney: bool = False) -> Shape:
    """House; ``roof`` is "flat", "stepped", "mansard", "gable" (ridge along the street) or "front" (gable to it)."""
    mould, eaves = Mould(), _EAVES[roof]
    _walls(mould, eaves, texture)
    if roof == "flat":
        _front(mould, "cornice", -0.02, 0.5, 0.97, 1.02)
    elif roof == "stepped":
        mould.box(BUILDING, "facade", (0.12, eaves, -0.3), (0.9, 1.0, 0.3), texture=texture, owner=0, faces="xzZ")
    else:
        {"gable": _gable, "front": _front_gable, "mansard": _mansard}[roof](mould, eaves)
    if chimney:
        mould.box(BUILDING, "cornice", (0.3, eaves, 0.2), (0.42, 1.1, 0.3), owner=0, faces="xzZ")
    if shop:
        _front(mould, "shop", -0.01, 0.44, 0.02, 0.2, texture="shop", glow=0.3)
        _front(mould, "awning", -0.012, 0.46, 0.2, 0.27)
    return mould.build()


def _front(
    mould: Mould, role: str, x: float, half: float, low: float, high: float, *, texture: str = "none", glow: float = 0.0
) -> None:
    """Upright rectangle that looks to the street."""
    points = [(x, low, -half), (x, low, half), (x, high, half), (x, high, -half)]
    mould.face(BUILDING, role, points, _INSIDE, owner=0, texture=texture, glow=glow)


def _gable(mould: Mould, eaves: float) -> None:
    _slope(mould, [(0.0, eaves, -0.5), (0.0, eaves, 0.5), (0.5, 1.0, 0.5), (0.5, 1.0, -0.5)])
    for z in (-0.5, 0.5):
        _pediment(mould, [(0.0, eaves, z), (1.0, eaves, z), (0.5, 1.0, z)])


def _front_gable(mould: Mould, eaves: float) -> None:
    _pediment(mould, [(0.0, eaves, -0.5), (0.0, eaves, 0.5), (0.0, 1.0, 0.0)])
    for z in (-0.5, 0.5):
        _slope(mould, [(-0.02, eaves, z), (1.0, eaves, z), (1.0, 1.0, 0.0), (-0.02, 1.0, 0.0)])


def _mansard(mould: Mould, eaves: float) -> None:
    _slope(mould, [(0.0, eaves, -0.5), (0.0, eaves, 0.5), (0.12, 1.0, 0.46), (0.12, 1.0, -0.46)])
    for z, end in ((-0.5, -0.46), (0.5, 0.46)):
        _slope(mould, [(0.0, eaves, z), (1.0, eaves, z), (0.88, 1.0, end), (0.12, 1.0, end)])


def _slope(mould: Mould, points: list[Point]) -> None:
    mould.face(BUILDING, "roof", points, _INSIDE, owner=0, texture="tiles")


def _pediment(mould: Mould, points: list[Point]) -> None:
    mould.face(BUILDING, "facade", points, _INSIDE, owner=0, texture="plaster")


def _walls(mould: Mould, eaves: float, texture: str) -> None:
    front = [(0.0, 0.0, -0.5), (0.0, 0.0, 0.5), (0.0, eaves, 0.5), (0.0, eaves, -0.5)]
    mould.face(BUILDING, "facade", front, _INSIDE, texture=texture, owner=0)
    for z in (-0.5, 0.5):
        side = [(0.0, 0.0, z), (1.0, 0.0, z), (1.0, eaves, z), (0.0, eaves, z)]
        mould.face(BUILDING, "facade", side, _INSIDE, texture=texture, owner=0)


def barrier(cls: int, role: str, *, texture: str, coping: bool) -> Shape:
    """Wall, fence or hedge, one metre in all directions; ``coping`` caps it with a ledge."""
    mould = Mould()
    low, high = (0.0, 0.0, -0.5), (1.0, 1.0, 0.5)
    mould.box(cls, role, low, high, texture=texture, owner=0, faces="xzZY")
    if coping:
        mould.box(cls, "coping", (-0.15, 0.93, -0.5), (1.1, 1.03, 0.5), owner=0, faces="xzZY")
    return mould.build()
