"""A scene: shapes put into the world, flattened to arrays that can be drawn from any pose at any time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from udalib.world.camera import Camera
from udalib.world.kit.shapes import GROUND, Shape

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

BACKDROP, ENDLESS, FLOOR, STANDING = 0, 1, 2, 3
"""Layers, far to near: hills at infinity; what repeats along the whole street; things that lie on the ground; all else.
Those of the first three layers are drawn in the order they were put."""
PERIOD = 9.0
"""Metres after which the endless things repeat: they keep up with the camera in such steps, however far it goes."""

SKY_PART, TERRAIN_PART = 0, 1


@dataclass(frozen=True)
class Placement:
    """One shape in the world at time 0; ``x``, ``z`` in metres, ``velocity`` in metres a second."""

    shape: Shape
    x: float
    z: float
    scale: tuple[float, float, float]
    cos: float
    sin: float
    velocity: tuple[float, float]
    layer: int
    colours: tuple[int, ...]
    gain: float
    ground: int
    offset: tuple[float, float]


@dataclass(frozen=True, eq=False)
class Scene:
    """Arrays of a scene. N corners, P polygons, S parts, G placements.

    Part 0 is the sky and part 1 the bare ground; they have no polygons. Instances are numbered from 1.
    """

    camera: Camera
    x: Floats
    y: Floats
    z: Floats
    following: Ints
    polygon: Ints
    polygon_part: Ints
    polygon_group: Ints
    part_first: Ints
    part_group: Ints
    part_class: NDArray[np.uint8]
    part_instance: NDArray[np.int32]
    part_colour: Ints
    part_gain: Floats
    part_texture: NDArray[np.uint8]
    part_solid: NDArray[np.bool_]
    part_glow: Floats
    part_offset: Floats
    group_layer: Ints
    group_box: Floats
    group_velocity: Floats

    @property
    def part_backdrop(self) -> NDArray[np.bool_]:
        """(S,) whether a part is infinitely far away."""
        backdrop: NDArray[np.bool_] = self.group_layer[self.part_group] == BACKDROP
        backdrop[SKY_PART] = True
        backdrop[TERRAIN_PART] = False
        return backdrop

    @property
    def part_velocity(self) -> Floats:
        """(S, 2) velocity of each part along X and Z in metres a second."""
        velocity = self.group_velocity[self.part_group].copy()
        velocity[: TERRAIN_PART + 1] = 0.0
        return velocity


def assemble(
    camera: Camera, placements: Sequence[Placement], textures: dict[str, int], sky: int, terrain: int
) -> Scene:
    """Flatten ``placements``; ``sky`` and ``terrain`` are the palette rows of the two endless parts."""
    shapes = [p.shape for p in placements]
    sizes = np.array([(s.vertices.shape[0], s.counts.size, s.cls.size, s.owners) for s in shapes], dtype=np.int64)
    starts = np.cumsum(sizes, axis=0) - sizes
    n_v, n_p, n_s = sizes[:, 0], sizes[:, 1], sizes[:, 2]
    v0, p0, s0 = starts[:, 0], starts[:, 1], starts[:, 2] + TERRAIN_PART + 1
    groups = np.arange(len(shapes))
    x, y, z = _corners(placements, shapes, n_v)
    owner = np.concatenate([s.owner for s in shapes])
    cls = np.concatenate([s.cls for s in shapes])
    ground = np.repeat(np.array([p.ground for p in placements]), n_s)
    colours = np.array([c for p in placements for c in p.colours], dtype=np.int64)
    c0 = np.cumsum([len(p.colours) for p in placements]) - [len(p.colours) for p in placements]
    role = np.concatenate([s.role for s in shapes]) + np.repeat(c0, n_s)
    texture = [textures[name] for s in shapes for name in s.texture]
    offset = np.repeat(np.array([p.offset for p in placements]), n_s, axis=0)
    return Scene(
        camera=camera,
        x=x,
        y=y,
        z=z,
        following=np.concatenate([s.following for s in shapes]) + np.repeat(v0, n_v),
        polygon=np.concatenate([s.polygon for s in shapes]) + np.repeat(p0, n_v),
        polygon_part=np.concatenate([s.part_of for s in shapes]) + np.repeat(s0, n_p),
        polygon_group=np.repeat(groups, n_p),
        part_first=_lead(np.concatenate([s.first for s in shapes]) + np.repeat(v0, n_s), 0, 0),
        part_group=_lead(np.repeat(groups, n_s), 0, 0),
        part_class=_lead(np.where(cls == GROUND, ground, cls), 10, 9).astype(np.uint8),
        part_instance=_lead(np.where(owner > 0, owner + np.repeat(starts[:, 3], n_s), 0), 0, 0).astype(np.int32),
        part_colour=_lead(colours[role], sky, terrain),
        part_gain=_lead(np.repeat(np.array([p.gain for p in placements]), n_s), 1.0, 1.0),
        part_texture=_lead(np.array(texture), textures["sky"], textures["terrain"]).astype(np.uint8),
        part_solid=_lead(np.concatenate([s.solid for s in shapes]), False, False),
        part_glow=_lead(np.concatenate([s.glow for s in shapes]), 0.0, 0.0),
        part_offset=np.concatenate([np.zeros((2, 2)), offset]),
        group_layer=np.array([p.layer for p in placements]),
        group_box=_boxes(x, z, n_v),
        group_velocity=np.array([p.velocity for p in placements]),
    )


def _lead(values: NDArray, sky: float, terrain: float) -> NDArray:
    """Put the rows of the sky and of the bare ground before ``values``."""
    return np.concatenate([np.array([sky, terrain], dtype=values.dtype), values])


def _corners(placements: Sequence[Placement], shapes: Sequence[Shape], n_v: Ints) -> tuple[Floats, Floats, Floats]:
    """Scale, turn and move every corner into the world."""
    local = np.concatenate([s.vertices for s in shapes])
    pose = np.array([(*p.scale, p.cos, p.sin, p.x, p.z) for p in placements])
    pose = np.repeat(pose, n_v, axis=0)
    lx, ly, lz = local[:, 0] * pose[:, 0], local[:, 1] * pose[:, 1], local[:, 2] * pose[:, 2]
    cos, sin = pose[:, 3], pose[:, 4]
    return cos * lx + sin * lz + pose[:, 5], ly, cos * lz - sin * lx + pose[:, 6]


def _boxes(x: Floats, z: Floats, n_v: Ints) -> Floats:
    """(G, 4) footprint of each placement: x0, x1, z0, z1."""
    starts = np.cumsum(n_v) - n_v
    columns = [
        np.minimum.reduceat(x, starts),
        np.maximum.reduceat(x, starts),
        np.minimum.reduceat(z, starts),
        np.maximum.reduceat(z, starts),
    ]
    return np.stack(columns, axis=1)
