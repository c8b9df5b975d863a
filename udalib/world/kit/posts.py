"""Lamp posts, traffic lights and signs: flat figures in the plane z = 0, lengths in metres."""

from __future__ import annotations

from udalib.world.kit.shapes import Flat, Mould, Shape, ring

POLE, LIGHT, SIGN = 5, 6, 7


def _post(mould: Mould, height: float, width: float, role: str = "pole") -> None:
    part = mould.part(POLE, role)
    w = width / 2
    mould.flat(part, [(-w, 0.0), (w, 0.0), (w, height), (-w, height)])


def lamp_post(*, height: float, arm: float, width: float, ball: bool) -> Shape:
    """Street lamp with an arm over the road (towards -x), or a park lamp with a ball on top."""
    mould = Mould()
    _post(mould, height, width)
    if ball:
        mould.flat(mould.part(POLE, "lamp", glow=1.0), ring(0.0, height + 0.2, 0.27, 0.3))
        return mould.build()
    part = mould.part(POLE, "pole")
    mould.flat(part, [(-arm, height - 0.16), (0.1, height - 0.26), (0.1, height), (-arm, height + 0.06)])
    mould.flat(
        mould.part(POLE, "lamp", glow=1.0),
        [
            (-arm - 0.5, height - 0.2),
            (-arm, height - 0.2),
            (-arm, height + 0.08),
            (-arm - 0.5, height + 0.04),
        ],
    )
    return mould.build()


def traffic_light(*, height: float, width: float, lit: int, plate: bool, arm: float = 0.0) -> Shape:
    """Signal head on a post; ``lit`` is 0 red, 1 amber, 2 green; a ``plate`` backs it, an ``arm`` holds another."""
    mould = Mould()
    _post(mould, height, width)
    heads = [0.0] if arm == 0.0 else [0.0, -arm]
    if arm:
        boom = mould.part(POLE, "pole")
        mould.flat(
            boom,
            [(-arm, height - 0.1), (0.0, height - 0.1), (0.0, height + 0.1), (-arm, height + 0.1)],
        )
    colours = ("red_lamp", "amber_lamp", "green_lamp")
    for x in heads:
        if plate:
            _rectangle(mould, LIGHT, "light_plate", x, height - 0.15, 0.5, 0.85)
        _rectangle(mould, LIGHT, "light_box", x, height - 0.15, 0.3, 0.68)
        for k, role in enumerate(colours):
            on = k == lit
            lamp = mould.part(LIGHT, role if on else "dark_lamp", glow=1.0 if on else 0.0)
            mould.flat(lamp, ring(x, height + 0.27 - 0.42 * k, 0.17, 0.17))
    return mould.build()


def _rectangle(mould: Mould, cls: int, role: str, x: float, y: float, half_w: float, half_h: float) -> None:
    points: list[Flat] = [
        (x - half_w, y - half_h),
        (x + half_w, y - half_h),
        (x + half_w, y + half_h),
        (x - half_w, y + half_h),
    ]
    mould.flat(mould.part(cls, role), points)


def sign(*, form: str, height: float, radius: float, width: float) -> Shape:
    """Traffic sign on a post: "square", "diamond", "triangle", "disc", "ring" (bordered) or "board" (direction)."""
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
            (-radius, y - radius),
            (radius, y - radius),
            (radius, y + radius),
            (-radius, y + radius),
        ],
        "diamond": ring(0.0, y, 1.25 * radius, 1.25 * radius, corners=4),
        "triangle": [(-1.2 * radius, y - radius), (1.2 * radius, y - radius), (0.0, y + 1.1 * radius)],
        "disc": ring(0.0, y, radius, radius, corners=16),
        "ring": ring(0.0, y, radius, radius, corners=16),
    }
    mould.flat(mould.part(SIGN, outline), shapes[form])
    scale = 0.55 if core == "sign_core" else 0.3
    centre = y - (0.25 * radius if form == "triangle" else 0.0)
    mould.flat(mould.part(SIGN, core), [(scale * px, centre + scale * (py - centre)) for px, py in shapes[form]])
    return mould.build()
