"""Houses, walls, fences, hedges, trees, poles, traffic lights and signs.

Side structures have their front at x = 0 (towards the street), reach back to x = 1, are one metre long about z = 0 and one
metre high: the layout stretches them. Everything else comes in metres.
"""

from __future__ import annotations

import numpy as np

from udalib.world.kit.shapes import GROUND, Mould, Point, Shape, ring

BUILDING, WALL, FENCE, POLE, LIGHT, SIGN, VEGETATION = 2, 3, 4, 5, 6, 7, 8


def house(*, texture: str, roof: str, shop: bool, chimney: bool = False) -> Shape:
    """House front with side walls; ``roof`` is "flat", "gable" (ridge along the street), "front" (gable to the street)."""
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
        mould.face(BUILDING, "shop", front, inside, owner=0, texture="shop", glow=0.5)
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


def tree(*, form: str, seed: int) -> Shape:
    """Tree of about 5 m: "ball" and "cone" are clean game shapes, "broad", "poplar" and "bare" are irregular."""
    mould, rng = Mould(), np.random.Generator(np.random.PCG64(seed))
    shade = mould.part(GROUND, "shadow", texture="ground")
    mould.polygon(shade, [(x, 0.0, 0.4 * z) for x, z, _ in ring(0.0, 0.0, 0.7, 0.7)])
    trunk = mould.part(VEGETATION, "trunk", texture="bark")
    fork = {"ball": 2.2, "cone": 0.9, "broad": 2.0, "poplar": 0.8, "bare": 2.0}[form]
    mould.polygon(trunk, [(-0.16, 0.0, 0.0), (0.16, 0.0, 0.0), (0.1, fork + 0.4, 0.0), (-0.1, fork + 0.4, 0.0)])
    if form == "cone":
        for k, role in enumerate(("leaf", "leaf_light", "leaf")):
            tier = mould.part(VEGETATION, role, texture="leaf")
            y, w = 0.8 + 1.25 * k, 1.5 - 0.4 * k
            mould.polygon(tier, [(-w, y, 0.0), (w, y, 0.0), (0.0, y + 2.0, 0.0)])
    elif form == "ball":
        mould.polygon(mould.part(VEGETATION, "leaf", texture="leaf"), ring(0.0, 3.6, 1.6, 1.6, corners=16))
        mould.polygon(mould.part(VEGETATION, "leaf_light", texture="leaf"), ring(-0.4, 4.0, 0.9, 0.85))
    elif form == "bare":
        _branches(mould, rng, fork)
    else:
        _crown(mould, rng, form)
    return mould.build()


def _crown(mould: Mould, rng: np.random.Generator, form: str) -> None:
    """Heap of leafy blobs, darker ones behind."""
    width, bottom, top = (1.9, 2.0, 5.4) if form == "broad" else (0.75, 0.9, 6.2)
    for role, n, size in (("leaf_dark", 4, 0.5), ("leaf", 4, 0.45), ("leaf_light", 3, 0.3)):
        part = mould.part(VEGETATION, role, texture="leaf")
        for _ in range(n):
            t, u = rng.random(2)
            y = bottom + 0.5 + (top - bottom - 1.0) * t
            reach = width * (1.0 - abs(2 * t - 0.9) ** 2 * 0.5)
            radius = size * min(width, 1.3) * (0.8 + 0.6 * rng.random())
            blob = ring((2 * u - 1) * max(reach - radius, 0.1), y, radius, radius * (1.0 if form == "broad" else 1.5))
            mould.polygon(part, [(round(x, 4), round(h, 4), 0.0) for x, h, _ in blob])


def _branches(mould: Mould, rng: np.random.Generator, fork: float) -> None:
    """Leafless crown: a thin veil of twigs drawn as slim wedges."""
    part = mould.part(VEGETATION, "trunk", texture="bark")
    for k in range(9):
        side = (k - 4) / 4
        x, y = 1.7 * side, 4.9 - 1.1 * abs(side) + 0.4 * float(rng.random())
        mould.polygon(
            part,
            [
                (-0.09, fork, 0.0),
                (0.09, fork + 0.1, 0.0),
                (round(x + 0.07, 4), round(y, 4), 0.0),
                (round(x - 0.07, 4), round(y, 4), 0.0),
            ],
        )
    veil = mould.part(VEGETATION, "twigs", texture="leaf")
    mould.polygon(veil, ring(0.0, 4.0, 1.25, 0.9))


def bush(seed: int) -> Shape:
    """Low shrub of about one metre."""
    mould, rng = Mould(), np.random.Generator(np.random.PCG64(seed))
    for role, n in (("leaf_dark", 3), ("leaf", 3)):
        part = mould.part(VEGETATION, role, texture="leaf")
        for _ in range(n):
            x, radius = round(1.2 * float(rng.random()) - 0.6, 4), round(0.35 + 0.25 * float(rng.random()), 4)
            mould.polygon(part, ring(x, radius * 0.8, radius, radius * 0.85))
    return mould.build()


