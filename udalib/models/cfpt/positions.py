"""Cross-layer consistent relative positional encoding (CCPE; cfpt sheet, 2.4)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from udalib.core.errors import ConfigError


def token_positions(sizes: Sequence[int]) -> Tensor:
    """Positions of the tokens of all levels on one axis, in cells of the largest window: float32 (sum of sizes,).

    Each level is centred and stretched to the extent of the largest window; the coarsest is not stretched.
    """
    largest = max(sizes)
    levels = []
    for i, size in enumerate(sizes):
        centred = torch.arange(size, dtype=torch.float32) - size // 2
        levels.append(centred if i == len(sizes) - 1 else centred * (largest / size))
    return torch.cat(levels)


def grid_positions(sizes: Sequence[int]) -> Tensor:
    """The same in two dimensions: (T, 2) of (row, column), the tokens of a level row by row."""
    levels = torch.split(token_positions(sizes), list(sizes))
    return torch.cat([torch.cartesian_prod(level, level).view(-1, 2) for level in levels])


def interpolate_flat(table: Tensor, index: Tensor) -> Tensor:
    """Rows of ``table`` (N, heads) at the fractional ``index`` (T, T): (T, T, heads), linear between two rows."""
    below, above = index.floor(), index.ceil()
    share = (index - below).unsqueeze(-1)
    return table[below.long()] * (1 - share) + table[above.long()] * share


def interpolate_grid(table: Tensor, row: Tensor, column: Tensor, width: int) -> Tensor:
    """The same in a table of ``width`` columns, bilinear in ``row`` and ``column``."""
    above, share = row.floor(), (row - row.floor()).unsqueeze(-1)
    upper = interpolate_columns(table, above, column, width)
    lower = interpolate_columns(table, row.ceil(), column, width)
    return upper * (1 - share) + lower * share


def interpolate_columns(table: Tensor, row: Tensor, column: Tensor, width: int) -> Tensor:
    """Linear between two neighbours of one whole ``row``."""
    left, share = column.floor(), (column - column.floor()).unsqueeze(-1)
    first = table[(row * width + left).long()]
    return first * (1 - share) + table[(row * width + column.ceil()).long()] * share


class CrossLayerPositions(nn.Module):
    """A bias for every pair of tokens of a group, from one table that all levels share.

    Args:
        sizes: window of every level along one axis, finest first.
        num_heads: of the attention.
        spatial: windows are squares of the picture; False: runs of channels.
        official: as published: a fractional row difference lands between columns, since the look-up interpolates on the
            flattened table; the constant of a level is added to a query's whole row, where the softmax cancels it; the
            table of the channels has (2W - 1)**2 rows of which 2W - 1 are read. The default is bilinear, adds the
            constant of the KEY's level, and keeps no idle row.
    """

    relative_position_index: Tensor

    def __init__(self, sizes: Sequence[int], num_heads: int, *, spatial: bool, official: bool = False) -> None:
        super().__init__()
        if num_heads < 1:
            raise ConfigError(f"num_heads is {num_heads}; it must be at least 1.")
        self.spatial, self.official, self.extent = spatial, official, 2 * max(sizes) - 1
        rows = self.extent**2 if spatial or official else self.extent
        self.relative_position_bias_table = nn.Parameter(torch.empty(rows, num_heads))
        self.absolute_position_bias = nn.Parameter(torch.zeros(len(sizes), num_heads, 1, 1, 1))
        nn.init.trunc_normal_(self.relative_position_bias_table, std=0.02)
        self.tokens = [size**2 if spatial else size for size in sizes]
        positions = grid_positions(sizes) if spatial else token_positions(sizes)[:, None]
        difference = (positions[:, None] - positions[None]) + (max(sizes) - 1)
        index = difference[..., 0] * self.extent + difference[..., 1] if spatial else difference[..., 0]
        self.register_buffer("relative_position_index", index)
        # Rounding must not carry a corner past the last row or column.
        self.register_buffer("_difference", difference.clamp(0, self.extent - 1), persistent=False)

    def forward(self) -> Tensor:
        """The bias (1, heads, 1, T, T); rows are queries."""
        table = self.relative_position_bias_table
        if self.spatial and not self.official:
            row, column = self._difference.unbind(-1)  # type: ignore[operator]
            bias = interpolate_grid(table, row, column, self.extent)
        else:
            bias = interpolate_flat(table, self.relative_position_index.clamp(0, len(table) - 1))
        return (bias.permute(2, 0, 1)[None, :, None] + self._levels()).contiguous()

    def _levels(self) -> Tensor:
        rows = self.absolute_position_bias.flatten(1)
        constants = torch.cat([row.expand(n, -1) for row, n in zip(rows, self.tokens, strict=True)])
        constants = constants.t()[None, :, None]
        return constants[..., None] if self.official else constants[..., None, :]
