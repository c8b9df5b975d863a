"""Two kits of shapes: plain ones of a game, and livelier ones of a photograph."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from udalib.core.errors import unknown_name
from udalib.world.kit import figures, greenery, houses, posts, vehicles
from udalib.world.kit.figures import Build
from udalib.world.kit.shapes import Shape
from udalib.world.kit.vehicles import CarForm

Shapes = tuple[Shape, ...]


@dataclass(frozen=True)
class Kit:
    """The shapes a style builds with; each kind holds variants that are drawn alike often."""

    cars: Shapes
    trucks: Shapes
    buses: Shapes
    trains: Shapes
    people: Shapes
    bicycles: Shapes
    cyclists: Shapes
    motorcycles: Shapes
    motorcyclists: Shapes
    houses: Shapes
    walls: Shapes
    fences: Shapes
    hedges: Shapes
    trees: Shapes
    bushes: Shapes
    lamp_posts: Shapes
    lights: Shapes
    signs: Shapes


def kit_names() -> list[str]:
    """Names that :func:`kit` knows."""
    return ["game", "photo"]


@cache
def kit(name: str) -> Kit:
    """Build the kit called ``name`` ("game" or "photo"), once per process."""
    if name not in kit_names():
        raise unknown_name("kit of shapes", name, kit_names())
    return _game() if name == "game" else _photo()


def _game() -> Kit:
    plain = (Build(), Build(stride=0.1), Build(shoulders=0.46, stride=0.2))
    return Kit(
        cars=(
            vehicles.car(CarForm(4.4, 1.8, 0.92, 1.46, (0.5, 1.2, 2.6, 3.3), 0.86, 0.9)),
            vehicles.car(CarForm(4.5, 1.8, 0.92, 1.42, (1.0, 1.5, 2.7, 3.4), 0.82, 0.9)),
            vehicles.car(CarForm(4.2, 1.84, 0.98, 1.62, (0.1, 0.3, 2.6, 3.2), 0.94, 0.96)),
        ),
        trucks=(
            vehicles.truck(length=7.0, height=3.2, cab=1.9, box_role="truck", tarp=False),
            vehicles.truck(length=8.5, height=3.5, cab=1.9, box_role="truck", tarp=False),
        ),
        buses=(vehicles.bus(length=10.5, height=3.1, rounded=0.0, band=False),),
        trains=(vehicles.train(length=16.0, height=3.4, nose=0.5, stripe=0.5, pantograph=False),),
        people=tuple(figures.person(b) for b in plain),
        bicycles=(figures.bicycle(ridden=False, build=Build()),),
        cyclists=tuple(figures.bicycle(ridden=True, build=b) for b in plain[:1]),
        motorcycles=(figures.motorcycle(ridden=False, build=Build(), fairing=0.25),),
        motorcyclists=(figures.motorcycle(ridden=True, build=Build(hat=True), fairing=0.25),),
        houses=tuple(houses.house(texture="windows_grid", roof=r, shop=False) for r in ("flat", "flat", "stepped")),
        walls=(houses.barrier(3, "wall", texture="blocks", coping=True),),
        fences=(houses.barrier(4, "fence", texture="planks", coping=False),),
        hedges=(houses.barrier(8, "leaf", texture="leaf", coping=False),),
        trees=(greenery.tree(form="ball", seed=1), greenery.tree(form="cone", seed=2)),
        bushes=(greenery.bush(3),),
        lamp_posts=(posts.lamp_post(height=6.5, arm=1.8, width=0.26, ball=False),),
        lights=tuple(posts.traffic_light(height=3.3, width=0.24, lit=k, plate=False) for k in range(3)),
        signs=tuple(posts.sign(form=f, height=2.9, radius=0.55, width=0.22) for f in ("square", "triangle", "diamond")),
    )


CROWD = (
    Build(blocky=False, stride=0.22, shoulders=0.52, waist=0.44, hem=0.62, bag=True),
    Build(blocky=False, stride=0.06, shoulders=0.48, waist=0.5, hem=0.5, leg=0.13),
    Build(blocky=False, stride=0.28, shoulders=0.46, waist=0.36, hem=0.78, hat=True),
    Build(blocky=False, stride=0.12, shoulders=0.56, waist=0.5, hem=0.7, bag=True),
)
ROOFS = (
    ("brick_windows", "gable", True),
    ("stone_windows", "mansard", True),
    ("brick_windows", "front", False),
    ("stone_windows", "gable", False),
    ("stone_windows", "flat", True),
)
SIGNS = (("ring", 0.42), ("board", 0.46), ("disc", 0.42), ("triangle", 0.4))


def _photo() -> Kit:
    return Kit(
        cars=(
            vehicles.car(CarForm(3.8, 1.74, 0.94, 1.56, (0.08, 0.5, 2.3, 3.1), 0.9, 0.92, round=0.08)),
            vehicles.car(CarForm(4.7, 1.9, 1.06, 1.72, (0.06, 0.4, 3.0, 3.7), 1.04, 1.02, round=0.06)),
            vehicles.car(CarForm(4.6, 1.82, 0.9, 1.46, (0.5, 1.5, 2.7, 3.6), 0.84, 0.94, round=0.1)),
            vehicles.car(CarForm(4.9, 1.92, 1.15, 1.95, (0.04, 0.16, 3.6, 4.4), 1.1, 1.1, round=0.05)),
        ),
        trucks=(
            vehicles.truck(length=9.0, height=3.7, cab=2.1, box_role="truck", tarp=True),
            vehicles.truck(length=6.2, height=2.8, cab=1.8, box_role="truck", tarp=True),
        ),
        buses=(vehicles.bus(length=11.5, height=3.2, rounded=0.12, band=True),),
        trains=(vehicles.train(length=20.0, height=3.5, nose=1.0, stripe=0.3, pantograph=True),),
        people=tuple(figures.person(b) for b in CROWD),
        bicycles=(figures.bicycle(ridden=False, build=CROWD[0]),),
        cyclists=tuple(figures.bicycle(ridden=True, build=b) for b in CROWD[:3]),
        motorcycles=tuple(figures.motorcycle(ridden=False, build=CROWD[0], fairing=f) for f in (0.1, 0.5)),
        motorcyclists=tuple(figures.motorcycle(ridden=True, build=CROWD[2], fairing=f) for f in (0.1, 0.5)),
        houses=tuple(houses.house(texture=t, roof=r, shop=s, chimney=r == "gable") for t, r, s in ROOFS),
        walls=(
            houses.barrier(3, "wall", texture="rubble", coping=True),
            houses.barrier(3, "wall", texture="bricks", coping=False),
        ),
        fences=(houses.barrier(4, "fence", texture="rails", coping=False),),
        hedges=(houses.barrier(8, "leaf_dark", texture="leaf", coping=False),),
        trees=tuple(
            greenery.tree(form=f, seed=s)
            for f, s in (("broad", 11), ("broad", 12), ("broad", 13), ("poplar", 14), ("bare", 15))
        ),
        bushes=(greenery.bush(16), greenery.bush(17)),
        lamp_posts=(
            posts.lamp_post(height=5.4, arm=1.0, width=0.2, ball=False),
            posts.lamp_post(height=3.9, arm=0.0, width=0.2, ball=True),
        ),
        lights=tuple(
            posts.traffic_light(height=3.0, width=0.2, lit=k, plate=True, arm=a) for k in range(3) for a in (0.0, 2.2)
        ),
        signs=tuple(posts.sign(form=f, height=2.7, radius=r, width=0.18) for f, r in SIGNS),
    )
