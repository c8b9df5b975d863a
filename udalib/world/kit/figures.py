"""People, and people on two wheels: flat figures that stand upright in the plane z = 0."""

from __future__ import annotations

from dataclasses import dataclass

from udalib.world.kit.shapes import GROUND, Flat, Mould, Shape, ring

PERSON, RIDER, MOTORCYCLE, BICYCLE = 11, 12, 17, 18


@dataclass(frozen=True)
class Build:
    """Proportions of a figure of 1.75 m: widths in metres, ``stride`` between the feet."""

    shoulders: float = 0.5
    waist: float = 0.34
    stride: float = 0.16
    leg: float = 0.15
    hem: float = 0.82
    head: float = 0.13
    hat: bool = False
    bag: bool = False
    blocky: bool = True


def bar(x0: float, y0: float, x1: float, y1: float, width: float) -> list[Flat]:
    """Limb from (x0, y0) to (x1, y1), horizontal ends."""
    h = width / 2
    return [(x0 - h, y0), (x0 + h, y0), (x1 + h, y1), (x1 - h, y1)]


def tube(x0: float, y0: float, x1: float, y1: float, width: float) -> list[Flat]:
    """Limb or frame tube that is mostly horizontal: vertical ends."""
    h = width / 2
    return [(x0, y0 - h), (x1, y1 - h), (x1, y1 + h), (x0, y0 + h)]


def _head(mould: Mould, cls: int, x: float, y: float, build: Build) -> None:
    skin = mould.part(cls, "skin", owner=1)
    corners = 8 if build.blocky else 16
    mould.flat(skin, ring(x, y, build.head, build.head * 1.2, corners=corners))
    hair = mould.part(cls, "hat" if build.hat else "hair", owner=1)
    r = build.head
    top = y + r * 1.25 + (0.06 if build.hat else 0.0)
    mould.flat(
        hair,
        [
            (x - r * 1.05, y + 0.3 * r),
            (x + r * 1.05, y + 0.3 * r),
            (x + 0.7 * r, top),
            (x - 0.7 * r, top),
        ],
    )


def _ground_shadow(mould: Mould, radius: float) -> None:
    part = mould.part(GROUND, "shadow", texture="ground")
    mould.polygon(part, [(x, 0.0, 0.5 * z) for x, z in ring(0.0, 0.0, radius, radius)])


def person(build: Build) -> Shape:
    """Standing or walking person, 1.75 m tall before scaling."""
    mould = Mould()
    _ground_shadow(mould, 0.35)
    legs = mould.part(PERSON, "trousers", owner=1)
    s, w = build.stride, build.leg
    mould.flat(legs, bar(-s, 0.0, -0.09, 0.92, w))
    mould.flat(legs, bar(s, 0.0, 0.09, 0.92, w))
    shoes = mould.part(PERSON, "shoes", owner=1)
    for x in (-s, s):
        mould.flat(shoes, bar(x + 0.03, 0.0, x + 0.02, 0.09, w + 0.06))
    torso = mould.part(PERSON, "coat", texture="cloth", owner=1)
    sh, wa, hem = build.shoulders / 2, build.waist / 2, build.hem
    mould.flat(
        torso,
        [
            (-wa, hem),
            (wa, hem),
            (sh, 1.36),
            (sh * 0.7, 1.5),
            (-sh * 0.7, 1.5),
            (-sh, 1.36),
        ],
    )
    arms = mould.part(PERSON, "sleeve", owner=1)
    swing = 0.5 * s
    for side in (-1, 1):
        mould.flat(arms, bar(side * (sh + 0.04) + swing * side, 0.84, side * (sh - 0.02), 1.42, 0.13))
    if build.bag:
        bag = mould.part(PERSON, "bag", owner=1)
        mould.flat(bag, bar(sh + 0.12, 0.55, sh + 0.1, 0.9, 0.26))
    _head(mould, PERSON, 0.0, 1.62, build)
    return mould.build()


