"""Random square holes in images (masked image consistency: Hoyer et al., "MIC", CVPR 2023; mic_hrda sheet, 4)."""

from __future__ import annotations

import torch
from torch import Tensor

from udalib.core.errors import ConfigError


def block_grid(size: tuple[int, int], block: int) -> tuple[int, int]:
    """Cells (rows, columns) of side ``block`` in an image of ``size`` (H, W): each side / block, rounded to even.

    Raises:
        ConfigError: ``block`` is so large that a side has no cell.

    >>> block_grid((50, 72), 16)
    (3, 4)
    """
    if block < 1 or min(round(side / block) for side in size) < 1:
        raise ConfigError(f"mask block {block} does not fit an image of {size[0]} x {size[1]}; choose a smaller one.")
    return round(size[0] / block), round(size[1] / block)


def block_mask(noise: Tensor, size: tuple[int, int], ratio: float) -> Tensor:
    """Pixels that stay visible, bool (B, 1, H, W): cells whose ``noise`` (B, rows, columns) exceeds ``ratio``.

    About ``ratio`` of the cells are dropped. Pixel i belongs to cell floor(i * cells / side), also where the block
    does not divide the side.
    """
    kept = noise > ratio
    rows, columns = (
        torch.arange(side, device=noise.device) * cells // side
        for side, cells in zip(size, noise.shape[-2:], strict=True)
    )
    return kept[:, None].index_select(2, rows).index_select(3, columns)


def mask_images(images: Tensor, kept: Tensor, fill: Tensor | float = 0.0) -> Tensor:
    """``images`` (B, C, H, W) where ``kept``, bool (B, 1, H, W), is true, else ``fill``; of the images' type.

    ``fill`` is a number or one value a channel, (C, 1, 1): the published code multiplies NORMALISED images with the
    mask, so the holes have the mean colour of the network's input statistics.
    """
    return torch.where(kept, images, fill.to(images.dtype) if isinstance(fill, Tensor) else fill)
