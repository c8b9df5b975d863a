"""Group k-NN and max-relative messages of GKGNet, in blocks of queries (gkgnet sheet, 2.4 and 2.6).

The channels of a node are cut into G groups and every group looks for its own k neighbours, so that a node hears at
least k and at most k G others, as the picture decides.

The published code keeps the whole table of distances, N x M for each image and group, and a stored table of positions
of the same size. Here both exist for one block of queries at a time: memory grows with N + M, the numbers are the same.

Legend: B images, C channels, G groups, N queries, M sources, k neighbours.
"""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from udalib.core.errors import ConfigError
from udalib.ops.losses import at_least_float32

BLOCK = 2**22
"""Distances that are held at a time, over all images and groups: 16 MB in float32."""


@dataclass(frozen=True)
class PositionTable:
    """A table (N, M) of what is added to the distances, as the product of two thin ones: ``scale * rows @ columns.T``.

    Attributes:
        rows: (N, D).
        columns: (M, D).
        scale: factor.
    """

    rows: Tensor
    columns: Tensor
    scale: float = 1.0

    def block(self, start: int, stop: int) -> Tensor:
        """Rows ``start`` .. ``stop - 1`` of the table, (stop - start, M)."""
        return self.scale * (self.rows[start:stop] @ self.columns.T)


@torch.no_grad()
def group_knn(
    queries: Tensor,
    sources: Tensor,
    *,
    k: int,
    groups: int = 1,
    dilation: int = 1,
    position: PositionTable | Tensor | None = None,
    block: int = BLOCK,
) -> Tensor:
    """Numbers of the k nearest sources of every query, in every group of channels; ``groups=1`` is plain k-NN.

    Each group is scaled to length 1 by itself; the k * dilation nearest by squared distance are put in ascending order
    and every ``dilation``-th is kept. A query that is also a source finds itself first. Nothing here has a
    gradient, and
    the distances are in float32 or wider under autocast as well, for a choice cannot be rounded.

    Args:
        queries: (B, C, N).
        sources: (B, C, M).
        k: neighbours a group.
        groups: G, a divisor of C.
        dilation: see above.
        position: added to the distances of all images and groups, (N, M) or in two factors.
        block: distances held at a time; changes memory and speed, not the neighbours.

    Returns:
        int64 (B, G, N, k), in ascending distance.

    Raises:
        ConfigError: fewer than k * dilation sources, or channels that G does not divide.
    """
    _check(queries, sources, k, groups, dilation)
    kind = queries.device.type
    mixed = torch.amp.is_autocast_available(kind)  # not on "meta", where shapes alone are asked for
    with torch.autocast(kind, enabled=False) if mixed else nullcontext():
        x, y = _unit_groups(queries, groups), _unit_groups(sources, groups)
        squares = y.square().sum(-1)[:, :, None]
        rows = max(1, block // (x.shape[0] * groups * y.shape[2]))
        found = []
        for start in range(0, x.shape[2], rows):
            part = x[:, :, start : start + rows]
            distance = part.square().sum(-1, keepdim=True) - 2 * part @ y.transpose(-1, -2) + squares
            if position is not None:
                distance += _block_of(position, start, start + part.shape[2]).to(distance.dtype)
            found.append(distance.topk(k * dilation, dim=-1, largest=False).indices[..., ::dilation])
    return torch.cat(found, dim=2)


def max_relative(queries: Tensor, sources: Tensor, neighbours: Tensor) -> Tensor:
    """Largest difference to a neighbour, channel by channel: max over j of (y_j - x_i).

    The winners are found without a graph, one neighbour at a time, and gathered once, so that the k-fold map
    (B, C, N, k) of the published code never exists. Gradients flow to query and winner.

    Args:
        queries: x, (B, C, N).
        sources: y, (B, C, M).
        neighbours: int64 (B, G, N, k), see :func:`group_knn`.

    Returns:
        (B, C, N).
    """
    groups, (batch, channels, count) = neighbours.shape[1], queries.shape
    y = sources.reshape(batch, groups, channels // groups, -1)
    winner = _winners(y.detach(), neighbours)
    return y.gather(3, winner).reshape(batch, channels, count) - queries


def distinct_neighbours(neighbours: Tensor) -> Tensor:
    """How many different sources a query hears over all its groups: (B, G, N, k) -> int64 (B, N), from k to G k."""
    listed = neighbours.permute(0, 2, 1, 3).flatten(2).sort(-1).values
    return 1 + (listed[..., 1:] != listed[..., :-1]).sum(-1)


@torch.no_grad()
def _winners(y: Tensor, neighbours: Tensor) -> Tensor:
    """Source whose value is largest, int64 (B, G, C / G, N)."""
    index = neighbours[..., 0][:, :, None].expand(-1, -1, y.shape[2], -1)
    best, winner = y.gather(3, index), index
    for j in range(1, neighbours.shape[-1]):
        index = neighbours[..., j][:, :, None].expand_as(winner)
        value = y.gather(3, index)
        better = value > best
        best, winner = torch.where(better, value, best), torch.where(better, index, winner)
    return winner


def _unit_groups(nodes: Tensor, groups: int) -> Tensor:
    """(B, C, N) -> (B, G, N, C / G), every node of every group of length 1."""
    batch, channels, count = nodes.shape
    folded = at_least_float32(nodes).reshape(batch, groups, channels // groups, count)
    return F.normalize(folded, dim=2).transpose(2, 3)


def _block_of(position: PositionTable | Tensor, start: int, stop: int) -> Tensor:
    if isinstance(position, PositionTable):
        return position.block(start, stop)
    return position[start:stop]


def _check(queries: Tensor, sources: Tensor, k: int, groups: int, dilation: int) -> None:
    channels, count = queries.shape[1], sources.shape[2]
    if groups < 1 or channels % groups or sources.shape[1] != channels:
        raise ConfigError(
            f"{groups} groups of {channels} channels of queries and {sources.shape[1]} of sources: both need the same "
            "number of channels, a multiple of the groups."
        )
    if min(k, dilation) < 1 or k * dilation > count:
        raise ConfigError(
            f"k={k} neighbours at dilation {dilation} need {k * dilation} patches to choose from, there are {count}; "
            "take larger images (192 pixels a side for the published k=9), a smaller k, or less pooling of the sources."
        )
