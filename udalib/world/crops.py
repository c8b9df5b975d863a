"""One thing in a street of random looks, drawn through a lens that is aimed at it.

Shapes are those of both kits. Everything else is random from crop to crop (domain randomisation): colours, textures,
light, air, camera, the street behind. So a crop looks like no style of the world. How random it is decides how hard the
classes are: a first version, with wholly random colours, shuffled textures in every crop, smaller things, more blur and
more turns, left an accuracy of 47 % after 600 iterations; this one gives 78 % after 700 (seed 0, laptop preset).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from udalib.core.seeding import derive_seed
from udalib.data.labels import label_space
from udalib.world.camera import Camera
from udalib.world.dice import Dice
from udalib.world.drawing import palette
from udalib.world.drawing.shading import NUMBERS, locate, paint
from udalib.world.drawing.view import View, view
from udalib.world.drawing.weather import develop
from udalib.world.ground import build_sides, lay_ground
from udalib.world.kit import Kit, Shape, kit, kit_names
from udalib.world.plan import ROAD, SIDEWALK, Plan, Street, make_camera
from udalib.world.render import WORLD_VERSION
from udalib.world.scene import Scene, assemble
from udalib.world.styles import Layout, Photo, Style, Surface

CROPS_VERSION = "things-v2"
THINGS = label_space("cityscapes19").things
"""Train ids of the ten thing classes; their order is that of the label space ``cityscapes_things``."""

_KINDS: dict[str, tuple[str, ...]] = {
    "traffic light": ("lights",),
    "traffic sign": ("signs",),
    "person": ("people",),
    "rider": ("cyclists", "motorcyclists"),
    "car": ("cars",),
    "truck": ("trucks",),
    "bus": ("buses",),
    "train": ("trains",),
    "motorcycle": ("motorcycles",),
    "bicycle": ("bicycles",),
}
_TURNS = {"car": 0.6, "truck": 0.18, "bus": 0.18, "train": 0.12}
"""Largest tangent of half a turn of the solid things, to either side of facing us or facing away."""
_FLAT_TURN = 0.3
_NEAREST = 4.0
"""Metres from the camera to the nearest corner of the thing."""
_RANDOM = 0.5
"""Share of the random colour in every colour; the rest is the palette's, anywhere between game and photograph."""
_SHUFFLED = 0.2
"""Part of the crops in which every surface has some other surface's texture."""
_FILL = (0.6, 0.95)
"""Range of the part of the picture's shorter side that the thing fills."""
_VISIBLE = 0.03
"""Least part of the picture that shows the thing; what shows less of it is drawn again."""
_LAYOUT = Layout(
    stream="things", height=(1.1, 2.2), lane=(2.8, 3.8), parking=(1.9, 2.5), sidewalk=(1.8, 3.8), house_length=(6, 18)
)


@dataclass(frozen=True, eq=False)
class Look:
    """What one crop looks like: a style, its own colours (M, 3) on the 0..255 scale, and where the light comes from."""

    style: Style
    colours: NDArray[np.float32]
    sun: tuple[float, float, float]


def draw_crop(index: int, seed: int, size: tuple[int, int]) -> NDArray[np.uint8]:
    """Picture (3, H, W) uint8 of a thing of the class ``THINGS[index % 10]``; a pure function of its arguments."""
    target, attempt = THINGS[index % len(THINGS)], 0
    while True:
        dice = Dice(_generator("crop", seed, index, attempt))
        scene = _aimed(_scene(dice, target), target, dice, size)
        seen = view(scene, 0, size)
        if np.mean(np.take(scene.part_class, seen.parts) == target) >= _VISIBLE:
            return _picture(seen, dice, seed, index)
        attempt += 1


def _generator(purpose: str, seed: int, index: int, part: int) -> np.random.Generator:
    return np.random.Generator(np.random.PCG64(derive_seed(WORLD_VERSION, CROPS_VERSION, purpose, seed, index, part)))


def _scene(dice: Dice, target: int) -> Scene:
    """A street with houses along it and one thing in it, which is the last placement."""
    shapes = kit(dice.pick(kit_names()))
    layout = replace(_LAYOUT, house_height=(7.0, dice.uniform(9.0, 17.0)), setback=(0.0, dice.uniform(0.0, 4.0)))
    street = Street(dice, layout)
    camera = make_camera(dice, layout, street)
    plan = Plan(dice, Surface(spread=0.25))
    lay_ground(plan, street)
    build_sides(plan, street, layout, shapes, 0)
    _put_thing(plan, street, camera, shapes, target)
    textures = _shuffled(dice) if dice.chance(_SHUFFLED) else NUMBERS
    rows = palette.rows()
    return assemble(camera, plan.placements, textures, dice.pick(rows["sky"]), dice.pick(rows["terrain"]))


