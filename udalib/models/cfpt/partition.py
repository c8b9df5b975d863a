"""Overlapped partitions of a pyramid and their summing inverses (cfpt sheet, 2.2 and 2.3).

Shapes: B images, C channels, H x W cells, T tokens of a group, G groups. Levels run from fine to coarse.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from udalib.core.errors import ConfigError


@dataclass(frozen=True)
class Window:
    """Extent, step and zero padding of one level's groups along one axis."""

    size: int
    stride: int
    padding: int


def windows(levels: int, growth: int, expansion: int) -> tuple[Window, ...]:
    """Windows of all levels, finest first: stride ``growth**j`` and ``expansion`` tokens of overlap.

    ``growth`` is 2 along an axis of the picture and 4 along channels. The coarsest level (j = 0) has ``expansion``.

    >>> [w.size for w in windows(4, 2, 1)], [w.size for w in windows(4, 4, 1)]
    ([9, 5, 3, 1], [65, 17, 5, 1])

    Raises:
        ConfigError: an even ``expansion`` (a window must have a middle), or no level.
    """
    if levels < 1 or expansion < 1 or expansion % 2 == 0:
        raise ConfigError(
            f"a pyramid needs at least 1 level and an odd expansion (alpha, beta), got {levels} and {expansion}; "
            "the published values are 4 and 1."
        )
    strides = [growth**j for j in reversed(range(levels))]
    sizes = [stride + expansion if stride > 1 else expansion for stride in strides]
    # The published formula, ceil((stride * (n - 1) - H + size) / 2), with H = stride * n.
    return tuple(Window(size, s, (size - s + 1) // 2) for size, s in zip(sizes, strides, strict=True))


def spatial_partition(x: Tensor, window: Window) -> Tensor:
    """Cut (B, C, H, W) into overlapping squares: (B, G, T, C), groups and tokens row by row."""
    channels = x.shape[1]
    cut = F.unfold(x, window.size, padding=window.padding, stride=window.stride)
    return torch.unflatten(cut, 1, (channels, -1)).permute(0, 3, 2, 1)


def spatial_reverse(groups: Tensor, window: Window, size: tuple[int, int]) -> Tensor:
    """Put (B, G, T, C) back to (B, C, H, W) of ``size``; overlapping contributions are summed."""
    cut = groups.permute(0, 3, 2, 1).flatten(1, 2)
    return F.fold(cut, size, window.size, padding=window.padding, stride=window.stride)


def channel_reconstruct(x: Tensor, factor: int) -> Tensor:
    """(B, C, H, W) -> (B, C * factor**2, H / factor, W / factor); the phases of a channel lie together."""
    return F.pixel_unshuffle(x, factor)


def spatial_reconstruct(x: Tensor, factor: int) -> Tensor:
    """The inverse of :func:`channel_reconstruct`."""
    return F.pixel_shuffle(x, factor)


def channel_partition(x: Tensor, window: Window) -> Tensor:
    """Cut the channels of (B, C, h, w) into overlapping runs: (B, h * w, T, G)."""
    tokens = x.flatten(2).transpose(1, 2).unsqueeze(-1)
    cut = F.unfold(tokens, (window.size, 1), padding=(window.padding, 0), stride=(window.stride, 1))
    return torch.unflatten(cut, 1, (tokens.shape[1], window.size))


def channel_reverse(groups: Tensor, window: Window, size: tuple[int, int]) -> Tensor:
    """Put (B, h * w, T, G) back to (B, G * stride, h, w); overlapping contributions are summed."""
    channels = groups.shape[3] * window.stride
    options = {"padding": (window.padding, 0), "stride": (window.stride, 1)}
    tokens = F.fold(groups.flatten(1, 2), (channels, 1), (window.size, 1), **options)
    return torch.unflatten(tokens.squeeze(-1).transpose(1, 2), 2, size)
