"""From part map to picture: colours, textures, light."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from udalib.world.camera import FRAME_SECONDS
from udalib.world.drawing import palette
from udalib.world.drawing.textures import NUMBERS, SIDE, TEXTURES, bank
from udalib.world.drawing.view import FARTHEST, View
from udalib.world.scene import SKY_PART
from udalib.world.styles import Style

Image = NDArray[np.float32]

_FADE = 14.0
"""Textures lose their strength beyond this depth in metres."""
_SUN = (0.45, 0.8, -0.4)


@dataclass(frozen=True, eq=False)
class Surfaces:
    """Where every pixel lies: texel of its texture, depth, and 1 / depth, all (H, W) float32 or int32."""

    texel: NDArray[np.int32]
    depth: NDArray[np.float32]
    height: NDArray[np.float32]
    sideways: NDArray[np.float32]


def locate(view: View, inverse: NDArray[np.float64]) -> Surfaces:
    """World position and texel of every pixel."""
    pose, scene = view.pose, view.scene
    x, y = (a.astype(np.float32) for a in view.grid())
    depth = (1.0 / np.maximum(inverse, 1.0 / FARTHEST)).astype(np.float32)
    forward = depth * (np.float32(pose.cos) - np.float32(pose.sin) * x)
    sideways = depth * (np.float32(pose.cos) * x + np.float32(pose.sin))
    height = np.float32(pose.height) - depth * y
    lying = np.abs(view.normals[:, 1]) > 0.9
    tiles = _TILES[scene.part_texture]
    time = view.frame * FRAME_SECONDS
    velocity = scene.part_velocity
    shift_u = (
        scene.part_offset[:, 0] + pose.x - velocity[:, 0] * time + np.where(lying, 0.0, pose.z - velocity[:, 1] * time)
    )
    shift_v = np.where(lying, pose.z - velocity[:, 1] * time, 0.0)
    scale_u, scale_v = SIDE / tiles[:, 0], SIDE / tiles[:, 1]
    parts = view.parts
    upright = _look(np.where(lying, 0.0, 1.0), parts)
    u = forward * upright
    u += sideways
    u += _look(shift_u, parts)
    u *= _look(scale_u, parts)
    v = (height - forward) * upright
    v += forward
    v += _look(shift_v, parts)
    v *= _look(scale_v, parts)
    column, row = (u + 65536.0).astype(np.int32), (v + 65536.0).astype(np.int32)
    column &= SIDE - 1
    row &= SIDE - 1
    row *= SIDE
    row += column
    row += np.take(scene.part_texture.astype(np.int32) * (SIDE * SIDE), parts)
    return Surfaces(row, depth, height, sideways)


_TILES = np.array([t.metres for t in TEXTURES.values()])
_AMPLITUDE = np.array([t.amplitude for t in TEXTURES.values()])
_MASKED = np.array([t.mask != "plain" for t in TEXTURES.values()])
_PHOTO_MASKED = np.array([t.photo_mask != "plain" for t in TEXTURES.values()])


def _look(values: NDArray, parts: NDArray[np.uint16]) -> Image:
    """Value of each pixel's part."""
    return np.take(values.astype(np.float32), parts)


def paint(
    view: View, places: Surfaces, style: Style, sun: tuple[float, float, float], colours: Image | None = None
) -> Image:
    """Lit colours (3, H, W) float32 on the 0..255 scale, before air and camera.

    ``colours`` (M, 3) takes the place of the style's :func:`udalib.world.drawing.palette.table`.
    """
    scene, parts = view.scene, view.parts
    table = palette.table(style.surface.palette) if colours is None else colours
    first = table[scene.part_colour]
    second = table[_second_rows()[scene.part_texture]]
    light = (_light(view, style.surface.sun, sun) * scene.part_gain)[:, None].astype(np.float32)
    first, second = first * light, second * light
    image = np.empty((3, *parts.shape), dtype=np.float32)
    for k in range(3):
        np.take(np.ascontiguousarray(first[:, k]), parts, out=image[k], mode="clip")
    strength = style.surface.texture
    masks, photo_masks, grains = bank()
    _mix(image, parts, places.texel, _MASKED[scene.part_texture], masks, second - first, 1.0)
    if strength > 0.0:
        _mix(
            image,
            parts,
            places.texel,
            _PHOTO_MASKED[scene.part_texture],
            photo_masks,
            second - first,
            min(1.0, strength),
        )
        fade = np.minimum(np.float32(1.0), np.float32(_FADE) / places.depth)
        grain = np.take(grains, places.texel)
        grain *= fade
        grain *= _look(_AMPLITUDE[scene.part_texture] * strength, parts)
        grain += 1.0
        image *= grain
    _sky(image, view)
    return image


def _mix(
    image: Image,
    parts: NDArray[np.uint16],
    texel: NDArray[np.int32],
    masked: NDArray[np.bool_],
    masks: NDArray[np.float32],
    difference: NDArray[np.float32],
    strength: float,
) -> None:
    """Mix the second colour in where a part has a pattern."""
    pixels = np.flatnonzero(np.take(masked, parts))
    if pixels.size == 0:
        return
    part = np.take(parts, pixels)
    mask = np.take(masks, np.take(texel, pixels)) * np.float32(strength)
    flat = image.reshape(3, -1)
    for k in range(3):
        flat[k, pixels] += mask * np.take(np.ascontiguousarray(difference[:, k]), part)


def _second_rows() -> NDArray[np.int64]:
    rows = palette.rows()
    return np.array([rows[t.second][0] for t in TEXTURES.values()])


def _light(view: View, share: float, sun: tuple[float, float, float]) -> NDArray[np.float64]:
    """(S,) brightness of each part: ambient light and a sun that flat figures do not feel."""
    scene, pose, n = view.scene, view.pose, view.normals
    # Camera normals of solid parts point inwards (the y axis is mirrored), so the outward one is their negative.
    outward_x = -(pose.cos * n[:, 0] + pose.sin * n[:, 2])
    outward_z = -(pose.cos * n[:, 2] - pose.sin * n[:, 0])
    facing = np.maximum(0.0, outward_x * sun[0] + n[:, 1] * sun[1] + outward_z * sun[2])
    light = np.where(scene.part_solid, 1.0 - share + 1.15 * share * facing + 0.25 * share, 1.0)
    light[SKY_PART] = 1.0
    return light


def _sky(image: Image, view: View) -> None:
    """Brighten the sky towards the horizon."""
    rows = int(np.clip(view.lens[2], 0, view.parts.shape[0]))
    if rows == 0:
        return
    rise = (0.86 + 0.22 * (np.arange(rows, dtype=np.float32) + 1.0) / rows)[:, None]
    factor = np.where(view.parts[:rows] == SKY_PART, rise, np.float32(1.0))
    image[:, :rows] *= factor


__all__ = ["NUMBERS", "Surfaces", "locate", "paint"]