def _put_thing(plan: Plan, street: Street, camera: Camera, shapes: Kit, target: int) -> None:
    """Place the thing between the houses, before the camera, turned at random."""
    dice, name = plan.dice, label_space("cityscapes19").names[target]
    shape: Shape = dice.pick(getattr(shapes, dice.pick(_KINDS[name])))
    z = 1.0 / dice.uniform(1.0 / 24.0, 1.0 / 6.0)
    aside = min(0.6 * z, 8.0)
    x = min(max(camera.x + dice.uniform(-aside, aside), 1.5 - street.front[-1]), street.front[1] - 1.5)
    bound = _TURNS.get(name, _FLAT_TURN)
    turn: float | None = dice.uniform(-bound, bound)
    if dice.chance(0.5):
        turn = -1.0 / turn if turn else None
    size = dice.uniform(0.85, 1.2)
    scale = (size * dice.uniform(0.85, 1.15), size, size * dice.uniform(0.85, 1.15))
    reach = float(np.max(np.abs(shape.vertices[:, (0, 2)]))) * 1.4 if name in _TURNS else 0.5
    ground = ROAD if abs(x) < street.kerb[1 if x > 0 else -1] else SIDEWALK
    plan.put(shape, x, max(z, _NEAREST + reach), scale=scale, turn=turn, ground=ground)


def _shuffled(dice: Dice) -> dict[str, int]:
    """Every texture's name with the number of some texture; the sky keeps its own."""
    numbers = [number for name, number in NUMBERS.items() if name != "sky"]
    return {name: number if name == "sky" else dice.pick(numbers) for name, number in NUMBERS.items()}


def _aimed(scene: Scene, target: int, dice: Dice, size: tuple[int, int]) -> Scene:
    """The scene with a lens through which the thing fills a random part of the picture's shorter side."""
    part = scene.polygon_part[scene.polygon]
    last = scene.polygon_group[-1]
    own = (scene.part_group[part] == last) & (scene.part_class[part] == target)
    x, y, z = scene.camera.pose(0).to_camera(scene.x[own], scene.y[own], scene.z[own])
    x, y = x / z, y / z
    low, high = np.array([x.min(), y.min()]), np.array([x.max(), y.max()])
    extent, (height, width) = float(np.max(high - low)), size
    fill = dice.span(_FILL)
    scale = fill * min(size) / extent
    room = 0.5 * (1.0 - fill) * extent / fill
    u, v = 0.5 * (low + high) + [dice.uniform(-room, room), dice.uniform(-room, room)]
    centre, horizon = float(0.5 - u * scale / width), float(0.5 - v * scale / height)
    return replace(scene, camera=replace(scene.camera, focal=scale / width, centre=centre, horizon=horizon))


def _picture(seen: View, dice: Dice, seed: int, index: int) -> NDArray[np.uint8]:
    look = random_look(dice, _generator("colours", seed, index, 0))
    places = locate(seen, seen.inverse_depth())
    image = paint(seen, places, look.style, look.sun, look.colours)
    shared, own = (_generator(purpose, seed, index, 0) for purpose in ("light", "sensor"))
    return develop(image, seen, places, look.style.photo, shared, own)


def random_look(dice: Dice, generator: np.random.Generator) -> Look:
    """Draw colours, texture, light, air and camera."""
    surface = Surface(texture=dice.uniform(0.0, 0.8), sun=dice.uniform(0.1, 0.7))
    haze = (dice.uniform(90.0, 230.0), dice.uniform(90.0, 230.0), dice.uniform(90.0, 230.0))
    photo = Photo(
        haze=dice.uniform(0.0, 0.02),
        haze_colour=haze,
        exposure=(0.65, 1.3),
        cast_spread=0.15,
        gamma=(0.75, 1.35),
        patches=dice.uniform(0.0, 0.25),
        blur=dice.uniform(0.0, 0.8),
        noise=dice.uniform(0.0, 0.03),
    )
    sun = (dice.uniform(-0.9, 0.9), dice.uniform(0.3, 1.0), dice.uniform(-0.9, 0.4))
    table = palette.blend(dice.random())
    colours = (1.0 - _RANDOM) * table + _RANDOM * 255.0 * generator.random(table.shape)
    return Look(Style("things", _LAYOUT, surface, photo), colours.astype(np.float32), sun)
