"""A scene seen from one pose: the map of visible parts, and each part's plane."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from udalib.world.camera import FRAME_SECONDS, Pose
from udalib.world.drawing.raster import clip_near, fill, quantise
from udalib.world.scene import BACKDROP, ENDLESS, PERIOD, SKY_PART, STANDING, TERRAIN_PART, Scene

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

NEAR = 0.4
"""Nothing closer than this (metres) is drawn."""
REACH = 88.0
"""Things that begin farther ahead of the camera than this (metres) are not drawn yet."""
_WAKE = 5.0
"""Standing things that end farther behind the camera than this (metres) are not drawn any more."""
FARTHEST = 1000.0
"""Depth in metres that stands for the sky and the hills."""


@dataclass(frozen=True, eq=False)
class View:
    """One frame of a scene.

    Attributes:
        parts: (H, W) uint16, the visible part of each pixel.
        planes: (S, 3) float64; a part's points seen at normalised (x, y) have 1 / z = a x + b y + c; 0 at infinity.
        normals: (S, 3) normal of each part in camera axes, its largest component 1; inwards for solid parts.
        pose: where the camera was.
        frame: number of the frame.
        lens: focal length and principal point in pixels.
    """

    scene: Scene
    parts: NDArray[np.uint16]
    planes: Floats
    normals: Floats
    pose: Pose
    frame: int
    lens: tuple[float, float, float]

    def grid(self) -> tuple[Floats, Floats]:
        """Normalised coordinates of the pixel centres: x (1, W) and y (H, 1)."""
        height, width = self.parts.shape
        focal, cx, cy = self.lens
        columns, rows = np.arange(width, dtype=np.float64)[None], np.arange(height, dtype=np.float64)[:, None]
        return (columns + (0.5 - cx)) / focal, (rows + (0.5 - cy)) / focal

    def inverse_depth(self) -> Floats:
        """(H, W) float64, 1 / depth in 1 / metre; 0 where the view is endless."""
        x, y = self.grid()
        a, b, c = (np.take(np.ascontiguousarray(self.planes[:, k]), self.parts) for k in range(3))
        inverse = a * x
        inverse += b * y
        inverse += c
        return np.clip(inverse, 0.0, 1.0 / NEAR, out=inverse)


def view(scene: Scene, frame: int, size: tuple[int, int]) -> View:
    """Draw the part map of ``scene`` at ``frame`` in a picture of ``size`` (height, width)."""
    pose, lens = scene.camera.pose(frame), scene.camera.lens(size)
    time = frame * FRAME_SECONDS
    moved = scene.group_velocity * time
    backdrop = scene.group_layer == BACKDROP
    moved[backdrop] += (pose.x, pose.z)
    moved[scene.group_layer == ENDLESS, 1] += PERIOD * math.floor(pose.z / PERIOD)
    group = scene.polygon_group[scene.polygon]
    x, y, z = pose.to_camera(scene.x + moved[group, 0], scene.y, scene.z + moved[group, 1])
    y[backdrop[group]] += scene.camera.height - pose.height
    planes, normals, facing = _planes(scene, x, y, z, pose)
    boxes = scene.group_box + np.repeat(moved, 2, axis=1)
    near = (boxes[:, 2] < pose.z + REACH) & (boxes[:, 3] > pose.z - _WAKE)
    shown = (facing[scene.polygon_part] & near[scene.polygon_group]) | backdrop[scene.polygon_group]
    parts = _background(size, lens)
    order = painters_order(scene.group_layer, boxes, pose)
    _paint(parts, scene, (x, y, z), shown, order, lens)
    return View(scene, parts, planes, normals, pose, frame, lens)


def _background(size: tuple[int, int], lens: tuple[float, float, float]) -> NDArray[np.uint16]:
    parts = np.full(size, SKY_PART, dtype=np.uint16)
    first_row = int(np.clip(np.ceil(np.rint(lens[2] * 256.0) / 256.0 - 0.5), 0, size[0]))
    parts[first_row:] = TERRAIN_PART
    return parts


def _planes(scene: Scene, x: Floats, y: Floats, z: Floats, pose: Pose) -> tuple[Floats, Floats, NDArray[np.bool_]]:
    """Plane and unit-free normal of each part from its first three corners, and whether it can be seen."""
    i = scene.part_first
    j = scene.following[i]
    k = scene.following[j]
    ux, uy, uz = x[j] - x[i], y[j] - y[i], z[j] - z[i]
    vx, vy, vz = x[k] - x[i], y[k] - y[i], z[k] - z[i]
    normal = np.stack([uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx], axis=1)
    distance = normal[:, 0] * x[i] + normal[:, 1] * y[i] + normal[:, 2] * z[i]
    largest = np.maximum(np.maximum(abs(normal[:, 0]), abs(normal[:, 1])), abs(normal[:, 2]))
    edge_on = abs(distance) <= 1e-3 * largest
    facing = ~edge_on & ((distance > 0) | ~scene.part_solid)
    planes = normal / np.where(edge_on, 1.0, distance)[:, None]
    planes[edge_on | scene.part_backdrop] = 0.0
    planes[TERRAIN_PART] = (0.0, 1.0 / pose.height, 0.0)
    return planes, normal / np.where(largest > 0, largest, 1.0)[:, None], facing


def painters_order(layer: Ints, boxes: Floats, pose: Pose) -> Ints:
    """(G,) rank of each placement, far to near, for footprints ``boxes`` (G, 4) x0, x1, z0, z1.

    Of two standing things one is behind the other if it begins where the other ends; if they lie abreast, the one
    farther to the side is. Things that are behind more others are drawn earlier.
    """
    close = (boxes[:, 2] < pose.z + REACH) & (boxes[:, 3] > pose.z - _WAKE)
    standing = np.flatnonzero((layer == STANDING) & close)
    x0, x1, z0, z1 = (boxes[standing, k] for k in range(4))
    aside = abs(0.5 * (x0 + x1) - pose.x)
    beyond = z0[:, None] >= z1[None] - 1e-9
    behind = beyond | (~beyond.T & (aside[:, None] > aside[None]))
    lying = np.flatnonzero(layer != STANDING)
    order = np.concatenate(
        [
            lying[np.argsort(layer[lying], kind="stable")],
            np.flatnonzero((layer == STANDING) & ~close),
            standing[np.lexsort((-(z0 + z1), -behind.sum(axis=1)))],
        ]
    )
    rank = np.empty(layer.size, dtype=np.int64)
    rank[order] = np.arange(layer.size)
    return rank


def _paint(
    parts: NDArray[np.uint16],
    scene: Scene,
    corners: tuple[Floats, Floats, Floats],
    shown: NDArray[np.bool_],
    order: Ints,
    lens: tuple[float, float, float],
) -> None:
    """Project, cut at the near plane, and fill all polygons of a frame."""
    x, y, z = corners
    rank = np.empty(scene.polygon_part.size, dtype=np.int64)
    rank[np.argsort(order[scene.polygon_group], kind="stable")] = np.arange(rank.size)
    values = np.empty(rank.size, dtype=np.uint16)
    values[rank] = scene.polygon_part
    close = z < NEAR
    cut = np.zeros(rank.size, dtype=np.bool_)
    cut[scene.polygon[close]] = True
    kept = shown & ~cut
    corner = np.flatnonzero(kept[scene.polygon])
    place = np.empty(x.size, dtype=np.int64)
    place[corner] = np.arange(corner.size)
    following, owner = place[scene.following[corner]], rank[scene.polygon[corner]]
    xs, ys, zs = x[corner], y[corner], z[corner]
    crossing = np.zeros(rank.size, dtype=np.bool_)
    crossing[scene.polygon[~close]] = True
    for p in np.flatnonzero(cut & crossing & shown):
        own = np.flatnonzero(scene.polygon == p)
        clipped = clip_near(list(zip(x[own].tolist(), y[own].tolist(), z[own].tolist(), strict=True)), NEAR)
        n, base = len(clipped), xs.size
        xs, ys, zs = (np.append(a, [c[k] for c in clipped]) for k, a in enumerate((xs, ys, zs)))
        following = np.append(following, [*range(base + 1, base + n), base])
        owner = np.append(owner, np.full(n, rank[p]))
    focal, cx, cy = lens
    fill(parts, quantise(cx + focal * xs / zs), quantise(cy + focal * ys / zs), following, owner, values)
