"""Air and camera: haze, night, rain, uneven light, blur, noise, tone."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow

from udalib.world.drawing.shading import Image, Surfaces
from udalib.world.drawing.view import View
from udalib.world.scene import SKY_PART
from udalib.world.styles import Photo

_MARGIN = 64
_LAMPLIGHT = np.array([150.0, 130.0, 90.0], dtype=np.float32)[:, None, None]
_THICKNESS = np.float32(150.0)
"""Metres of hazy air before the sky: light haze leaves it blue, fog hides it."""


def develop(
    image: Image, view: View, places: Surfaces, photo: Photo, dice: np.random.Generator, frame_dice: np.random.Generator
) -> NDArray[np.uint8]:
    """Turn lit colours (3, H, W) into the picture the camera stores, uint8.

    ``dice`` draws what a whole clip shares (exposure, cast, uneven light), ``frame_dice`` what changes (noise, drops).
    """
    draws = dice.random(8)
    if photo.rain > 0.0:
        _wet_road(image, view, photo.rain)
    if photo.night > 0.0:
        _darken(image, view, places, photo.night)
    if photo.haze > 0.0:
        _haze(image, places, photo)
    if photo.patches > 0.0:
        image *= 1.0 + np.float32(photo.patches) * _soft_field(dice, image.shape[1:])
    if photo.rain > 0.0:
        _streaks(image, photo.rain, frame_dice)
    if photo.blur > 0.0:
        image = _blur(image, photo.blur)
    if photo.noise > 0.0:
        image += np.float32(255.0 * photo.noise) * _noise(image.shape[1:], frame_dice)
    return _tone(image, photo, draws)


def _haze(image: Image, places: Surfaces, photo: Photo) -> None:
    clear = np.exp(np.minimum(places.depth, _THICKNESS) * np.float32(-photo.haze))
    for k in range(3):
        image[k] -= np.float32(photo.haze_colour[k])
        image[k] *= clear
        image[k] += np.float32(photo.haze_colour[k])


def _darken(image: Image, view: View, places: Surfaces, night: float) -> None:
    """Moonlit ambient, the car's own headlights, and whatever glows by itself."""
    scene, parts = view.scene, view.parts
    side = places.sideways / (1.5 + 0.28 * places.depth)
    beam = 1.05 / (1.0 + (places.depth / 16.0) ** 2) / (1.0 + side * side)
    beam *= 1.0 / (1.0 + np.maximum(places.height - 1.2, 0.0) ** 2)
    ambient = np.float32(1.0 - 0.74 * night)
    glow = np.take(scene.part_glow.astype(np.float32), parts)
    light = ambient + night * np.maximum(beam.astype(np.float32), 1.3 * glow)
    light[parts == SKY_PART] = 1.0 - 0.86 * night
    image *= light
    halo = glow
    for share in (120, 60, 30):
        halo = _box(halo, max(1, parts.shape[1] // share))
    image += night * _LAMPLIGHT * np.minimum(2.5 * halo, 0.5)


def _box(values: NDArray[np.float32], reach: int) -> NDArray[np.float32]:
    """Mean over (2 reach + 1) squared pixels, by running sums."""
    out = values
    for axis in (0, 1):
        pad = [(0, 0), (0, 0)]
        pad[axis] = (reach + 1, reach)
        total = np.cumsum(np.pad(out, pad), axis=axis, dtype=np.float64)
        n = values.shape[axis]
        high = np.take(total, np.arange(n) + 2 * reach + 1, axis=axis)
        out = ((high - np.take(total, np.arange(n), axis=axis)) / (2 * reach + 1)).astype(np.float32)
    return out


def _wet_road(image: Image, view: View, rain: float) -> None:
    """Darken the road and mirror the scene in it about the horizon."""
    height = image.shape[1]
    road = np.take(view.scene.part_class, view.parts) == 0
    rows = np.clip((2.0 * view.lens[2] - np.arange(height) * 1.0).astype(np.int64), 0, height - 1)
    share = (0.42 * rain * road).astype(np.float32)
    image *= 1.0 - 0.25 * rain * road.astype(np.float32)
    image += share * (image[:, rows] - image)


def _streaks(image: Image, rain: float, dice: np.random.Generator) -> None:
    """Short bright slanted lines of falling drops."""
    _, height, width = image.shape
    n = int(60 * rain * width / 256)
    x, y, length = (dice.random(n) * limit for limit in (width, height, 0.09 * height))
    for k in range(max(2, int(0.09 * height))):
        on = k < length
        row = (y[on] + k).astype(np.int64) % height
        column = (x[on] + 0.25 * k).astype(np.int64) % width
        image[:, row, column] += (215.0 - image[:, row, column]) * 0.4


def _soft_field(dice: np.random.Generator, size: tuple[int, int]) -> NDArray[np.float32]:
    """Smooth random field in about -1..1."""
    knots = (dice.random((4, 6)) * 2.0 - 1.0).astype(np.float32)
    field = Pillow.fromarray(knots).resize((size[1], size[0]), Pillow.Resampling.BICUBIC)
    return np.asarray(field, dtype=np.float32)


def _blur(image: Image, passes: float) -> Image:
    """Binomial filter (1 2 1) / 4 in both directions; the last pass counts by its part."""
    while passes > 0.0:
        part = np.float32(min(1.0, passes))
        out = image.copy()
        out[:, :, 1:-1] += (0.25 * part) * (image[:, :, :-2] + image[:, :, 2:] - 2.0 * image[:, :, 1:-1])
        image = out.copy()
        image[:, 1:-1] += (0.25 * part) * (out[:, :-2] + out[:, 2:] - 2.0 * out[:, 1:-1])
        passes -= 1.0
    return image


@lru_cache(maxsize=8)
def _noise_bank(size: tuple[int, int]) -> NDArray[np.float32]:
    """Noise of unit variance (three uniform numbers summed), larger than a picture of ``size``."""
    shape = (3, size[0] + _MARGIN, size[1] + _MARGIN)
    generator = np.random.Generator(np.random.PCG64(20))
    bank: NDArray[np.float32] = sum(generator.random(shape, dtype=np.float32) for _ in range(3))  # type: ignore[assignment]
    return (bank - np.float32(1.5)) * np.float32(2.0)


def _noise(size: tuple[int, int], dice: np.random.Generator) -> NDArray[np.float32]:
    """Crop of the bank at a random place."""
    y, x = (dice.random(2) * _MARGIN).astype(int)
    return _noise_bank(size)[:, y : y + size[0], x : x + size[1]]


def _tone(image: Image, photo: Photo, draws: NDArray[np.float64]) -> NDArray[np.uint8]:
    """Exposure, colour cast and gamma through one look-up table a channel."""
    plain = photo.exposure == (1.0, 1.0) and photo.gamma == (1.0, 1.0) and photo.cast_spread == 0.0
    if plain and photo.cast == (1.0, 1.0, 1.0):
        rounded: NDArray[np.uint8] = np.clip(image + 0.5, 0.0, 255.0).astype(np.uint8)
        return rounded
    exposure = photo.exposure[0] + (photo.exposure[1] - photo.exposure[0]) * draws[0]
    gamma = photo.gamma[0] + (photo.gamma[1] - photo.gamma[0]) * draws[1]
    out = np.empty(image.shape, dtype=np.uint8)
    levels = np.clip(image * 4.0 + 0.5, 0.0, 1023.0).astype(np.int16)
    for k in range(3):
        gain = exposure * photo.cast[k] * (1.0 + photo.cast_spread * (2.0 * draws[2 + k] - 1.0))
        curve = 255.0 * np.minimum(np.arange(1024) / 1020.0 * gain, 1.0) ** gamma
        np.take(np.rint(curve).astype(np.uint8), levels[k], out=out[k], mode="clip")
    return out
