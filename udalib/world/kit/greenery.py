"""Trees and shrubs: flat figures in the plane z = 0, lengths in metres."""

from __future__ import annotations

import numpy as np

from udalib.world.kit.shapes import GROUND, Mould, Shape, ring

VEGETATION = 8


def tree(*, form: str, seed: int) -> Shape:
    """Tree of about 5 m: "ball" and "cone" are clean game shapes, "broad", "poplar" and "bare" are irregular."""
    mould, rng = Mould(), np.random.Generator(np.random.PCG64(seed))
    shade = mould.part(GROUND, "shadow", texture="ground")
    mould.polygon(shade, [(x, 0.0, 0.4 * z) for x, z in ring(0.0, 0.0, 0.7, 0.7)])
    trunk = mould.part(VEGETATION, "trunk", texture="bark")
    fork = {"ball": 2.2, "cone": 0.9, "broad": 2.0, "poplar": 0.8, "bare": 2.0}[form]
    mould.flat(trunk, [(-0.16, 0.0), (0.16, 0.0), (0.1, fork + 0.4), (-0.1, fork + 0.4)])
    if form == "cone":
        for k, role in enumerate(("leaf", "leaf_light", "leaf")):
            tier = mould.part(VEGETATION, role, texture="leaf")
            y, w = 0.8 + 1.25 * k, 1.5 - 0.4 * k
            mould.flat(tier, [(-w, y), (w, y), (0.0, y + 2.0)])
    elif form == "ball":
        mould.flat(mould.part(VEGETATION, "leaf", texture="leaf"), ring(0.0, 3.6, 1.6, 1.6, corners=16))
        mould.flat(mould.part(VEGETATION, "leaf_light", texture="leaf"), ring(-0.4, 4.0, 0.9, 0.85))
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
            mould.flat(part, [(round(x, 4), round(h, 4)) for x, h in blob])


def _branches(mould: Mould, rng: np.random.Generator, fork: float) -> None:
    """Leafless crown: a thin veil of twigs drawn as slim wedges."""
    part = mould.part(VEGETATION, "trunk", texture="bark")
    for k in range(9):
        side = (k - 4) / 4
        x, y = 1.7 * side, 4.9 - 1.1 * abs(side) + 0.4 * float(rng.random())
        mould.flat(
            part,
            [
                (-0.09, fork),
                (0.09, fork + 0.1),
                (round(x + 0.07, 4), round(y, 4)),
                (round(x - 0.07, 4), round(y, 4)),
            ],
        )
    veil = mould.part(VEGETATION, "twigs", texture="leaf")
    mould.flat(veil, ring(0.0, 4.0, 1.25, 0.9))


def bush(seed: int) -> Shape:
    """Low shrub of about one metre."""
    mould, rng = Mould(), np.random.Generator(np.random.PCG64(seed))
    for role, n in (("leaf_dark", 3), ("leaf", 3)):
        part = mould.part(VEGETATION, role, texture="leaf")
        for _ in range(n):
            x, radius = round(1.2 * float(rng.random()) - 0.6, 4), round(0.35 + 0.25 * float(rng.random()), 4)
            mould.flat(part, ring(x, radius * 0.8, radius, radius * 0.85))
    return mould.build()
