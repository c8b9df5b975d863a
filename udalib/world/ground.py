"""What the traffic passes: the road and its markings, sidewalks, houses along the street, hills at the end of it."""

from __future__ import annotations

from functools import cache

import numpy as np

from udalib.world.dice import Dice
from udalib.world.kit import Kit, Mould, Shape
from udalib.world.layout import CHUNK
from udalib.world.plan import ROAD, SIDEWALK, TERRAIN, Plan, Street
from udalib.world.scene import BACKDROP, ENDLESS, FLOOR, PERIOD
from udalib.world.styles import Layout


@cache
def slab(cls: int, role: str, texture: str) -> Shape:
    """Flat square of one metre on the ground about the origin."""
    mould = Mould()
    part = mould.part(cls, role, texture=texture)
    mould.polygon(part, [(-0.5, 0.0, -0.5), (0.5, 0.0, -0.5), (0.5, 0.0, 0.5), (-0.5, 0.0, 0.5)])
    return mould.build()


@cache
def stripes(n: int, pitch: float, length: float, width: float, across: bool) -> Shape:
    """``n`` painted stripes: dashes of a middle line, or (``across``) the bars of a crossing."""
    mould = Mould()
    part = mould.part(ROAD, "marking", texture="ground")
    for k in range(n):
        x0, z0 = ((k - 0.5 * n) * pitch, -0.5 * length) if across else (-0.5 * width, k * pitch)
        x1, z1 = x0 + width, z0 + length
        mould.polygon(part, [(x0, 0.0, z0), (x1, 0.0, z0), (x1, 0.0, z1), (x0, 0.0, z1)])
    return mould.build()


@cache
def hills(seed: int) -> Shape:
    """Silhouette at infinity, drawn at 100 m: wedges above the horizon."""
    mould, dice = Mould(), _seeded(seed)
    role = dice.pick(("hill", "hill", "facade"))
    part = mould.part(8 if role == "hill" else 2, role, texture="hill" if role == "hill" else "none")
    x = -110.0
    while x < 110.0:
        w, h = (
            (dice.uniform(25.0, 60.0), dice.uniform(4.0, 11.0))
            if role == "hill"
            else (dice.uniform(8.0, 20.0), dice.uniform(4.0, 14.0))
        )
        if role == "hill":
            mould.polygon(
                part,
                [
                    (x - 0.4 * w, 0.0, 100.0),
                    (x + 1.4 * w, 0.0, 100.0),
                    (x + 0.7 * w, h, 100.0),
                    (x + 0.3 * w, h, 100.0),
                ],
            )
        else:
            mould.polygon(part, [(x, 0.0, 100.0), (x + w, 0.0, 100.0), (x + w, h, 100.0), (x, h, 100.0)])
        x += w
    return mould.build()


def _seeded(seed: int) -> Dice:
    return Dice(np.random.Generator(np.random.PCG64(seed)))


_BEHIND, _AHEAD = -60.0, 370.0
"""Metres from the camera at frame 0 between which endless things reach."""


def lay_ground(plan: Plan, street: Street) -> None:
    """Hills, road, sidewalks, kerbs, markings and rails; all but a zebra crossing repeat along the whole street."""
    dice = plan.dice
    plan.put(hills(dice.below(24)), 0.0, 0.0, layer=BACKDROP)
    for side in (-1, 1):
        _strip(plan, slab(SIDEWALK, "sidewalk", "slabs"), side * street.kerb[side], side * (street.front[side] + 1.0))
    _strip(plan, slab(ROAD, "road", "asphalt"), -street.kerb[-1], street.kerb[1])
    for side in (-1, 1):
        _strip(plan, slab(SIDEWALK, "kerb", "ground"), side * street.kerb[side], side * (street.kerb[side] + 0.2))
    dashes = stripes(23, PERIOD, 3.5, 0.2, False)
    plan.put(dashes, 0.0, dice.uniform(0.0, PERIOD) - PERIOD, layer=ENDLESS)
    if dice.chance(0.5):
        for side in (-1, 1):
            _strip(plan, slab(ROAD, "marking", "ground"), side * street.lane, side * (street.lane + 0.15))
    if street.rails:
        for x in (-0.5 * street.lane - 0.72, -0.5 * street.lane + 0.72):
            _strip(plan, slab(ROAD, "rail", "none"), x - 0.06, x + 0.06)
    if dice.chance(0.3):
        width = street.kerb[-1] + street.kerb[1]
        bars = stripes(int(width / 1.1), 1.1, 3.2, 0.55, True)
        plan.put(bars, 0.5 * (street.kerb[1] - street.kerb[-1]), dice.uniform(8.0, 26.0), layer=FLOOR)


def _strip(plan: Plan, shape: Shape, x0: float, x1: float) -> None:
    scale = (abs(x1 - x0), 1.0, _AHEAD - _BEHIND)
    plan.put(shape, 0.5 * (x0 + x1), 0.5 * (_BEHIND + _AHEAD), scale=scale, layer=ENDLESS, gain=1.0)


def build_sides(plan: Plan, street: Street, layout: Layout, kit: Kit, chunk: int) -> None:
    """Fill both sides of a piece of street with houses, walls, fences, hedges and gaps."""
    for side in (-1, 1):
        z = CHUNK * chunk + (-6.0 if chunk == 0 else 0.0)
        end = CHUNK * (chunk + 1)
        while z < end - 1.0:
            length = min(plan.dice.span(layout.house_length), end - z)
            _segment(plan, street, layout, kit, side, z + 0.5 * length, length)
            z += length


def _segment(plan: Plan, street: Street, layout: Layout, kit: Kit, side: int, z: float, length: float) -> None:
    dice = plan.dice
    draw, kinds = dice.random() * sum(layout.sides), ("house", "wall", "fence", "hedge", "gap")
    kind = kinds[-1]
    for name, weight in zip(kinds, layout.sides, strict=True):
        if draw < weight:
            kind = name
            break
        draw -= weight
    turn = 0.0 if side > 0 else None
    front = street.front[side]
    if kind == "house":
        back = dice.span(layout.setback)
        scale = (dice.uniform(7.0, 11.0), dice.span(layout.house_height), length)
        plan.claim(side * (front + back + 0.5 * scale[0]), z, 0.5 * scale[0], 0.5 * length)
        plan.put(dice.pick(kit.houses), side * (front + back), z, scale=scale, turn=turn, ground=TERRAIN)
    elif kind != "gap":
        shapes = {"wall": kit.walls, "fence": kit.fences, "hedge": kit.hedges}[kind]
        low, high, thick = {"wall": (1.6, 2.6, 0.3), "fence": (1.2, 1.9, 0.12), "hedge": (1.3, 2.4, 0.9)}[kind]
        height = dice.uniform(low, high)
        plan.put(dice.pick(shapes), side * (front + 0.1), z, scale=(thick, height, length), turn=turn, ground=TERRAIN)
        if dice.chance(0.35):
            scale = (8.0, dice.span(layout.house_height), 0.7 * length)
            plan.put(
                dice.pick(kit.houses),
                side * (front + dice.uniform(6.0, 14.0)),
                z,
                scale=scale,
                turn=turn,
                ground=TERRAIN,
            )