def _post(mould: Mould, height: float, width: float, role: str = "pole") -> None:
    part = mould.part(POLE, role)
    w = width / 2
    mould.polygon(part, [(-w, 0.0, 0.0), (w, 0.0, 0.0), (w, height, 0.0), (-w, height, 0.0)])


def lamp_post(*, height: float, arm: float, width: float, ball: bool) -> Shape:
    """Street lamp with an arm over the road (towards -x), or a park lamp with a ball on top."""
    mould = Mould()
    _post(mould, height, width)
    if ball:
        mould.polygon(mould.part(POLE, "lamp", glow=1.0), ring(0.0, height + 0.2, 0.27, 0.3))
        return mould.build()
    part = mould.part(POLE, "pole")
    mould.polygon(
        part, [(-arm, height - 0.16, 0.0), (0.1, height - 0.26, 0.0), (0.1, height, 0.0), (-arm, height + 0.06, 0.0)]
    )
    mould.polygon(
        mould.part(POLE, "lamp", glow=1.0),
        [
            (-arm - 0.5, height - 0.2, 0.0),
            (-arm, height - 0.2, 0.0),
            (-arm, height + 0.08, 0.0),
            (-arm - 0.5, height + 0.04, 0.0),
        ],
    )
    return mould.build()


def traffic_light(*, height: float, width: float, lit: int, plate: bool, arm: float = 0.0) -> Shape:
    """Signal head on a post, lamp ``lit`` (0 red, 1 amber, 2 green) on; ``plate`` backs it, ``arm`` hangs a second one."""
    mould = Mould()
    _post(mould, height, width)
    heads = [0.0] if arm == 0.0 else [0.0, -arm]
    if arm:
        boom = mould.part(POLE, "pole")
        mould.polygon(
            boom,
            [(-arm, height - 0.1, 0.0), (0.0, height - 0.1, 0.0), (0.0, height + 0.1, 0.0), (-arm, height + 0.1, 0.0)],
        )
    colours = ("red_lamp", "amber_lamp", "green_lamp")
    for x in heads:
        if plate:
            _rectangle(mould, LIGHT, "light_plate", x, height - 0.15, 0.5, 0.85)
        _rectangle(mould, LIGHT, "light_box", x, height - 0.15, 0.3, 0.68)
        for k, role in enumerate(colours):
            on = k == lit
            lamp = mould.part(LIGHT, role if on else "dark_lamp", glow=1.0 if on else 0.0)
            mould.polygon(lamp, ring(x, height + 0.27 - 0.42 * k, 0.17, 0.17))
    return mould.build()


def _rectangle(mould: Mould, cls: int, role: str, x: float, y: float, half_w: float, half_h: float) -> None:
    points: list[Point] = [
        (x - half_w, y - half_h, 0.0),
        (x + half_w, y - half_h, 0.0),
        (x + half_w, y + half_h, 0.0),
        (x - half_w, y + half_h, 0.0),
    ]
    mould.polygon(mould.part(cls, role), points)


def sign(*, form: str, height: float, radius: float, width: float) -> Shape:
    """Traffic sign on a post: "square", "diamond", "triangle", "disc", "ring" (bordered disc) or "board" (direction)."""
    mould = Mould()
    _post(mould, height, width)
    y = height - 0.1
    if form == "board":
        _rectangle(mould, SIGN, "sign_board", 0.0, y, 1.5 * radius, 0.72 * radius)
        _rectangle(mould, SIGN, "sign_ink", 0.1, y, 1.0 * radius, 0.16 * radius)
        return mould.build()
    outline, core = "sign", "sign_ink"
    if form in ("triangle", "ring"):
        outline, core = "sign_border", "sign_core"
    shapes = {
        "square": [
            (-radius, y - radius, 0.0),
            (radius, y - radius, 0.0),
            (radius, y + radius, 0.0),
            (-radius, y + radius, 0.0),
        ],
        "diamond": ring(0.0, y, 1.25 * radius, 1.25 * radius, corners=4),
        "triangle": [(-1.2 * radius, y - radius, 0.0), (1.2 * radius, y - radius, 0.0), (0.0, y + 1.1 * radius, 0.0)],
        "disc": ring(0.0, y, radius, radius, corners=16),
        "ring": ring(0.0, y, radius, radius, corners=16),
    }
    mould.polygon(mould.part(SIGN, outline), shapes[form])
    scale = 0.55 if core == "sign_core" else 0.3
    centre = y - (0.25 * radius if form == "triangle" else 0.0)
    mould.polygon(
        mould.part(SIGN, core), [(scale * px, centre + scale * (py - centre), 0.0) for px, py, _ in shapes[form]]
    )
    return mould.build()
