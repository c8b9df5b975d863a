"""Interlaced sparse self-attention: dense attention factorised into a long-range and a short-range one.

Huang et al., "Interlaced Sparse Self-Attention for Semantic Segmentation", 2019. Parameter names are those of the
published checkpoints of the DAFormer code base (``in_conv``, ``global_relation``, ``local_relation``, ``out_conv``).
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from udalib.models.heads.blocks import ConvNormAct


class RelationBlock(nn.Module):
    """Single-head self-attention among the pixels of a map: (B, C, H, W) -> (B, C, H, W), no skip connection.

    Queries and keys pass ``key_query_convs`` 1x1 ConvBNReLU to ``attention_channels``; values one plain 1x1 convolution
    with bias; the similarity is scaled by ``attention_channels ** -0.5``. Without ``norm`` the convolutions keep
    ReLU and get a bias.
    """

    def __init__(self, channels: int, attention_channels: int, *, key_query_convs: int = 2, norm: bool = True) -> None:
        super().__init__()
        self.key_project = _project(channels, attention_channels, key_query_convs, norm)
        self.query_project = _project(channels, attention_channels, key_query_convs, norm)
        self.value_project = nn.Conv2d(channels, channels, 1)
        self.output_project = ConvNormAct(channels, channels, norm=norm)

    def forward(self, x: Tensor) -> Tensor:
        """Attend among all pixels of each map."""
        query, key, value = (
            project(x).flatten(2).transpose(1, 2).unsqueeze(1)
            for project in (self.query_project, self.key_project, self.value_project)
        )
        context = F.scaled_dot_product_attention(query, key, value).squeeze(1)
        out: Tensor = self.output_project(context.transpose(1, 2).reshape_as(x))
        return out


def _project(in_channels: int, out_channels: int, convs: int, norm: bool) -> nn.Module:
    layers = [ConvNormAct(in_channels, out_channels, norm=norm)]
    layers += [ConvNormAct(out_channels, out_channels, norm=norm) for _ in range(convs - 1)]
    # Checkpoints number the convolutions only when there are several.
    return layers[0] if convs == 1 else nn.Sequential(*layers)


def interlaced_attention(
    x: Tensor, global_relation: nn.Module, local_relation: nn.Module, down_factor: tuple[int, int] = (8, 8)
) -> Tensor:
    """Global then local relation of (B, C, H, W); the shape is kept.

    The map is cut into blocks of ``down_factor`` = (rows, columns) pixels. ``global_relation`` attends among the
    pixels at the same offset in all blocks, ``local_relation`` among the pixels of each block. A size that the blocks
    do not divide is padded with zeros (floor of half of it left and top); the padded pixels take part in the
    attention, as published.
    """
    batch, channels, height, width = x.shape
    rows, columns = down_factor
    pad_h, pad_w = -height % rows, -width % columns
    x = F.pad(x, (pad_w // 2, pad_w - pad_w // 2, pad_h // 2, pad_h - pad_h // 2))
    blocks_h, blocks_w = x.shape[-2] // rows, x.shape[-1] // columns

    x = x.reshape(batch, channels, blocks_h, rows, blocks_w, columns)
    x = x.permute(0, 3, 5, 1, 2, 4).reshape(-1, channels, blocks_h, blocks_w)
    x = global_relation(x)

    x = x.reshape(batch, rows, columns, channels, blocks_h, blocks_w)
    x = x.permute(0, 4, 5, 3, 1, 2).reshape(-1, channels, rows, columns)
    x = local_relation(x)

    x = x.reshape(batch, blocks_h, blocks_w, channels, rows, columns)
    x = x.permute(0, 3, 1, 4, 2, 5).reshape(batch, channels, blocks_h * rows, blocks_w * columns)
    return x[..., pad_h // 2 : pad_h // 2 + height, pad_w // 2 : pad_w // 2 + width]


class ISALayer(nn.Module):
    """Input convolution and interlaced attention: (B, C, H, W) -> (B, C', H, W).

    Args:
        in_channels: C.
        channels: C'.
        attention_channels: channels of queries and keys.
        down_factor: block size in pixels (rows, columns).
        key_query_convs: 1x1 convolutions in front of queries and keys.
        in_kernel_size: kernel of the input convolution.
        concatenate: join the attention's output with its input by a 1x1 convolution ``out_conv`` (the ISANet head does,
            the fusion inside the DAFormer head does not).
        norm: BatchNorm in every convolution but the values'; False removes it (the "nodbn" configurations).
    """

    def __init__(
        self,
        in_channels: int,
        channels: int,
        *,
        attention_channels: int = 256,
        down_factor: tuple[int, int] = (8, 8),
        key_query_convs: int = 2,
        in_kernel_size: int = 1,
        concatenate: bool = False,
        norm: bool = True,
    ) -> None:
        super().__init__()
        self.down_factor = (down_factor[0], down_factor[1])
        self.in_conv = ConvNormAct(in_channels, channels, in_kernel_size, norm=norm)
        self.global_relation = RelationBlock(channels, attention_channels, key_query_convs=key_query_convs, norm=norm)
        self.local_relation = RelationBlock(channels, attention_channels, key_query_convs=key_query_convs, norm=norm)
        self.out_conv = ConvNormAct(2 * channels, channels, norm=norm) if concatenate else None

    def forward(self, x: Tensor) -> Tensor:
        """Apply the layer."""
        x = self.in_conv(x)
        context = interlaced_attention(x, self.global_relation, self.local_relation, self.down_factor)
        if self.out_conv is None:
            return context
        out: Tensor = self.out_conv(torch.cat([context, x], dim=1))
        return out
