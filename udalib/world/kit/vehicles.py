"""Cars, trucks, buses, trains and two-wheelers as small solids; the rear looks to -z, the front to +z."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from udalib.world.kit.shapes import GROUND, Mould, Point, Shape, inset, wheel

CAR, TRUCK, BUS, TRAIN = 13, 14, 15, 16

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
            part = mould.face(cls, "tyre", wheel(side * half_width, radius, z, radius), (0.0, radius, z))
            del part
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


@dataclass(frozen=True)
class CarForm:
    """Side view of a car: lengths in metres from the rear bumper, heights above the road."""

    length: float
    width: float
    belt: float
    roof: float
    cabin: tuple[float, float, float, float]
    bonnet: float
    boot: float
    round: float = 0.0


def car(form: CarForm) -> Shape:
    """Passenger car after ``form``; ``round`` above 0 bevels the corners of the body."""
    mould, hw, half = Mould(), form.width / 2, form.length / 2
    shadow(mould, hw, form.length)
    wheels(mould, CAR, hw, (-half + 0.75, half - 0.8), 0.33)
    r = form.round
    body = [
        (-half, 0.28),
        (half, 0.28),
        (half, form.bonnet - 0.12 - r),
        (half - 0.1 - r, form.bonnet),
        (form.cabin[3] - half, form.belt),
        (form.cabin[0] - half, form.belt),
        (-half + 0.02 + r, form.boot),
        (-half, form.boot - 0.06 - r),
    ]
    prism(mould, CAR, "car", body, hw)
    end_panel(mould, CAR, "trim", -half - 0.005, -hw, hw, 0.28, 0.42)
    end_panel(mould, CAR, "trim", half + 0.005, -hw, hw, 0.28, 0.44)
    lamps(mould, CAR, hw, form.length, form.boot - 0.32 - r, (0.24 - r, 0.14 + r))
    end_panel(mould, CAR, "plate", -half - 0.012, -0.26, 0.26, 0.5, 0.62)
    b0, b1, b2, b3 = (z - half for z in form.cabin)
    cabin = [(b0, form.belt), (b3, form.belt), (b2, form.roof), (b1, form.roof)]
    quads = prism(mould, CAR, "car", cabin, hw - 0.04, taper=0.22)
    middle = (0.0, (form.belt + form.roof) / 2, (b0 + b3) / 2)
    for quad in (quads[2], quads[0]):
        glaze(mould, CAR, quad, 0.84, middle)
    y0, y1 = form.belt + 0.04, form.roof - 0.09
    pillar = (b1 + b2) / 2
    side_panel(
        mould,
        CAR,
        "glass",
        hw - 0.04,
        [(b0 + 0.22, y0), (pillar - 0.05, y0), (pillar - 0.05, y1), (b1 + 0.12, y1)],
        taper=0.22,
        floor=form.belt,
    )
    side_panel(
        mould,
        CAR,
        "glass",
        hw - 0.04,
        [(pillar + 0.05, y0), (b3 - 0.25, y0), (b2 - 0.1, y1), (pillar + 0.05, y1)],
        taper=0.22,
        floor=form.belt,
    )
    return mould.build()


def truck(*, length: float, height: float, cab: float, box_role: str, tarp: bool) -> Shape:
    """Lorry: a box behind a cab; ``tarp`` gives the box a curtain with ribs and a skirt."""
    mould, hw, half = Mould(), 1.2, length / 2
    shadow(mould, hw, length)
    wheels(mould, TRUCK, hw, (-half + 0.9, -half + 1.9, half - 1.2), 0.48)
    front = half - cab
    mould.box(TRUCK, "chassis", (-hw + 0.15, 0.45, -half + 0.05), (hw - 0.15, 0.95, half - 0.2), faces="xXzZ")
    mould.box(TRUCK, box_role, (-hw, 0.9, -half), (hw, height, front - 0.15), texture="tarp" if tarp else "none")
    end_panel(mould, TRUCK, "trim", -half - 0.01, -0.03, 0.03, 0.95, height - 0.08)
    end_panel(mould, TRUCK, "chassis", -half - 0.01, -hw, hw, 0.5, 0.72)
    for side in (-1, 1):
        xs = sorted((side * (hw - 0.05), side * (hw - 0.3)))
        end_panel(mould, TRUCK, "tail", -half - 0.02, xs[0], xs[1], 0.55, 0.7, glow=0.8)
    if tarp:
        side_panel(
            mould, TRUCK, "trim", hw + 0.01, [(-half, 0.9), (front - 0.15, 0.9), (front - 0.15, 1.15), (-half, 1.15)]
        )
    top = min(height - 0.5, 2.7)
    cab_profile = [(front, 0.5), (half, 0.5), (half, 1.5), (half - 0.25, top), (front, top)]
    quads = prism(mould, TRUCK, "cab", cab_profile, hw - 0.03)
    glaze(mould, TRUCK, quads[3], 0.82, (0.0, 1.5, front))
    side_panel(
        mould,
        TRUCK,
        "glass",
        hw - 0.02,
        [(front + 0.4, 1.5), (half - 0.15, 1.5), (half - 0.35, top - 0.2), (front + 0.4, top - 0.2)],
    )
    for side in (-1, 1):
        xs = sorted((side * (hw - 0.1), side * (hw - 0.45)))
        end_panel(mould, TRUCK, "head", half + 0.01, xs[0], xs[1], 0.75, 0.98, glow=1.0)
    return mould.build()


def bus(*, length: float, height: float, rounded: float, band: bool) -> Shape:
    """City bus: a row of windows, doors, and a lit destination board; ``band`` adds a stripe below the windows."""
    mould, hw, half = Mould(), 1.25, length / 2
    shadow(mould, hw, length)
    wheels(mould, BUS, hw, (-half + 2.2, half - 2.4), 0.48)
    r = rounded
    profile = [
        (-half, 0.35),
        (half, 0.35),
        (half, height - 0.3 - r),
        (half - 0.2 - r, height),
        (-half + 0.1 + r, height),
        (-half, height - 0.15 - r),
    ]
    prism(mould, BUS, "bus", profile, hw)
    sill, top = 1.35, height - 0.5
    n = max(3, int(length / 1.7))
    step = (length - 0.8) / n
    for i in range(n):
        z = -half + 0.4 + i * step
        side_panel(
            mould,
            BUS,
            "glass",
            hw + 0.01,
            [(z + 0.08, sill), (z + step - 0.08, sill), (z + step - 0.08, top), (z + 0.08, top)],
        )
    if band:
        side_panel(mould, BUS, "stripe", hw + 0.01, [(-half, 0.85), (half, 0.85), (half, 1.2), (-half, 1.2)])
        end_panel(mould, BUS, "stripe", -half - 0.01, -hw, hw, 0.85, 1.2)
        end_panel(mould, BUS, "stripe", half + 0.01, -hw, hw, 0.85, 1.2)
    end_panel(mould, BUS, "glass", -half - 0.01, -0.95, 0.95, 1.5, height - 0.55 - r)
    end_panel(mould, BUS, "glass", half + 0.01, -1.1, 1.1, 1.25, height - 0.62 - r)
    end_panel(mould, BUS, "board", half + 0.02, -0.75, 0.75, height - 0.55 - r, height - 0.32 - r, glow=0.9)
    lamps(mould, BUS, hw, length, 0.6, (0.2, 0.34))
    return mould.build()


def train(*, length: float, height: float, nose: float, stripe: float, pantograph: bool) -> Shape:
    """Tram on rails in the street: long and narrow, raked nose, a stripe, an optional pantograph."""
    mould, hw, half = Mould(), 1.28, length / 2
    shadow(mould, hw, length)
    profile = [
        (-half + 0.2, 0.18),
        (half - 0.2, 0.18),
        (half, 0.6),
        (half - nose, height - 0.15),
        (half - nose - 0.5, height),
        (-half + nose + 0.5, height),
        (-half + nose, height - 0.15),
        (-half, 0.6),
    ]
    quads = prism(mould, TRAIN, "train", profile, hw)
    inside = (0.0, 1.5, 0.0)
    for quad in (quads[3], quads[7]):
        glaze(mould, TRAIN, inset(quad, 0.94, 0.12), 0.78, inside)
    side_panel(
        mould,
        TRAIN,
        "stripe",
        hw + 0.005,
        [(-half + 0.35, 0.62), (half - 0.35, 0.62), (half - 0.4, 0.62 + stripe), (-half + 0.4, 0.62 + stripe)],
    )
    n = max(4, int(length / 1.9))
    step = (length - 3.2) / n
    for i in range(n):
        z = -half + 1.6 + i * step
        door = i % 3 == 1
        low = 0.75 if door else 1.5
        side_panel(
            mould,
            TRAIN,
            "glass",
            hw + 0.01,
            [(z + 0.06, low), (z + step - 0.06, low), (z + step - 0.06, height - 0.62), (z + 0.06, height - 0.62)],
        )
    for z in (-half - 0.01, half + 0.01):
        end_panel(mould, TRAIN, "stripe", z, -hw, hw, 0.55, 0.78)
        for side in (-1, 1):
            xs = sorted((side * 0.75, side * 1.05))
            end_panel(mould, TRAIN, "head" if z > 0 else "tail", z * 1.001, xs[0], xs[1], 0.8, 1.02, glow=0.9)
    if pantograph:
        arm = mould.part(TRAIN, "trim", owner=1)
        mould.polygon(
            arm, [(-0.5, height, 0.0), (-0.42, height, 0.0), (0.3, height + 0.9, 0.0), (0.2, height + 0.9, 0.0)]
        )
        mould.polygon(
            arm,
            [
                (-0.7, height + 0.86, 0.0),
                (0.7, height + 0.86, 0.0),
                (0.7, height + 0.94, 0.0),
                (-0.7, height + 0.94, 0.0),
            ],
        )
    return mould.build()
