"""A shape: flat convex polygons in metres, grouped in parts that share a plane, a class and a colour role.

Local axes: x right, y up, z forward along the street; the origin stands on the ground.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Point = tuple[float, float, float]
Flat = tuple[float, float]
"""A point (x, y) of a flat figure, in the plane z = 0."""
GROUND = 254
"""Class of a part that takes the class of the ground it lies on (shadows)."""

_RING = [(float(round(np.cos(a), 6)), float(round(np.sin(a), 6))) for a in np.arange(16) * (np.pi / 8)]


@dataclass(frozen=True, eq=False)
class Shape:
    """Polygons and the parts they belong to; arrays are read-only by convention.

    Attributes:
        vertices: (N, 3) float64 corners in metres.
        counts: (P,) corners of each polygon.
        part_of: (P,) part of each polygon.
        cls: (S,) train id of each part, or :data:`GROUND`.
        role: (S,) index into ``roles``: which of the instance's colours the part takes.
        roles: palette entries the shape needs, one colour is picked for each.
        texture: (S,) name of the texture of each part.
        owner: (S,) 0: part of no instance, 1: of the object's first, 2: of its second (a rider on a bicycle).
        solid: (S,) whether the part is dropped when it faces away.
        glow: (S,) light the part gives off by itself, 0 to 1, seen at night.
    """

    vertices: NDArray[np.float64]
    counts: NDArray[np.int64]
    part_of: NDArray[np.int64]
    cls: NDArray[np.int64]
    role: NDArray[np.int64]
    roles: tuple[str, ...]
    texture: tuple[str, ...]
    owner: NDArray[np.int64]
    solid: NDArray[np.bool_]
    glow: NDArray[np.float64]
    following: NDArray[np.int64]
    polygon: NDArray[np.int64]
    first: NDArray[np.int64]

    @property
    def owners(self) -> int:
        """How many instances the shape makes: 0, 1 or 2."""
        return int(np.max(self.owner))


class Mould:
    """Collects parts and polygons and casts them into a :class:`Shape`."""

    def __init__(self) -> None:
        self._polygons: list[tuple[int, list[Point]]] = []
        self._parts: list[tuple[int, str, str, int, bool, float]] = []

    def part(
        self, cls: int, role: str, *, texture: str = "none", owner: int = 0, solid: bool = False, glow: float = 0.0
    ) -> int:
        """Add a part and return its number."""
        self._parts.append((cls, role, texture, owner, solid, glow))
        return len(self._parts) - 1

    def flat(self, part: int, points: Sequence[Flat]) -> None:
        """Add a convex polygon in the plane z = 0."""
        self.polygon(part, [(x, y, 0.0) for x, y in points])

    def polygon(self, part: int, points: Sequence[Point]) -> None:
        """Add a flat convex polygon; the first three points of a part's first polygon must span its plane."""
        self._polygons.append((part, list(points)))

    def face(
        self,
        cls: int,
        role: str,
        points: Sequence[Point],
        inside: Point,
        *,
        texture: str = "none",
        owner: int = 1,
        glow: float = 0.0,
    ) -> int:
        """Add a solid part of one polygon, turned so that its normal points away from ``inside``."""
        part = self.part(cls, role, texture=texture, owner=owner, solid=True, glow=glow)
        self.polygon(part, outward(points, inside))
        return part

    def box(
        self,
        cls: int,
        role: str,
        low: Point,
        high: Point,
        *,
        texture: str = "none",
        owner: int = 1,
        faces: str = "xXzZY",
    ) -> None:
        """Add the named faces of a box: x/X left and right, z/Z back and front, Y top."""
        (x0, y0, z0), (x1, y1, z1) = low, high
        inside = ((x0 + x1) / 2, (y0 + y1) / 2, (z0 + z1) / 2)
        quads = {
            "x": [(x0, y0, z0), (x0, y1, z0), (x0, y1, z1), (x0, y0, z1)],
            "X": [(x1, y0, z0), (x1, y1, z0), (x1, y1, z1), (x1, y0, z1)],
            "z": [(x0, y0, z0), (x1, y0, z0), (x1, y1, z0), (x0, y1, z0)],
            "Z": [(x0, y0, z1), (x1, y0, z1), (x1, y1, z1), (x0, y1, z1)],
            "Y": [(x0, y1, z0), (x1, y1, z0), (x1, y1, z1), (x0, y1, z1)],
        }
        for name in faces:
            self.face(cls, role, quads[name], inside, texture=texture, owner=owner)

    def build(self) -> Shape:
        """Cast the shape."""
        counts = np.array([len(points) for _, points in self._polygons], dtype=np.int64)
        starts = np.cumsum(counts) - counts
        part_of = np.array([part for part, _ in self._polygons], dtype=np.int64)
        following = np.arange(int(counts.sum()), dtype=np.int64) + 1
        following[starts + counts - 1] = starts
        cls, role_names, texture, owner, solid, glow = zip(*self._parts, strict=True)
        roles = tuple(dict.fromkeys(role_names))
        first = np.array([starts[int(np.argmax(part_of == s))] for s in range(len(cls))], dtype=np.int64)
        return Shape(
            vertices=np.array([p for _, points in self._polygons for p in points], dtype=np.float64),
            counts=counts,
            part_of=part_of,
            cls=np.array(cls, dtype=np.int64),
            role=np.array([roles.index(r) for r in role_names], dtype=np.int64),
            roles=roles,
            texture=tuple(texture),
            owner=np.array(owner, dtype=np.int64),
            solid=np.array(solid, dtype=np.bool_),
            glow=np.array(glow, dtype=np.float64),
            following=following,
            polygon=np.repeat(np.arange(counts.size), counts),
            first=first,
        )


def outward(points: Sequence[Point], inside: Point) -> list[Point]:
    """Order ``points`` so that (p1 - p0) x (p2 - p0) points away from ``inside``."""
    p0, p1, p2 = (np.array(p) for p in points[:3])
    away = float(np.cross(p1 - p0, p2 - p0) @ (p0 - np.array(inside)))
    return list(points) if away > 0 else list(points)[::-1]


def ring(x: float, y: float, rx: float, ry: float, *, corners: int = 8) -> list[Flat]:
    """Corners of an ellipse, for ``corners`` 4, 8 or 16."""
    return [(x + rx * c, y + ry * s) for c, s in _RING[:: 16 // corners]]


def wheel(x: float, y: float, z: float, radius: float) -> list[Point]:
    """Corners of a disc in the plane x (the side of a vehicle)."""
    return [(x, y + radius * s, z + radius * c) for c, s in _RING[::2]]


def inset(points: Sequence[Point], keep: float, shift: float = 0.0) -> list[Point]:
    """Shrink a polygon about its centre to ``keep`` of its size (window panes), raised by ``shift`` of its height."""
    n = len(points)
    cx, cy, cz = (sum(p[i] for p in points) / n for i in range(3))
    rise = shift * (max(p[1] for p in points) - min(p[1] for p in points))
    return [(cx + keep * (x - cx), cy + keep * (y - cy) + rise, cz + keep * (z - cz)) for x, y, z in points]