def bicycle(*, ridden: bool, build: Build, tall: float = 1.0) -> Shape:
    """Bicycle seen from its side, alone or with a rider (first instance the rider, second the bicycle)."""
    mould, owner = Mould(), 2 if ridden else 1
    _ground_shadow(mould, 0.8)
    tyre = mould.part(BICYCLE, "cycle_tyre", owner=owner)
    spokes = mould.part(BICYCLE, "spokes", owner=owner)
    frame = mould.part(BICYCLE, "frame", owner=owner)
    for x in (-0.55, 0.55):
        mould.flat(tyre, ring(x, 0.36, 0.36, 0.36, corners=16))
        mould.flat(spokes, ring(x, 0.36, 0.25, 0.25, corners=8))
    mould.flat(frame, tube(-0.5, 0.40, -0.05, 0.36, 0.11))
    mould.flat(frame, bar(-0.05, 0.34, -0.22, 0.98, 0.11))
    mould.flat(frame, tube(-0.18, 0.84, 0.42, 0.88, 0.11))
    mould.flat(frame, bar(0.55, 0.36, 0.4, 1.06, 0.11))
    mould.flat(frame, tube(-0.05, 0.36, 0.42, 0.86, 0.1))
    mould.flat(frame, tube(0.32, 1.06, 0.56, 1.1, 0.09))
    mould.flat(frame, tube(-0.34, 0.98, -0.08, 0.98, 0.1))
    if ridden:
        _rider(mould, build, seat=(-0.2, 1.0 * tall), hands=(0.42, 1.12), feet=(0.02, 0.3))
    return mould.build()


def motorcycle(*, ridden: bool, build: Build, fairing: float) -> Shape:
    """Motorcycle or scooter from its side; ``fairing`` is the height of the front shield."""
    mould, owner = Mould(), 2 if ridden else 1
    _ground_shadow(mould, 1.0)
    tyre = mould.part(MOTORCYCLE, "tyre", owner=owner)
    hub = mould.part(MOTORCYCLE, "hub", owner=owner)
    for x in (-0.68, 0.7):
        mould.flat(tyre, ring(x, 0.33, 0.34, 0.33, corners=16))
        mould.flat(hub, ring(x, 0.33, 0.14, 0.14))
    engine = mould.part(MOTORCYCLE, "chassis", owner=owner)
    mould.flat(engine, [(-0.45, 0.28), (0.35, 0.28), (0.45, 0.62), (-0.5, 0.66)])
    tank = mould.part(MOTORCYCLE, "tank", owner=owner)
    mould.flat(
        tank,
        [(-0.95, 0.82), (-0.5, 0.6), (0.5, 0.6), (0.42, 1.0), (0.1, 1.02), (-0.9, 0.94)],
    )
    mould.flat(tank, [(0.62, 0.36), (0.78, 0.36), (0.52, 0.72 + fairing), (0.36, 0.72 + fairing)])
    lamp = mould.part(MOTORCYCLE, "head", owner=owner, glow=1.0)
    mould.flat(lamp, ring(0.58, 0.92, 0.09, 0.09))
    if ridden:
        _rider(mould, build, seat=(-0.3, 0.98), hands=(0.4, 1.08), feet=(0.1, 0.42))
    return mould.build()


def _rider(
    mould: Mould, build: Build, *, seat: tuple[float, float], hands: tuple[float, float], feet: tuple[float, float]
) -> None:
    """Seated figure: bent legs, a torso that leans forward, arms to the handlebar."""
    (sx, sy), (hx, hy), (fx, fy) = seat, hands, feet
    legs = mould.part(RIDER, "ride_trousers", owner=1)
    knee = (sx + 0.36, sy - 0.12)
    mould.flat(legs, tube(sx, sy, knee[0], knee[1], 0.2))
    mould.flat(legs, bar(fx, fy, knee[0] - 0.03, knee[1], 0.16))
    torso = mould.part(RIDER, "jersey", texture="cloth", owner=1)
    lean = 0.24
    mould.flat(
        torso,
        [
            (sx - 0.17, sy - 0.06),
            (sx + 0.17, sy - 0.06),
            (sx + lean + 0.22, sy + 0.48),
            (sx + lean + 0.08, sy + 0.62),
            (sx + lean - 0.2, sy + 0.54),
        ],
    )
    arms = mould.part(RIDER, "jersey", owner=1)
    mould.flat(arms, tube(sx + lean, sy + 0.47, hx, hy, 0.13))
    _head(mould, RIDER, sx + lean + 0.1, sy + 0.78, build)
