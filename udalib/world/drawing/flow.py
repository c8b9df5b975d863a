"""Exact optical flow between two frames of a scene, from depth, camera poses and the motion of each part."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from udalib.world.camera import FRAME_SECONDS, Pose
from udalib.world.drawing.view import View


def flow(view: View, pose: Pose, frame: int) -> NDArray[np.float32]:
    """Where the visible point of each pixel of ``view`` lies at ``frame``, seen from ``pose``.

    Returns:
        (2, H, W) float32 displacement in pixels, u to the right and v down.

    A point at normalised (x, y) with inverse depth w has the direction (x, y, 1) and the place (x, y, 1) / w; the next
    place times w is R (x, y, 1) + w t, which also holds for w = 0 (the sky, which only turns).
    """
    x, y = view.grid()
    inverse = view.inverse_depth()
    now, scene = view.pose, view.scene
    seconds = (frame - view.frame) * FRAME_SECONDS
    velocity = scene.part_velocity * seconds
    moved_x = np.take(velocity[:, 0] + (now.x - pose.x), view.parts)
    moved_z = np.take(velocity[:, 1] + (now.z - pose.z), view.parts)
    side = now.cos * x + now.sin + inverse * moved_x
    ahead = now.cos - now.sin * x + inverse * moved_z
    across = pose.cos * side - pose.sin * ahead
    forward = pose.sin * side + pose.cos * ahead
    down = y + inverse * (pose.height - now.height)
    forward = np.maximum(forward, 1e-6)
    focal = view.lens[0]
    u = focal * (across / forward - x)
    v = focal * (down / forward - y)
    return np.stack([u, v]).astype(np.float32)
