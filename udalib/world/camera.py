"""Where the camera is, frame by frame: a level pinhole camera that drives along the street.

World axes: X right, Y up, Z along the street, metres; the ground is Y = 0. Camera axes: x right, y down, z forward.
Turns are given by t = tan(angle / 2), so that cosine and sine are rational and the same on every machine.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

FRAME_SECONDS = 1.0 / 17.0
"""Time between two frames of a clip: 17 frames a second, as in the Cityscapes sequences."""


def rotation(t: float) -> tuple[float, float]:
    """Cosine and sine of the angle whose half has the tangent ``t``."""
    return (1.0 - t * t) / (1.0 + t * t), 2.0 * t / (1.0 + t * t)


@dataclass(frozen=True)
class Pose:
    """Position of the camera (metres) and cosine and sine of its turn to the right."""

    x: float
    z: float
    height: float
    cos: float
    sin: float

    def to_camera(self, x: Floats, y: Floats, z: Floats) -> tuple[Floats, Floats, Floats]:
        """World points to camera coordinates."""
        dx, dz = x - self.x, z - self.z
        return self.cos * dx - self.sin * dz, self.height - y, self.sin * dx + self.cos * dz


@dataclass(frozen=True)
class Camera:
    """Lens and path; lengths of the lens are relative, so that one camera serves every picture size.

    Attributes:
        focal: focal length as a part of the picture's width.
        centre: column of the principal point as a part of the width.
        horizon: row of the horizon as a part of the height.
        height: metres above the road.
        x: metres to the right of the middle of the road.
        turn: tan of half the turn to the right at time 0.
        speed: metres a second along the street.
        sway: half the width (metres) and tan half-angle of the slow weaving of a clip.
        period: seconds of one weave.
    """

    focal: float
    centre: float
    horizon: float
    height: float
    x: float
    turn: float
    speed: float
    sway: tuple[float, float]
    period: float

    def pose(self, frame: int) -> Pose:
        """Pose at a frame; frame 0 is where the still picture was taken."""
        time = frame * FRAME_SECONDS
        weave = triangle(time / self.period)
        cos, sin = rotation(self.turn + self.sway[1] * weave)
        return Pose(self.x + self.sway[0] * weave, self.speed * time, self.height, cos, sin)

    def lens(self, size: tuple[int, int]) -> tuple[float, float, float]:
        """Focal length and principal point in pixels of a picture of ``size`` (height, width)."""
        height, width = size
        return self.focal * width, self.centre * width, self.horizon * height


def triangle(phase: float) -> float:
    """Triangle wave of period 1 that starts at 0 and runs between -1 and 1."""
    part = (phase + 0.25) % 1.0
    return 4.0 * part - 1.0 if part < 0.5 else 3.0 - 4.0 * part
