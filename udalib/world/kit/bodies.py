"""Pieces that vehicles are made of: extruded bodies, panels, wheels, lamps; the rear looks to -z, the front to +z."""

from __future__ import annotations

from collections.abc import Sequence

from udalib.world.kit.shapes import GROUND, Mould, Point, inset, wheel

Profile = Sequence[tuple[float, float]]
"""Corners (z, y) of a convex side view."""


def prism(
    mould: Mould, cls: int, role: str, profile: Profile, half_width: float, *, taper: float = 0.0, texture: str = "none"
) -> list[list[Point]]:
    """Extrude a side view over x; ``taper`` narrows it by so many metres for each metre of height.

    Returns the quad of every profile edge, for windows and lamps that lie on it.
    """
    floor = min(y for _, y in profile)

    def corner(side: int, z: float, y: float) -> Point:
        return (side * (half_width - taper * (y - floor)), y, z)

    n = len(profile)
    inside = (0.0, sum(y for _, y in profile) / n, sum(z for z, _ in profile) / n)
    for side in (-1, 1):
        mould.face(cls, role, [corner(side, z, y) for z, y in profile], inside, texture=texture)
    quads = []
    for i, (z1, y1) in enumerate(profile):
        z0, y0 = profile[i - 1]
        quad = [corner(-1, z0, y0), corner(1, z0, y0), corner(1, z1, y1), corner(-1, z1, y1)]
        quads.append(quad)
        if not (y0 == floor and y1 == floor):
            mould.face(cls, role, quad, inside, texture=texture)
    return quads


def glaze(mould: Mould, cls: int, quad: Sequence[Point], keep: float, inside: Point, role: str = "glass") -> None:
    """Put a pane on a face."""
    mould.face(cls, role, inset(quad, keep), inside)


def side_panel(
    mould: Mould,
    cls: int,
    role: str,
    half_width: float,
    zy: Profile,
    *,
    taper: float = 0.0,
    floor: float = 0.0,
    texture: str = "none",
) -> None:
    """Put a convex panel (z, y) on both sides of a body."""
    for side in (-1, 1):
        points = [(side * (half_width - taper * (y - floor)), y, z) for z, y in zy]
        mould.face(cls, role, points, (0.0, 1.0, sum(z for z, _ in zy) / len(zy)), texture=texture)


def end_panel(
    mould: Mould,
    cls: int,
    role: str,
    z: float,
    x0: float,
    x1: float,
    y0: float,
    y1: float,
    *,
    glow: float = 0.0,
    texture: str = "none",
) -> None:
    """Put a rectangle on the rear (z < 0) or the front (z > 0)."""
    points = [(x0, y0, z), (x1, y0, z), (x1, y1, z), (x0, y1, z)]
    mould.face(cls, role, points, (0.0, 1.0, 0.0), glow=glow, texture=texture)


def wheels(mould: Mould, cls: int, half_width: float, axles: Sequence[float], radius: float) -> None:
    """Discs on both sides, and treads seen from behind and in front."""
    for z in axles:
        for side in (-1, 1):
            mould.face(cls, "tyre", wheel(side * half_width, radius, z, radius), (0.0, radius, z))
            mould.face(cls, "hub", wheel(side * (half_width + 0.005), radius, z, 0.5 * radius), (0.0, radius, z))
    for z in (min(axles) - radius, max(axles) + radius):
        for side in (-1, 1):
            xs = sorted((side * half_width, side * (half_width - 0.28)))
            end_panel(mould, cls, "tyre", z, xs[0], xs[1], 0.0, 1.3 * radius)


def lamps(mould: Mould, cls: int, half_width: float, length: float, y: float, size: tuple[float, float]) -> None:
    """Tail lights at the rear, head lights in front."""
    for side in (-1, 1):
        for z, role, glow in ((-length / 2 - 0.01, "tail", 0.8), (length / 2 + 0.01, "head", 1.0)):
            xs = sorted((side * (half_width - 0.06), side * (half_width - 0.06 - size[0])))
            end_panel(mould, cls, role, z, xs[0], xs[1], y, y + size[1], glow=glow)


def shadow(mould: Mould, half_width: float, length: float) -> None:
    """Dark patch under a vehicle, of the class of the ground."""
    part = mould.part(GROUND, "shadow", texture="ground")
    w, n = half_width + 0.12, length / 2 + 0.15
    mould.polygon(part, [(-w, 0.0, -n), (w, 0.0, -n), (w, 0.0, n), (-w, 0.0, n)])
