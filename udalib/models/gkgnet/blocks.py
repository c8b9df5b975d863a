"""Graph layers of GKGNet: what patch and label nodes share, the patch graph, and the feed-forward layer.

Names are those of published checkpoints: ``fc1``, ``graph_conv.gconv.nn``, ``fc2`` (gkgnet sheet, 2.4 to 2.8 and 9).
"""

from __future__ import annotations

from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from udalib.models.encoders.mit_blocks import DropPath
from udalib.models.gkgnet.positions import grid_codes, pool_codes, resize_codes, resize_grid
from udalib.ops.group_knn import PositionTable, group_knn, max_relative

CONV_GROUPS = 4
"""Groups of the convolution after the messages; they have nothing to do with those of group k-NN."""


def conv_norm(in_channels: int, out_channels: int) -> nn.Sequential:
    """1x1 convolution and BatchNorm."""
    return nn.Sequential(nn.Conv2d(in_channels, out_channels, 1), nn.BatchNorm2d(out_channels))


def initialise(module: nn.Module) -> None:
    """Convolutions as published: Kaiming normal, bias 0."""
    for layer in module.modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)


class FeedForward(nn.Module):
    """``x + fc2(GELU(fc1(x)))`` with four times the channels between; (B, C, h, w) to the same."""

    def __init__(self, channels: int, drop_path: float = 0.0) -> None:
        super().__init__()
        self.fc1 = conv_norm(channels, 4 * channels)
        self.fc2 = conv_norm(4 * channels, channels)
        self.drop_path = DropPath(drop_path)

    def forward(self, x: Tensor) -> Tensor:
        """Apply the layer."""
        out: Tensor = x + self.drop_path(self.fc2(F.gelu(self.fc1(x))))
        return out


class GraphLayer(nn.Module):
    """Max-relative graph convolution between two 1x1 convolutions: base of patch and of label graph.

    Args:
        channels: C, a multiple of 4 and of ``groups``.
        k: neighbours a group.
        groups: G of group k-NN; 1 = plain k-NN.
        dilation: see :func:`udalib.ops.group_knn.group_knn`.
        drop_path: stochastic depth.
    """

    def __init__(self, channels: int, k: int, *, groups: int = 2, dilation: int = 1, drop_path: float = 0.0) -> None:
        super().__init__()
        self.k, self.groups, self.dilation = k, groups, dilation
        self.fc1 = conv_norm(channels, channels)
        inner = nn.Sequential(
            nn.Conv2d(2 * channels, 2 * channels, 1, groups=CONV_GROUPS), nn.BatchNorm2d(2 * channels), nn.GELU()
        )
        self.graph_conv = nn.ModuleDict({"gconv": nn.ModuleDict({"nn": inner})})
        self.fc2 = conv_norm(2 * channels, channels)
        self.drop_path = DropPath(drop_path)

    def convolve(self, x: Tensor, sources: Tensor, neighbours: Tensor) -> Tensor:
        """What the layer adds to its input.

        The channels of nodes and messages alternate, x_0, m_0, x_1, m_1, ..., before the convolution in groups.

        Args:
            x: nodes (B, C, h, w) after ``fc1``.
            sources: (B, C, M).
            neighbours: (B, G, h * w, k).
        """
        message = max_relative(x.flatten(2), sources, neighbours).view_as(x)
        both = torch.stack([x, message], dim=2).flatten(1, 2)
        inner = cast(nn.ModuleDict, self.graph_conv["gconv"])["nn"]
        out: Tensor = self.drop_path(self.fc2(inner(both)))
        return out


