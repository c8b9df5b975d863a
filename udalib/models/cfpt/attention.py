"""Cross-layer channel-wise and spatial-wise attention (CCA, CSA; cfpt sheet, 2.1 to 2.3).

Shapes: B images, C channels, H x W cells of a level, T tokens of a group over all levels, D features of a token.
Levels run from fine to coarse; each is exactly twice as large as the next.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from udalib.core.errors import ConfigError
from udalib.models.cfpt.partition import (
    channel_partition,
    channel_reconstruct,
    channel_reverse,
    spatial_partition,
    spatial_reconstruct,
    spatial_reverse,
    windows,
)
from udalib.models.cfpt.positions import CrossLayerPositions


class PositionalConvolution(nn.Module):
    """x + GELU(depth-wise 3x3 convolution of x)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.proj = nn.Conv2d(channels, channels, 3, padding=1, groups=channels)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> the same shape."""
        return x + F.gelu(self.proj(x))


class ChannelNorm(nn.Module):
    """LayerNorm over the channels of a map."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(channels)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> the same shape."""
        normal: Tensor = self.norm(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
        return normal


class Mlp(nn.Module):
    """Two linear layers on the channels, which come last."""

    def __init__(self, channels: int, hidden: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(channels, hidden)
        self.fc2 = nn.Linear(hidden, channels)

    def forward(self, x: Tensor) -> Tensor:
        """(..., C) -> the same shape."""
        y: Tensor = self.fc2(F.gelu(self.fc1(x)))
        return y


def cosine_weights(q: Tensor, k: Tensor, bias: Tensor | None) -> Tensor:
    """softmax(cos(q, k) + bias) (..., T, T) for q, k (..., T, D): no temperature; padded tokens (zeros) take part."""
    logits = F.normalize(q, dim=-1) @ F.normalize(k, dim=-1).transpose(-1, -2)
    return (logits if bias is None else logits + bias).softmax(-1)


def cosine_attention(q: Tensor, k: Tensor, v: Tensor, bias: Tensor | None) -> Tensor:
    """What the :func:`cosine_weights` of q and k mix of v (..., T, D)."""
    return cosine_weights(q, k, bias) @ v


class CrossLayerAttention(nn.Module):
    """What CCA and CSA share: convolutions before and after, projections, norms, MLP; one of each for every level.

    Args:
        in_dim: C of every level.
        layer_num: number of levels.
        num_heads: of the attention.
        mlp_ratio: hidden channels of the MLP / C.
        reduction: C / channels of q, of k and of v.
        expansion: overlap of the groups, odd (alpha of CCA, beta of CSA).
        positions: with CCPE; False leaves it out (an ablation of the paper).
        official: the published quirks, see :class:`CrossLayerChannelAttention` and :class:`CrossLayerPositions`.

    Raises:
        ConfigError: the heads do not divide the reduced channels, or an even expansion.
    """

    growth = 2
    tokens: list[int]
    """Tokens of a group on every level."""

    def __init__(
        self,
        in_dim: int = 256,
        layer_num: int = 4,
        *,
        num_heads: int = 4,
        mlp_ratio: float = 2,
        reduction: int = 4,
        expansion: int = 1,
        positions: bool = True,
        official: bool = False,
    ) -> None:
        super().__init__()
        self.hidden, self.num_heads, self.official = in_dim // reduction, num_heads, official
        if self.hidden < 1 or self.hidden % num_heads:
            raise ConfigError(
                f"{in_dim} channels / reduction {reduction} = {self.hidden} must be a multiple of num_heads "
                f"{num_heads}; change one of the three."
            )
        self.windows = windows(layer_num, self.growth, expansion)
        every = range(layer_num)
        self.cpe = nn.ModuleList(nn.ModuleList(PositionalConvolution(in_dim) for _ in range(2)) for _ in every)
        self.norm1 = nn.ModuleList([ChannelNorm(in_dim) for _ in every])
        self.norm2 = nn.ModuleList([nn.LayerNorm(in_dim) for _ in every])
        self.qkv = nn.ModuleList([nn.Conv2d(in_dim, 3 * self.hidden, 1) for _ in every])
        self.proj = nn.ModuleList([nn.Conv2d(self.hidden, in_dim, 1) for _ in every])
        self.mlp = nn.ModuleList([Mlp(in_dim, int(in_dim * mlp_ratio)) for _ in every])
        sizes, spatial = [w.size for w in self.windows], self.growth == 2
        self.tokens = [size**2 if spatial else size for size in sizes]
        self.pos_embed = (
            CrossLayerPositions(sizes, num_heads, spatial=spatial, official=official) if positions else None
        )

    def forward(self, levels: Sequence[Tensor]) -> list[Tensor]:
        """Maps (B, C, H, W), finest first, to maps of the same shapes, each informed by all.

        Raises:
            ConfigError: another number of levels, or one that is not twice the next.
        """
        check_pyramid(levels, len(self.windows))
        starts = [both[0](x) for both, x in zip(self.cpe, levels, strict=True)]  # type: ignore[index]
        mixed = self.attend([qkv(u) for qkv, u in zip(self.qkv, starts, strict=True)])
        return [self._finish(i, u, a) for i, (u, a) in enumerate(zip(starts, mixed, strict=True))]

    def _finish(self, level: int, start: Tensor, mixed: Tensor) -> Tensor:
        t: Tensor = start + self.norm1[level](self.proj[level](mixed))
        t = self.cpe[level][1](t)  # type: ignore[index]
        after: Tensor = self.mlp[level](self.norm2[level](t.permute(0, 2, 3, 1))).permute(0, 3, 1, 2)
        return t + after

    def attend(self, qkv: Sequence[Tensor]) -> list[Tensor]:
        """Maps (B, 3 * hidden, H, W) of q, k and v to maps (B, hidden, H, W)."""
        q, k, v = self._tokens(qkv)
        mixed = cosine_attention(q, k, v, self._bias())
        parts = torch.split(mixed, self.tokens, dim=-2)
        return [
            self.join(part, i, (x.shape[2], x.shape[3])) for i, (part, x) in enumerate(zip(parts, qkv, strict=True))
        ]

    def weights(self, levels: Sequence[Tensor]) -> Tensor:
        """Weights (B, heads, G, T, T) that :meth:`forward` mixes with, queries in rows; finest level first."""
        check_pyramid(levels, len(self.windows))
        qkv = [q(both[0](x)) for q, both, x in zip(self.qkv, self.cpe, levels, strict=True)]  # type: ignore[index]
        q, k, _ = self._tokens(qkv)
        return cosine_weights(q, k, self._bias())

    def _tokens(self, qkv: Sequence[Tensor]) -> tuple[Tensor, ...]:
        return torch.cat([self.split(x, i) for i, x in enumerate(qkv)], dim=-2).unbind(0)

    def _bias(self) -> Tensor | None:
        return None if self.pos_embed is None else self.pos_embed()

    def split(self, qkv: Tensor, level: int) -> Tensor:
        """Groups (3, B, heads, G, T, D) of one level."""
        raise NotImplementedError

    def join(self, groups: Tensor, level: int, size: tuple[int, int]) -> Tensor:
        """The inverse of :meth:`split` for (B, heads, G, T, D): (B, hidden, *size), overlaps summed."""
        raise NotImplementedError


class CrossLayerSpatialAttention(CrossLayerAttention):
    """CSA: tokens are the cells of all levels that lie at one coarsest cell; their features are channels."""

    growth = 2

    def split(self, qkv: Tensor, level: int) -> Tensor:
        """G = cells of the coarsest level, D = hidden / heads."""
        groups = spatial_partition(qkv, self.windows[level])
        return torch.unflatten(groups, -1, (3, self.num_heads, -1)).permute(3, 0, 4, 1, 2, 5)

    def join(self, groups: Tensor, level: int, size: tuple[int, int]) -> Tensor:
        """See the base."""
        return spatial_reverse(groups.permute(0, 2, 3, 1, 4).flatten(3), self.windows[level], size)


class CrossLayerChannelAttention(CrossLayerAttention):
    """CCA: tokens are the phases of a channel on all levels; their features are all cells of the coarsest level.

    With ``official=True`` groups are cut over q, k and v stacked, as published, so that the first group of k contains
    the last phase of q and the first group of v the last phase of k. The default cuts each by itself.
    """

    growth = 4

    def split(self, qkv: Tensor, level: int) -> Tensor:
        """G = hidden / heads, D = cells of the coarsest level."""
        window = self.windows[level]
        x = channel_reconstruct(qkv, factor_of(window.stride))
        parts = [x] if self.official else x.chunk(3, dim=1)
        groups = torch.cat([channel_partition(part, window) for part in parts], dim=-1)
        return torch.unflatten(groups, -1, (3, self.num_heads, -1)).permute(3, 0, 4, 5, 2, 1)

    def join(self, groups: Tensor, level: int, size: tuple[int, int]) -> Tensor:
        """See the base."""
        window = self.windows[level]
        factor = factor_of(window.stride)
        coarse = (size[0] // factor, size[1] // factor)
        x = channel_reverse(groups.permute(0, 4, 3, 1, 2).flatten(3), window, coarse)
        return spatial_reconstruct(x, factor)


def factor_of(stride: int) -> int:
    """Side of the square of cells whose phases a step of ``stride`` = side**2 channels holds.

    >>> factor_of(64)
    8
    """
    return math.isqrt(stride)


def check_pyramid(levels: Sequence[Tensor], count: int) -> None:
    """Refuse another number of levels than ``count`` or a level that is not twice the next.

    Raises:
        ConfigError: with the sizes that came.
    """
    sizes = [tuple(x.shape[-2:]) for x in levels]
    fits = all(a == (2 * b[0], 2 * b[1]) for a, b in itertools.pairwise(sizes))
    if len(levels) != count or not fits:
        raise ConfigError(
            f"cross-layer attention needs {count} levels, each twice the next, got {sizes}; pad the images to a "
            "multiple of 64 (udalib.models.detection.detector.padded does) and give every level."
        )
