"""A stand-in for a teacher where no model is at hand: the truth, made coarse and unsure in a stated way."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from udalib.core.seeding import torch_generator
from udalib.ops import resize

STAND_IN = "no model: truth in cells of {scale} pixels, with noise"
"""What a picture says of pseudo labels that come from :func:`stand_in_logits`."""


def stand_in_logits(
    label: Tensor, num_classes: int, *, scale: int = 8, strength: float = 8.0, noise: float = 2.0, seed: int = 0
) -> Tensor:
    """Logits of a made-up teacher that knows the truth coarsely: float (B, C, H, W) from a label (B, H, W).

    The truth is averaged over cells of ``scale`` pixels, multiplied by ``strength``, normal noise of standard deviation
    ``noise`` is added in each cell, and the result is resized bilinearly. So it is sure inside large regions, unsure at
    borders, and misses small things; ignored pixels get noise alone. For explanation: it is no model of any network.
    """
    ids = torch.arange(num_classes, device=label.device).view(1, -1, 1, 1)
    cells = F.avg_pool2d((label[:, None] == ids).float(), scale, ceil_mode=True, count_include_pad=False)
    generator = torch_generator("stand-in teacher", seed)
    random = torch.randn(cells.shape, generator=generator).to(label.device)
    return resize(strength * cells + noise * random, label.shape[-2:])