class PatchGraph(GraphLayer):
    """Patch-level Group KGCN: (B, C, h, w) to the same (sheet, 2.4).

    Args:
        channels: C.
        k: neighbours a group.
        grid: (h, w) for which the positions are made; another size resizes them.
        reduction: r; the sources are means of r x r patches.
        official: positions of the sources as published, resized over the flattened index: with r > 1 their columns are
            wrong, see :mod:`udalib.models.gkgnet.positions`. The default is right.
        options: ``groups``, ``dilation``, ``drop_path`` of :class:`GraphLayer`.
    """

    position_rows: Tensor
    position_columns: Tensor

    def __init__(
        self,
        channels: int,
        k: int,
        grid: tuple[int, int],
        reduction: int = 1,
        *,
        official: bool = False,
        **options: float,
    ) -> None:
        super().__init__(channels, k, **options)  # type: ignore[arg-type]
        self.grid, self.reduction, self.official = grid, reduction, official
        codes = grid_codes(grid, channels)
        # Of the table N x M; the two factors are made from the configuration, so they are not stored.
        published = resize_codes(codes, max(1, len(codes) // reduction**2))
        columns = published if official else pool_codes(codes, grid, reduction)
        self.register_buffer("position_rows", codes.float(), persistent=False)
        self.register_buffer("position_columns", columns.float(), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """Apply the layer."""
        nodes = self.fc1(x)
        sources = self.sources(nodes)
        return x + self.convolve(nodes, sources, self.choose(nodes, sources))

    def neighbours(self, x: Tensor) -> Tensor:
        """Numbers of the neighbours in the grid of sources, int64 (B, G, h * w, k)."""
        nodes = self.fc1(x)
        return self.choose(nodes, self.sources(nodes))

    def sources(self, nodes: Tensor) -> Tensor:
        """(B, C, h, w) -> (B, C, M), means of r x r nodes."""
        return (F.avg_pool2d(nodes, self.reduction) if self.reduction > 1 else nodes).flatten(2)

    def choose(self, nodes: Tensor, sources: Tensor) -> Tensor:
        """Group k-NN of the nodes (B, C, h, w) among the sources (B, C, M)."""
        table = self.positions((nodes.shape[-2], nodes.shape[-1]))
        return group_knn(
            nodes.flatten(2), sources, k=self.k, groups=self.groups, dilation=self.dilation, position=table
        )

    def positions(self, size: tuple[int, int]) -> PositionTable:
        """What is added to the distances, for a grid of nodes (h, w)."""
        height, width = size
        if self.official:
            return self.published_positions(height * width, (height // self.reduction) * (width // self.reduction))
        if size == self.grid:
            return _table(self.position_rows, self.position_columns)
        rows = resize_grid(self.position_rows, self.grid, size)
        return _table(rows, pool_codes(rows, size, self.reduction))

    def published_positions(self, nodes: int, sources: int) -> PositionTable:
        """The same as published, for that many nodes and sources."""
        return _table(resize_codes(self.position_rows, nodes), resize_codes(self.position_columns, sources))


def _table(rows: Tensor, columns: Tensor) -> PositionTable:
    return PositionTable(rows, columns, -2.0 / rows.shape[1])


class LabelGraph(GraphLayer):
    """Cross-level Group KGCN with its feed-forward layer: label nodes listen to patches (sheet, 2.8).

    Nodes are laid out (B, C, 1, L): on a CPU PyTorch's BatchNorm has a wrong backward pass for (B, C, L, 1) that is
    squeezed and transposed afterwards (sheet, pitfall 12).
    """

    def __init__(self, channels: int, k: int, *, groups: int = 2, drop_path: float = 0.0) -> None:
        super().__init__(channels, k, groups=groups, drop_path=drop_path)
        self.ffn = FeedForward(channels, drop_path)

    def forward(self, labels: Tensor, features: Tensor) -> tuple[Tensor, Tensor]:
        """Label nodes (B, L, C) and patches (B, C, h, w) -> label nodes (B, L, C), neighbours (B, G, L, k)."""
        x = labels.transpose(1, 2)[:, :, None].contiguous()
        nodes, sources = self.fc1(x), features.flatten(2)
        neighbours = group_knn(nodes[:, :, 0], sources, k=self.k, groups=self.groups, dilation=self.dilation)
        out = self.ffn(x + self.convolve(nodes, sources, neighbours))
        return out[:, :, 0].transpose(1, 2), neighbours
