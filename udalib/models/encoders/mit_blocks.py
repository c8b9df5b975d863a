"""Layers of the Mix Transformer (Xie et al., "SegFormer", NeurIPS 2021), under their published parameter names.

Token maps are (B, N, C) with N = H * W; ``size`` is (H, W). The norms of patch embeddings and of reduced keys keep the
default epsilon 1e-5, the norms of the blocks have 1e-6: weights of one kind load silently into the other.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Size = tuple[int, int]


def tokens(x: Tensor) -> Tensor:
    """(B, C, H, W) -> (B, H * W, C)."""
    return x.flatten(2).transpose(1, 2)


def feature_map(x: Tensor, size: Size) -> Tensor:
    """(B, H * W, C) -> (B, C, H, W), a view with channels-last strides."""
    return x.transpose(1, 2).reshape(x.shape[0], x.shape[2], *size)


class DropPath(nn.Module):
    """Stochastic depth (Huang et al., 2016): in training, zero a whole sample with ``drop_prob``, scale the others up.

    One Bernoulli draw a sample, kept samples are divided by the keep probability (the rule of timm's layer).
    """

    def __init__(self, drop_prob: float) -> None:
        super().__init__()
        self.drop_prob = drop_prob

    def forward(self, x: Tensor) -> Tensor:
        """Apply to any tensor (B, ...)."""
        if not self.training or self.drop_prob == 0.0:
            return x
        keep = 1.0 - self.drop_prob
        mask = x.new_empty((x.shape[0],) + (1,) * (x.ndim - 1)).bernoulli_(keep)
        return x * mask.div_(keep)


class OverlapPatchEmbed(nn.Module):
    """Strided convolution and LayerNorm: image or map (B, C, H, W) -> tokens (B, N, C') and their size."""

    def __init__(self, in_channels: int, channels: int, kernel_size: int, stride: int) -> None:
        super().__init__()
        self.proj = nn.Conv2d(in_channels, channels, kernel_size, stride, kernel_size // 2)
        self.norm = nn.LayerNorm(channels)

    def forward(self, x: Tensor) -> tuple[Tensor, Size]:
        """Embed overlapping patches."""
        x = self.proj(x)
        return self.norm(tokens(x)), (x.shape[-2], x.shape[-1])


class Attention(nn.Module):
    """Multi-head self-attention whose keys and values come from a map reduced by ``reduction`` per axis.

    The cost falls from N^2 to N^2 / reduction^2; SegFormer reduces by 8, 4, 2, 1 in its four stages.
    """

    def __init__(self, channels: int, heads: int, reduction: int) -> None:
        super().__init__()
        self.heads = heads
        self.reduction = reduction
        self.q = nn.Linear(channels, channels)
        self.kv = nn.Linear(channels, 2 * channels)
        self.proj = nn.Linear(channels, channels)
        if reduction > 1:
            self.sr = nn.Conv2d(channels, channels, reduction, reduction)
            self.norm = nn.LayerNorm(channels)

    def _split(self, x: Tensor, size: Size) -> tuple[Tensor, Tensor, Tensor]:
        query = self.q(x).unflatten(-1, (self.heads, -1)).transpose(1, 2)
        if self.reduction > 1:
            x = self.norm(tokens(self.sr(feature_map(x, size))))
        key, value = self.kv(x).unflatten(-1, (2, self.heads, -1)).permute(2, 0, 3, 1, 4).unbind(0)
        return query, key, value

    def forward(self, x: Tensor, size: Size) -> Tensor:
        """Tokens (B, N, C) -> (B, N, C)."""
        context = F.scaled_dot_product_attention(*self._split(x, size))
        out: Tensor = self.proj(context.transpose(1, 2).flatten(2))
        return out

    def weights(self, x: Tensor, size: Size) -> Tensor:
        """The attention itself, for pictures: (B, heads, N, N / reduction^2), rows sum to 1."""
        query, key, _ = self._split(x, size)
        return torch.softmax(query @ key.transpose(-2, -1) / math.sqrt(query.shape[-1]), dim=-1)


class DepthwiseConv(nn.Module):
    """3x3 depthwise convolution on tokens; the checkpoints double its name (``dwconv.dwconv``)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.dwconv = nn.Conv2d(channels, channels, 3, padding=1, groups=channels)

    def forward(self, x: Tensor, size: Size) -> Tensor:
        """Tokens (B, N, C) -> (B, N, C)."""
        return tokens(self.dwconv(feature_map(x, size)))


class MixFFN(nn.Module):
    """Linear, depthwise 3x3 convolution, GELU (exact), linear: tokens (B, N, C) -> (B, N, C)."""

    def __init__(self, channels: int, hidden: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(channels, hidden)
        self.dwconv = DepthwiseConv(hidden)
        self.fc2 = nn.Linear(hidden, channels)

    def forward(self, x: Tensor, size: Size) -> Tensor:
        """Apply the network to every token and its neighbours."""
        out: Tensor = self.fc2(F.gelu(self.dwconv(self.fc1(x), size)))
        return out


class Block(nn.Module):
    """Pre-norm transformer block: attention and Mix-FFN, each with a residual connection and stochastic depth."""

    def __init__(self, channels: int, heads: int, reduction: int, mlp_ratio: int, drop_path: float) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(channels, eps=1e-6)
        self.attn = Attention(channels, heads, reduction)
        self.drop_path = DropPath(drop_path) if drop_path > 0 else nn.Identity()
        self.norm2 = nn.LayerNorm(channels, eps=1e-6)
        self.mlp = MixFFN(channels, mlp_ratio * channels)

    def forward(self, x: Tensor, size: Size) -> Tensor:
        """Tokens (B, N, C) -> (B, N, C)."""
        x = x + self.drop_path(self.attn(self.norm1(x), size))
        out: Tensor = x + self.drop_path(self.mlp(self.norm2(x), size))
        return out
