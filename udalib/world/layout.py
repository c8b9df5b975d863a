"""The objects of a street: what stands where, drawn from a style's frequencies with free space for everything."""

from __future__ import annotations

from udalib.world.dice import Dice
from udalib.world.kit import Kit, Shape
from udalib.world.plan import ROAD, SIDEWALK, TERRAIN, Plan, Street
from udalib.world.styles import Layout

CHUNK = 45.0
"""Length in metres of a piece of street that is planned at once."""

_SMALL = ("person", "rider", "motorcycle", "bicycle", "light", "sign")


def depth(dice: Dice, chunk: int, farthest: float = 36.0) -> float:
    """Distance along the street: in the first piece three quarters of all things are uniform in 1 / z."""
    if chunk > 0:
        return CHUNK * chunk + dice.uniform(0.0, CHUNK)
    if dice.chance(0.75):
        return 1.0 / dice.uniform(1.0 / farthest, 1.0 / 5.0)
    return dice.uniform(5.0, farthest)


def populate(plan: Plan, street: Street, layout: Layout, kit: Kit, chunk: int) -> None:
    """Put the objects of one piece of street, large ones first; far away, few small ones."""
    means = dict(layout.traffic)
    for kind, put in _PUT.items():
        small = kind in _SMALL
        share = 1.0 if chunk == 0 else 0.15 if small else 0.4
        for _ in range(plan.dice.count(means.get(kind, 0.0) * share)):
            for _attempt in range(5):
                if put(plan, street, layout, kit, depth(plan.dice, chunk, 22.0 if small else 36.0)):
                    break


def _vehicle(plan: Plan, street: Street, shapes: tuple[Shape, ...], z: float, half: tuple[float, float]) -> bool:
    """In the own lane ahead, in the other lane, or parked on either side."""
    dice = plan.dice
    side = 1 if dice.chance(0.5) else -1
    parked = dice.chance(0.6)
    centre = z + half[1]
    if parked:
        x, velocity = side * (street.kerb[side] - half[0] - 0.1), (0.0, 0.0)
    else:
        x = side * 0.5 * street.lane + dice.uniform(-0.2, 0.2)
        velocity = (0.0, street.own_speed if side > 0 else street.other_speed)
        if side > 0 and z < 9.0:
            return False
    if not plan.claim(x, centre, half[0] + 0.1, half[1] + 0.5):
        return False
    towards = side < 0 or (parked and dice.chance(0.2))
    plan.put(dice.pick(shapes), x, centre, turn=None if towards else 0.0, velocity=velocity)
    return True


def _car(plan: Plan, street: Street, layout: Layout, kit: Kit, z: float) -> bool:
    return _vehicle(plan, street, kit.cars, z, (0.95, 2.4))


def _truck(plan: Plan, street: Street, layout: Layout, kit: Kit, z: float) -> bool:
    return _vehicle(plan, street, kit.trucks, z + 1.5, (1.25, 4.4))


def _bus(plan: Plan, street: Street, layout: Layout, kit: Kit, z: float) -> bool:
    return _vehicle(plan, street, kit.buses, z + 1.5, (1.3, 5.8))


def _train(plan: Plan, street: Street, layout: Layout, kit: Kit, z: float) -> bool:
    z, x = z + 2.0 + 10.0, -0.5 * street.lane
    if not plan.claim(x, z, 1.4, 10.5):
        return False
    plan.put(plan.dice.pick(kit.trains), x, z, turn=None, velocity=(0.0, street.other_speed))
    return True


def _person(plan: Plan, street: Street, layout: Layout, kit: Kit, z: float) -> bool:
    dice = plan.dice
    side = 1 if dice.chance(0.6) else -1
    ground, velocity = SIDEWALK, (0.0, street.walk[side] if dice.chance(0.7) else 0.0)
    x = side * dice.uniform(street.kerb[side] + 0.9, street.front[side] - 0.3)
    if dice.chance(0.22) and z > 8.0:
        x, ground, velocity = dice.uniform(-street.lane, street.lane), ROAD, (dice.uniform(-0.6, 0.6), 0.0)
    if not plan.claim(x, z, 0.35, 0.25):
        return False
    size = layout.scale * dice.uniform(0.92, 1.12)
    plan.put(dice.pick(kit.people), x, z, scale=(size, size, size), velocity=velocity, ground=ground)
    return True


