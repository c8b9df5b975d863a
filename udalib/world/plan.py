"""What a scene is planned with: free ground, the street's cross-section, the camera in it."""

from __future__ import annotations

from udalib.world.camera import Camera, rotation
from udalib.world.dice import Dice
from udalib.world.drawing.palette import rows
from udalib.world.kit import Shape
from udalib.world.scene import ENDLESS, FLOOR, STANDING, Placement
from udalib.world.styles import Layout, Surface

ROAD, SIDEWALK, TERRAIN = 0, 1, 9


class Plan:
    """Collects placements and keeps the ground they stand on free for one thing each."""

    def __init__(self, dice: Dice, surface: Surface) -> None:
        self.dice, self.surface = dice, surface
        self.placements: list[Placement] = []
        self._taken: list[tuple[float, float, float, float]] = []

    def put(
        self,
        shape: Shape,
        x: float,
        z: float,
        *,
        scale: tuple[float, float, float] = (1.0, 1.0, 1.0),
        turn: float | None = 0.0,
        velocity: tuple[float, float] = (0.0, 0.0),
        layer: int = STANDING,
        ground: int = ROAD,
        gain: float | None = None,
    ) -> None:
        """Place ``shape``; ``turn`` is the tangent of half its turn, None for half a circle."""
        dice, palette = self.dice, rows()
        cos, sin = (-1.0, 0.0) if turn is None else rotation(turn)
        colours = tuple(dice.pick(palette[role]) for role in shape.roles)
        spread = self.surface.spread
        brightness = dice.uniform(1.0 - spread, 1.0 + spread) if gain is None else gain
        offset = (0.0, 0.0) if layer in (ENDLESS, FLOOR) else (dice.uniform(0.0, 64.0), 0.0)
        self.placements.append(
            Placement(shape, x, z, scale, cos, sin, velocity, layer, colours, brightness, ground, offset)
        )

    def claim(self, x: float, z: float, half_x: float, half_z: float) -> bool:
        """Reserve a rectangle of ground (metres) if no part of it is taken."""
        box = (x - half_x, x + half_x, z - half_z, z + half_z)
        for x0, x1, z0, z1 in self._taken:
            if box[0] < x1 and x0 < box[1] and box[2] < z1 and z0 < box[3]:
                return False
        self._taken.append(box)
        return True


class Street:
    """Cross-section of one street, metres from its middle, drawn once a scene.

    ``lane`` from the middle line to the parking strip, ``kerb`` the edge of the road, ``front`` where the houses begin.
    """

    def __init__(self, dice: Dice, layout: Layout) -> None:
        self.lane = dice.span(layout.lane)
        self.rails = dice.chance(0.5)
        left, right = dice.span(layout.parking), dice.span(layout.parking)
        self.kerb = {-1: self.lane + left, 1: self.lane + right}
        self.front = {side: self.kerb[side] + dice.span(layout.sidewalk) for side in (-1, 1)}
        self.own_speed = dice.uniform(7.0, 10.0)
        self.other_speed = -dice.uniform(6.0, 11.0)
        self.walk = {-1: dice.uniform(0.8, 1.6), 1: -dice.uniform(0.8, 1.6)}


def make_camera(dice: Dice, layout: Layout, street: Street) -> Camera:
    """Camera in the right lane, slower than the traffic ahead of it."""
    return Camera(
        focal=dice.span(layout.focal),
        centre=dice.span(layout.centre),
        horizon=dice.span(layout.horizon),
        height=dice.span(layout.height),
        x=0.5 * street.lane + dice.uniform(-0.5, 0.4),
        turn=dice.uniform(-0.03, 0.03),
        speed=min(dice.uniform(3.0, 8.0), street.own_speed),
        sway=(dice.uniform(-0.3, 0.3), dice.uniform(-0.02, 0.02)),
        period=dice.uniform(4.0, 8.0),
    )
