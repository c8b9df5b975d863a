"""Context and detail: crop boxes, windows put back in place, fusion (Hoyer et al., "HRDA", ECCV 2022).

Facts: mic_hrda sheet, section 2. All functions are pure; no box is ever stored.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from udalib.core.errors import ConfigError
from udalib.core.windows import window_starts
from udalib.ops.losses import at_least_float32
from udalib.ops.resize import resize


class Box(NamedTuple):
    """Rows ``top`` .. ``bottom - 1`` and columns ``left`` .. ``right - 1`` of an image or a map."""

    top: int
    bottom: int
    left: int
    right: int

    @property
    def size(self) -> tuple[int, int]:
        """Height and width."""
        return self.bottom - self.top, self.right - self.left

    def cut(self, x: Tensor) -> Tensor:
        """The part of ``x`` (..., H, W) inside the box: images, labels and weights alike; a view."""
        return x[..., self.top : self.bottom, self.left : self.right]

    def on_grid(self, stride: float) -> Box:
        """The box on a map of this ``stride``, edges truncated as published.

        A box whose edges are no multiples of ``stride`` is moved by a fraction of a cell.

        >>> Box(24, 88, 16, 80).on_grid(8)
        Box(top=3, bottom=11, left=2, right=10)
        """
        return Box(*(int(edge / stride) for edge in self))


def crop_positions(size: tuple[int, int], crop: tuple[int, int], divisible: int = 8) -> tuple[int, int]:
    """How many offsets 0, ``divisible``, 2 * ``divisible``, ... may be drawn along y and x; at least one.

    floor((margin + 1) / divisible): where ``divisible`` divides the margin (and is not 1), the last position that
    would fit is never drawn, as published: 64 positions up to 504 for a crop of 512 in 1024.

    >>> crop_positions((1024, 1024), (512, 512))
    (64, 64)
    """
    rows, columns = (max((max(side - length, 0) + 1) // divisible, 1) for side, length in zip(size, crop, strict=True))
    return rows, columns


def crop_box(size: tuple[int, int], crop: tuple[int, int], divisible: int, row: int, column: int) -> Box:
    """Box of ``crop`` (h, w) at position ``row``, ``column`` (see :func:`crop_positions`) of an image of ``size``.

    Along an axis on which the image is smaller than the crop the box is the whole image.
    """
    top, left = row * divisible, column * divisible
    return Box(top, min(top + crop[0], size[0]), left, min(left + crop[1], size[1]))


def window_boxes(size: tuple[int, int], window: tuple[int, int], overlap: bool = True) -> list[Box]:
    """Windows that cover an image of ``size``, row by row; with ``overlap`` every half window, else side by side."""
    window = (min(window[0], size[0]), min(window[1], size[1]))
    tops, lefts = (
        window_starts(side, length, max(length // 2, 1) if overlap else length)
        for side, length in zip(size, window, strict=True)
    )
    return [Box(top, top + window[0], left, left + window[1]) for top in tops for left in lefts]


def place(detail: Tensor, box: Box, size: Sequence[int]) -> Tensor:
    """``detail`` (B, C, h, w) at ``box`` in zeros (B, C, *size)."""
    return F.pad(detail, (box.left, int(size[1]) - box.right, box.top, int(size[0]) - box.bottom))


def average_windows(logits: Tensor, boxes: Sequence[Box], size: tuple[int, int]) -> Tensor:
    """Mean over the windows that cover each position.

    Args:
        logits: (N * B, C, h, w), window-major: window 0 of all images, then window 1 of all.
        boxes: the N windows on the map's grid, each h x w.
        size: (H, W) of the map; the windows must cover it.

    Returns:
        (B, C, H, W), float32 or wider.
    """
    batch = len(logits) // len(boxes)
    total = at_least_float32(logits).new_zeros(batch, logits.shape[1], *size)
    count = torch.zeros(size)
    for part, box in zip(torch.split(logits, batch), boxes, strict=True):
        box.cut(total).add_(part)
        box.cut(count).add_(1)
    return total / count.to(total)


def output_stride(pixels: Sequence[int], cells: Sequence[int]) -> int:
    """Stride of logits that have ``cells`` (h, w) for ``pixels`` (H, W).

    Raises:
        ConfigError: the sides are no multiples of one stride.
    """
    stride = round(pixels[0] / cells[0])
    if [side * stride for side in cells] != list(pixels):
        raise ConfigError(
            f"a detail of {pixels[0]} x {pixels[1]} pixels gives logits of {cells[0]} x {cells[1]}, which is no whole "
            "stride; make both sides of the detail crop multiples of the stride of the network's logits."
        )
    return stride


def pad_to_multiple(images: Tensor, multiple: int) -> Tensor:
    """``images`` (B, C, H, W) with the last row and column repeated until both sides are multiples of ``multiple``."""
    below, right = -images.shape[-2] % multiple, -images.shape[-1] % multiple
    return F.pad(images, (0, right, 0, below), mode="replicate") if below or right else images


def box_mask(box: Box, size: Sequence[int], device: torch.device | None = None) -> Tensor:
    """float32 (H, W) of ``size``: 1 inside ``box``, else 0."""
    mask = torch.zeros(int(size[0]), int(size[1]), device=device)
    box.cut(mask).fill_(1)
    return mask


def fuse(context: Tensor, detail: Tensor, attention: Tensor, align_corners: bool = False) -> tuple[Tensor, Tensor]:
    """Trust the detail by ``attention``, the context by the rest: up(a) * z_detail + up((1 - a) * z_context).

    Multiplied first, upsampled second. In training ``attention`` comes masked to the detail box, so it bleeds by half
    a cell across the border of the box, whereas the inserted detail does not.

    Args:
        context: logits (B, C, h, w).
        detail: logits (B, C, H, W) on the fine grid, zeros where there is no detail.
        attention: (B, C or 1, h, w) in [0, 1].
        align_corners: of the upsampling.

    Returns:
        The fused logits (B, C, H, W), and the weighted context (B, C, h, w).
    """
    weighted = (1 - attention) * context
    size = detail.shape[-2:]
    return resize(attention, size, align_corners) * detail + resize(weighted, size, align_corners), weighted
