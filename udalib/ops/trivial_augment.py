"""TrivialAugment as GKGNet is trained: one operation a picture, at one of 31 levels (gkgnet sheet, 5.1).

Our source names the 14 operations and the ends of rotation, shear and translation. The ends of the others, and the grey
that comes in at the borders, are in none of our sources: they are what is usual (up to 0.9 away from 1 for the
enhancements, down to 4 bits, a threshold down to 0).
"""

from __future__ import annotations

import math
from collections.abc import Callable

from torch import Tensor

from udalib.core.errors import unknown_name
from udalib.core.lazy import LazyModule

tv = LazyModule("torchvision.transforms.v2.functional")

LEVELS = 30
GREY = (0.5, 0.5, 0.5)
Operation = Callable[[Tensor, float, float], Tensor]
"""(image, level / LEVELS, sign of 1 or -1) -> image."""


def _affine(
    image: Tensor, angle: float = 0.0, translate: tuple[float, float] = (0, 0), shear: tuple[float, float] = (0, 0)
) -> Tensor:
    bilinear = {"interpolation": tv.InterpolationMode.BILINEAR, "fill": list(GREY)}
    moved: Tensor = tv.affine(image, angle, list(translate), 1.0, list(shear), **bilinear)
    return moved


def _degrees(slope: float) -> float:
    return math.degrees(math.atan(slope))


OPERATIONS: dict[str, Operation] = {
    "identity": lambda x, level, sign: x,
    "autocontrast": lambda x, level, sign: tv.autocontrast(x),
    "equalise": lambda x, level, sign: tv.equalize(x),
    "rotate": lambda x, level, sign: _affine(x, angle=30 * level * sign),
    "solarise": lambda x, level, sign: tv.solarize(x, 1 - level) if level else x,
    "colour": lambda x, level, sign: tv.adjust_saturation(x, 1 + 0.9 * level * sign),
    "posterise": lambda x, level, sign: tv.posterize(x, 8 - round(4 * level)),
    "contrast": lambda x, level, sign: tv.adjust_contrast(x, 1 + 0.9 * level * sign),
    "brightness": lambda x, level, sign: tv.adjust_brightness(x, 1 + 0.9 * level * sign),
    "sharpness": lambda x, level, sign: tv.adjust_sharpness(x, 1 + 0.9 * level * sign),
    "shear x": lambda x, level, sign: _affine(x, shear=(_degrees(0.3 * level * sign), 0.0)),
    "shear y": lambda x, level, sign: _affine(x, shear=(0.0, _degrees(0.3 * level * sign))),
    "translate x": lambda x, level, sign: _affine(x, translate=(10 * level * sign, 0.0)),
    "translate y": lambda x, level, sign: _affine(x, translate=(0.0, 10 * level * sign)),
}
"""Operations on float RGB (3, H, W) in [0, 1]; angles in degrees, shifts in pixels."""


def trivial_augment(image: Tensor, operation: str, level: int, sign: int = 1) -> Tensor:
    """Change an image by one operation.

    Args:
        image: float RGB (3, H, W) in [0, 1].
        operation: of :data:`OPERATIONS`.
        level: 0 to :data:`LEVELS`; 0 changes nothing where there is a strength.
        sign: 1 or -1, the direction where there are two.

    Raises:
        UnknownNameError: there is no such operation.
    """
    if operation not in OPERATIONS:
        raise unknown_name("operation of TrivialAugment", operation, OPERATIONS)
    return OPERATIONS[operation](image, level / LEVELS, float(sign))
