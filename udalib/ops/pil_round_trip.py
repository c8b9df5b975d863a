"""A frame without its mean, converted as if it were an image in [0, 1] (quadmix sheet, sections 4.5 and 4.8)."""

from __future__ import annotations

import torch
from torch import Tensor


def pil_round_trip(frames: Tensor) -> Tensor:
    """Published conversion of mean-subtracted frames to a Pillow image and back: trunc(255 x) mod 256, over 255.

    Values of about -128 .. 128 wrap around many times, so that what comes out is close to noise in [0, 1], beside
    frames in +-128. No method of ours does this; it is here to be seen, and to be measured by whoever repeats the
    published training.

    Args:
        frames: float, any shape.
    """
    return torch.remainder((frames * 255).trunc().to(torch.int64), 256).to(frames.dtype) / 255
