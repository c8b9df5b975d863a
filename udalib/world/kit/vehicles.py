"""Cars, trucks, buses and trains as small solids; lengths in metres, the rear looks to -z, the front to +z."""

from __future__ import annotations

from dataclasses import dataclass

from udalib.world.kit.bodies import end_panel, glaze, lamps, prism, shadow, side_panel, wheels
from udalib.world.kit.shapes import Mould, Shape, inset

CAR, TRUCK, BUS, TRAIN = 13, 14, 15, 16


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
    _train_windows(mould, hw + 0.01, length, height)
    for z in (-half - 0.01, half + 0.01):
        end_panel(mould, TRAIN, "stripe", z, -hw, hw, 0.55, 0.78)
        for side in (-1, 1):
            xs = sorted((side * 0.75, side * 1.05))
            end_panel(mould, TRAIN, "head" if z > 0 else "tail", z * 1.001, xs[0], xs[1], 0.8, 1.02, glow=0.9)
    if pantograph:
        _pantograph(mould, height)
    return mould.build()


def _train_windows(mould: Mould, half_width: float, length: float, height: float) -> None:
    """Windows along both sides, every third one a door."""
    n = max(4, int(length / 1.9))
    step = (length - 3.2) / n
    for i in range(n):
        z = 1.6 - length / 2 + i * step
        door = i % 3 == 1
        low = 0.75 if door else 1.5
        side_panel(
            mould,
            TRAIN,
            "glass",
            half_width,
            [(z + 0.06, low), (z + step - 0.06, low), (z + step - 0.06, height - 0.62), (z + 0.06, height - 0.62)],
        )


def _pantograph(mould: Mould, height: float) -> None:
    """Bent arm and contact bar across the roof."""
    arm = mould.part(TRAIN, "trim", owner=1)
    mould.flat(arm, [(-0.5, height), (-0.42, height), (0.3, height + 0.9), (0.2, height + 0.9)])
    low, high = height + 0.86, height + 0.94
    mould.flat(arm, [(-0.7, low), (0.7, low), (0.7, high), (-0.7, high)])
