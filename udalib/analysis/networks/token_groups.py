"""What one token of a cross-layer attention looks at: its group on every level, and the weights it gives there.

Levels run from fine to coarse. CSA and CCA: :mod:`udalib.models.cfpt.attention`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from udalib.core.errors import ConfigError
from udalib.models.cfpt.attention import CrossLayerAttention, CrossLayerChannelAttention, factor_of


class LevelPart(NamedTuple):
    """The part of a group that lies on one level.

    Attributes:
        weights: (h, w): of CSA's window, or of the phases of the token's own channel in CCA.
        inside: bool (h, w): cells of the map; the others are padding, which takes part in the soft-max all the same.
        corner: row and column of the first of ``weights`` in the level's map; negative in the padding. (0, 0) in CCA.
        beyond: (N,) weights of phases of the neighbouring channels (CCA; empty in CSA).
    """

    weights: Tensor
    inside: Tensor
    corner: tuple[int, int]
    beyond: Tensor

    @property
    def share(self) -> float:
        """What the token reads of this level; the levels' shares sum to 1."""
        return float(self.weights.sum() + self.beyond.sum())


class TokenGroup(NamedTuple):
    """A token and what it looks at.

    Attributes:
        level, row, column: of the token.
        parts: one a level.
        sizes: (h, w) of the levels.
        spatial: CSA; False: CCA.
    """

    level: int
    row: int
    column: int
    parts: tuple[LevelPart, ...]
    sizes: tuple[tuple[int, int], ...]
    spatial: bool


@torch.no_grad()
def token_group(
    block: CrossLayerAttention, levels: Sequence[Tensor], level: int, row: int, column: int, channel: int = 0
) -> TokenGroup:
    """The group of a cell in CSA, or of the phase that a cell has in one channel in CCA.

    A cell on the border of CSA's windows belongs to two or four groups; this is the one whose coarsest cell it lies in.

    Args:
        block: CSA or CCA.
        levels: maps (1, C, H, W) that go into it, finest first.
        level: of the token, 0 = finest.
        row: of the cell on that level.
        column: of the cell on that level.
        channel: of q, below the block's hidden channels; it says the head, and in CCA the group.

    Raises:
        ConfigError: no such cell or channel.
    """
    sizes = tuple((x.shape[2], x.shape[3]) for x in levels)
    inside = 0 <= level < len(sizes) and 0 <= row < sizes[level][0] and 0 <= column < sizes[level][1]
    if not inside or not 0 <= channel < block.hidden:
        raise ConfigError(
            f"there is no cell ({row}, {column}) on level {level} or no channel {channel}; the levels are {sizes}, "
            f"the channels 0 to {block.hidden - 1}."
        )
    head, own = divmod(channel, block.hidden // block.num_heads)
    spatial = not isinstance(block, CrossLayerChannelAttention)
    stride = block.windows[level].stride
    if spatial:
        cell = (row // stride, column // stride)
        group, token = cell[0] * sizes[-1][1] + cell[1], _token_of_cell(block, level, (row, column), cell)
    else:
        side = factor_of(stride)
        cell, group = (0, 0), own
        token = (row % side) * side + column % side + block.windows[level].padding
    query = sum(block.tokens[:level]) + token
    found = torch.split(block.weights(levels)[0, head, group, query], block.tokens)
    parts = [_spatial_part(block, i, w, cell, sizes[i]) if spatial else _channel_part(block, i, w, channel)
             for i, w in enumerate(found)]  # fmt: skip
    return TokenGroup(level, row, column, tuple(parts), sizes, spatial)


def _token_of_cell(block: CrossLayerAttention, level: int, place: tuple[int, int], cell: tuple[int, int]) -> int:
    window = block.windows[level]
    row, column = (p - (c * window.stride - window.padding) for p, c in zip(place, cell, strict=True))
    return row * window.size + column


def _spatial_part(
    block: CrossLayerAttention, level: int, weights: Tensor, cell: tuple[int, int], size: tuple[int, int]
) -> LevelPart:
    window = block.windows[level]
    top, left = (c * window.stride - window.padding for c in cell)
    rows, columns = (start + torch.arange(window.size) for start in (top, left))
    inside = ((rows >= 0) & (rows < size[0]))[:, None] & ((columns >= 0) & (columns < size[1]))[None]
    return LevelPart(weights.view(window.size, window.size), inside, (top, left), weights[:0])


def _channel_part(block: CrossLayerAttention, level: int, weights: Tensor, channel: int) -> LevelPart:
    window = block.windows[level]
    side, first, last = factor_of(window.stride), window.padding, window.padding + window.stride
    own = weights[first:last].view(side, side)
    return LevelPart(own, torch.ones_like(own, dtype=torch.bool), (0, 0), torch.cat([weights[:first], weights[last:]]))
