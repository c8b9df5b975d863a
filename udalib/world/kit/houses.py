"""Houses, walls, fences and hedges.

Their front is at x = 0 (towards the street), they reach back to x = 1, are one metre long about z = 0 and one metre
high: the layout stretches them.
"""

from __future__ import annotations

from udalib.world.kit.shapes import Mould, Shape

BUILDING = 2


def house(*, texture: str, roof: str, shop: bool, chimney: bool = False) -> Shape:
    """House; ``roof`` is "flat", "stepped", "mansard", "gable" (ridge along the street) or "front" (gable to it)."""
    mould = Mould()
    eaves = {"flat": 1.0, "gable": 0.76, "front": 0.74, "stepped": 0.8, "mansard": 0.8}[roof]
    _walls(mould, eaves, texture)
    inside = (0.5, 0.4, 0.0)
    if roof == "flat":
        mould.face(
            BUILDING,
            "cornice",
            [(-0.02, 0.97, -0.5), (-0.02, 0.97, 0.5), (-0.02, 1.02, 0.5), (-0.02, 1.02, -0.5)],
            inside,
            owner=0,
        )
    if roof == "gable":
        mould.face(
            BUILDING,
            "roof",
            [(0.0, eaves, -0.5), (0.0, eaves, 0.5), (0.5, 1.0, 0.5), (0.5, 1.0, -0.5)],
            inside,
            owner=0,
            texture="tiles",
        )
        for z in (-0.5, 0.5):
            mould.face(
                BUILDING,
                "facade",
                [(0.0, eaves, z), (1.0, eaves, z), (0.5, 1.0, z)],
                inside,
                owner=0,
                texture="plaster",
            )
    if roof == "front":
        mould.face(
            BUILDING,
            "facade",
            [(0.0, eaves, -0.5), (0.0, eaves, 0.5), (0.0, 1.0, 0.0)],
            inside,
            owner=0,
            texture="plaster",
        )
        for z in (-0.5, 0.5):
            mould.face(
                BUILDING,
                "roof",
                [(-0.02, eaves, z), (1.0, eaves, z), (1.0, 1.0, 0.0), (-0.02, 1.0, 0.0)],
                inside,
                owner=0,
                texture="tiles",
            )
    if roof == "stepped":
        mould.box(BUILDING, "facade", (0.12, eaves, -0.3), (0.9, 1.0, 0.3), texture=texture, owner=0, faces="xzZ")
    if roof == "mansard":
        quad = [(0.0, eaves, -0.5), (0.0, eaves, 0.5), (0.12, 1.0, 0.46), (0.12, 1.0, -0.46)]
        mould.face(BUILDING, "roof", quad, inside, owner=0, texture="tiles")
        for z, end in ((-0.5, -0.46), (0.5, 0.46)):
            mould.face(
                BUILDING,
                "roof",
                [(0.0, eaves, z), (1.0, eaves, z), (0.88, 1.0, end), (0.12, 1.0, end)],
                inside,
                owner=0,
                texture="tiles",
            )
    if chimney:
        mould.box(BUILDING, "cornice", (0.3, eaves, 0.2), (0.42, 1.1, 0.3), owner=0, faces="xzZ")
    if shop:
        front = [(-0.01, 0.02, -0.44), (-0.01, 0.02, 0.44), (-0.01, 0.2, 0.44), (-0.01, 0.2, -0.44)]
        mould.face(BUILDING, "shop", front, inside, owner=0, texture="shop", glow=0.3)
        awning = [(-0.012, 0.2, -0.46), (-0.012, 0.2, 0.46), (-0.012, 0.27, 0.46), (-0.012, 0.27, -0.46)]
        mould.face(BUILDING, "awning", awning, inside, owner=0)
    return mould.build()


def _walls(mould: Mould, eaves: float, texture: str) -> None:
    inside = (0.5, 0.4, 0.0)
    front = [(0.0, 0.0, -0.5), (0.0, 0.0, 0.5), (0.0, eaves, 0.5), (0.0, eaves, -0.5)]
    mould.face(BUILDING, "facade", front, inside, texture=texture, owner=0)
    for z in (-0.5, 0.5):
        side = [(0.0, 0.0, z), (1.0, 0.0, z), (1.0, eaves, z), (0.0, eaves, z)]
        mould.face(BUILDING, "facade", side, inside, texture=texture, owner=0)


def barrier(cls: int, role: str, *, texture: str, coping: bool) -> Shape:
    """Wall, fence or hedge, one metre in all directions; ``coping`` caps it with a ledge."""
    mould = Mould()
    low, high = (0.0, 0.0, -0.5), (1.0, 1.0, 0.5)
    mould.box(cls, role, low, high, texture=texture, owner=0, faces="xzZY")
    if coping:
        mould.box(cls, "coping", (-0.15, 0.93, -0.5), (1.1, 1.03, 0.5), owner=0, faces="xzZY")
    return mould.build()
