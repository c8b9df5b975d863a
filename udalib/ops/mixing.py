"""Masks that say which pixels of a mixed image come from its first source: ClassMix, CutMix, CowMix.

Olsson et al., "ClassMix", WACV 2021, in the form DACS and DAFormer run it (daformer sheet, section 5, step 7); Yun et
al., "CutMix", ICCV 2019, with the box of French et al., BMVC 2020; French et al., "Milking CowMask", 2020.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from udalib.core.draws import Draws
from udalib.core.errors import ConfigError
from udalib.ops.photometric import blur

IDS = 256
"""Ids a label may hold: classes, and 255 for ignored pixels."""


def present_classes(label: Tensor) -> Tensor:
    """Which ids occur in each label (B, H, W), bool (B, 256), 255 included; without waiting for the device."""
    present = torch.zeros(len(label), IDS, dtype=torch.bool, device=label.device)
    return present.scatter_(1, label.flatten(1).long(), True)


def choose_half(present: Tensor, priority: Tensor) -> Tensor:
    """Choose ceil(n / 2) of the n ids that are ``present``, those of the lowest ``priority``.

    Args:
        present: bool (B, 256), or (1, 256) for ids that all samples choose from.
        priority: float (B, 256) in [0, 1), uniform at random: a choice without replacement.

    Returns:
        bool (B, 256).

    >>> present = torch.tensor([[True, True, False, True]])
    >>> choose_half(present, torch.tensor([[0.9, 0.1, 0.0, 0.5]]))
    tensor([[False,  True, False,  True]])
    """
    order = priority.masked_fill(~present, 2.0).argsort(1).argsort(1)
    count = (present.sum(1, keepdim=True) + 1) // 2
    return order < count


def class_mask(label: Tensor, chosen: Tensor) -> Tensor:
    """Where a label (B, H, W) shows one of the ids ``chosen``, bool (B, 256); bool (B, H, W)."""
    return chosen.gather(1, label.flatten(1).long()).view(label.shape)


def cut_mask(size: tuple[int, int], draws: Draws, share: float = 0.5) -> Tensor:
    """CutMix: a box a sample that covers ``share`` of the image, bool (B, H, W) on the CPU, true inside.

    The height is uniform on a logarithmic scale between ``share`` and 1 of the image's, the width follows, the place
    is uniform.
    """
    _check_share(share)
    height, width = size
    stretch = share ** draws.uniform()
    rows = (stretch * height).round().long().clamp(1, height)
    columns = (share / stretch * width).round().long().clamp(1, width)
    top, left = draws.integers(0, height - rows), draws.integers(0, width - columns)
    y, x = torch.arange(height)[None, :, None], torch.arange(width)[None, None, :]
    top, left, rows, columns = (t[:, None, None] for t in (top, left, rows, columns))
    return (y >= top) & (y < top + rows) & (x >= left) & (x < left + columns)


def cow_mask(
    size: tuple[int, int], draws: Draws, share: float = 0.5, scale: tuple[float, float] = (0.02, 0.08)
) -> Tensor:
    """CowMix: irregular spots that cover ``share`` of the image, bool (B, H, W) on the CPU.

    Uniform noise, blurred with a sigma of ``scale`` times the longer side (log-uniform, one a sample), cut at the
    value that leaves ``share`` of the pixels above it (exactly, by their rank).
    """
    _check_share(share)
    low, high = (math.log(s * max(size)) for s in scale)
    sigma = draws.uniform(low, high).exp()
    reach = math.ceil(3 * math.exp(high))
    kernel = (2 * min(reach, size[0] - 1) + 1, 2 * min(reach, size[1] - 1) + 1)
    smooth = blur(draws.noise(1, *size), sigma, kernel).flatten(1)
    rank = smooth.argsort(1).argsort(1)
    return (rank >= round((1 - share) * smooth.shape[1])).view(-1, *size)


RANDOM_MASKS: dict[str, Callable[[tuple[int, int], Draws], Tensor]] = {"cut": cut_mask, "cow": cow_mask}
"""Masks by name that know nothing of the labels."""


def mix(mask: Tensor, inside: Tensor, outside: Tensor) -> Tensor:
    """Take ``inside`` where ``mask``, bool (B, H, W), is true, else ``outside``; both (B, H, W) or (B, C, H, W).

    Raises:
        ConfigError: they differ in shape; nothing is broadcast.
    """
    if inside.shape != outside.shape:
        raise ConfigError(
            f"images of shapes {tuple(inside.shape)} and {tuple(outside.shape)} cannot be mixed; give both streams one "
            "batch size and one crop."
        )
    return torch.where(mask if inside.ndim == mask.ndim else mask[:, None], inside, outside)


def _check_share(share: float) -> None:
    if not 0 < share < 1:
        raise ConfigError(f"share of a mixing mask is {share}; it must lie between 0 and 1.")