def _two_wheeler(plan: Plan, street: Street, shapes: tuple[Shape, ...], z: float, size: float, *, ridden: bool) -> bool:
    dice = plan.dice
    side = 1 if dice.chance(0.6) else -1
    if ridden:
        x, ground = side * dice.uniform(street.lane - 0.9, street.lane + 0.3), ROAD
        velocity = (0.0, 4.5 if side > 0 else -4.5)
    else:
        x, ground, velocity = side * (street.kerb[side] + 0.9), SIDEWALK, (0.0, 0.0)
    if not plan.claim(x, z, 0.9, 0.5):
        return False
    turn = dice.uniform(0.0, 0.22) if dice.chance(0.5) else None
    plan.put(dice.pick(shapes), x, z, scale=(size, size, size), turn=turn, velocity=velocity, ground=ground)
    return True


def _rider(plan: Plan, street: Street, layout: Layout, kit: Kit, z: float) -> bool:
    shapes = kit.cyclists if plan.dice.chance(0.65) else kit.motorcyclists
    return _two_wheeler(plan, street, shapes, z, 1.05 * layout.scale, ridden=True)


def _motorcycle(plan: Plan, street: Street, layout: Layout, kit: Kit, z: float) -> bool:
    return _two_wheeler(plan, street, kit.motorcycles, z, 1.05 * layout.scale, ridden=False)


def _bicycle(plan: Plan, street: Street, layout: Layout, kit: Kit, z: float) -> bool:
    return _two_wheeler(plan, street, kit.bicycles, z, 1.05 * layout.scale, ridden=False)


def _kerbside(plan: Plan, street: Street, shapes: tuple[Shape, ...], z: float, half: float, size: float) -> bool:
    dice = plan.dice
    side = 1 if dice.chance(0.55) else -1
    x = side * (street.kerb[side] + 0.35)
    if not plan.claim(x, z, 0.3, half):
        return False
    shape = dice.pick(shapes)
    reach = -1.0 if side < 0 else 1.0
    plan.put(shape, x, z, scale=(reach * size, size, size), ground=SIDEWALK)
    return True


def _light(plan: Plan, street: Street, layout: Layout, kit: Kit, z: float) -> bool:
    return _kerbside(plan, street, kit.lights, z, 0.4, layout.scale)


def _sign(plan: Plan, street: Street, layout: Layout, kit: Kit, z: float) -> bool:
    return _kerbside(plan, street, kit.signs, z, 0.4, layout.scale)


def _lamp(plan: Plan, street: Street, layout: Layout, kit: Kit, z: float) -> bool:
    return _kerbside(plan, street, kit.lamp_posts, z, 0.3, 1.0)


def _tree(plan: Plan, street: Street, layout: Layout, kit: Kit, z: float) -> bool:
    size = layout.scale * plan.dice.uniform(0.75, 1.2)
    if plan.dice.chance(0.4):
        return _behind(plan, street, kit.trees, z, size)
    return _kerbside(plan, street, kit.trees, z + 2.0, 1.2, size)


def _bush(plan: Plan, street: Street, layout: Layout, kit: Kit, z: float) -> bool:
    return _behind(plan, street, kit.bushes, z, plan.dice.uniform(0.8, 1.4))


def _behind(plan: Plan, street: Street, shapes: tuple[Shape, ...], z: float, size: float) -> bool:
    """Beyond the sidewalk, where no house stands."""
    side = 1 if plan.dice.chance(0.5) else -1
    x = side * (street.front[side] + plan.dice.uniform(2.0, 5.0))
    if not plan.claim(x, z, 1.2, 1.2):
        return False
    plan.put(plan.dice.pick(shapes), x, z, scale=(size, size, size), ground=TERRAIN)
    return True


_PUT = {
    "train": _train,
    "bus": _bus,
    "truck": _truck,
    "car": _car,
    "rider": _rider,
    "motorcycle": _motorcycle,
    "bicycle": _bicycle,
    "light": _light,
    "sign": _sign,
    "lamp": _lamp,
    "tree": _tree,
    "person": _person,
    "bush": _bush,
}
