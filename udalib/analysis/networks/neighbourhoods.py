"""Whom a node hears, held against the labels: how many, how many of the same thing, and how large the thing is.

Legend: B images, G groups, N nodes that ask, M sources, k neighbours a group, K classes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from udalib.analysis.networks.graph_nodes import StageNodes
from udalib.core.errors import ConfigError

SHOWS = 0.2
"""Share of a cell's pixels from which on the cell shows a class."""


@dataclass(frozen=True)
class Heard:
    """Neighbourhoods, one entry a node that asks.

    Attributes:
        size: sources that show the node's class, int64 (n,).
        count: different sources that it hears, int64 (n,).
        right: those of them that show its class, int64 (n,).
    """

    size: Tensor
    count: Tensor
    right: Tensor

    @property
    def precision(self) -> Tensor:
        """Share of what is heard that shows the class, float32 (n,)."""
        return self.right / self.count

    @property
    def recall(self) -> Tensor:
        """Share of what shows the class that is heard, float32 (n,)."""
        return self.right / self.size


def heard(neighbours: Tensor, wanted: Tensor) -> Heard:
    """Count neighbourhoods.

    Args:
        neighbours: int64 (B, G, N, k), see :func:`udalib.ops.group_knn.group_knn`.
        wanted: bool (B, N, M), sources that show the class of the node; nodes without any are left out.
    """
    listed = neighbours.permute(0, 2, 1, 3).flatten(2)
    chosen = torch.zeros_like(wanted).scatter_(2, listed, True)
    keep = wanted.any(2)
    return Heard(wanted.sum(2)[keep], chosen.sum(2)[keep], (chosen & wanted).sum(2)[keep])


def class_shares(labels: Tensor, grid: tuple[int, int], num_classes: int) -> Tensor:
    """Share of each cell's pixels by class: ids (B, H, W) -> float32 (B, K, h, w); ids outside are of no class.

    Raises:
        ConfigError: the cells of the grid are not all of one size.
    """
    height, width = labels.shape[-2:]
    if height % grid[0] or width % grid[1]:
        raise ConfigError(f"a grid of {grid} does not divide labels of {height} x {width} into equal cells.")
    classes = torch.arange(num_classes, device=labels.device)[:, None, None]
    one_hot = (labels[:, None] == classes).float()
    return F.avg_pool2d(one_hot, (height // grid[0], width // grid[1]))


def label_hearing(nodes: StageNodes, labels: Tensor, ids: Sequence[int], *, k: int, groups: int) -> Heard:
    """What label nodes hear in pictures that show their class.

    Args:
        nodes: of the stage, for B images.
        labels: class ids (B, H, W).
        ids: id of each label node.
        k: patches a group.
        groups: G.
    """
    shares = class_shares(labels, _grid(nodes.features), max(ids) + 1)[:, list(ids)]
    return heard(nodes.label_neighbours(k, groups), shares.flatten(2) >= SHOWS)


def patch_hearing(
    nodes: StageNodes, labels: Tensor, num_classes: int, *, k: int, groups: int, positions: bool = True
) -> Heard:
    """What patches hear at the network's dilation; a patch is of the class that most of its pixels have.

    Args:
        nodes: of the stage, for B images.
        labels: class ids (B, H, W).
        num_classes: K; pixels of other ids have no class.
        k: sources a group.
        groups: G.
        positions: whether the table of positions is added, as the network does.
    """
    own = class_shares(labels, _grid(nodes.patches), num_classes).flatten(2).argmax(1)
    shows = class_shares(labels, _grid(nodes.sources), num_classes).flatten(2) >= SHOWS
    wanted = shows.gather(1, own[:, :, None].expand(-1, -1, shows.shape[2]))
    return heard(nodes.patch_neighbours(k, groups, dilation=nodes.dilation, positions=positions), wanted)


def expected_distinct(size: int, *, k: int, groups: int, sources: int) -> float:
    """Different neighbours of a node on average, if its groups agree on the object and on nothing else.

    Each group takes k of the ``size`` sources of the object, or all of them and the rest from the
    background, by a chance of its own. A source that a group takes with probability p is heard with 1 - (1 - p)^G.

    >>> [round(expected_distinct(n, k=4, groups=2, sources=100), 2) for n in (1, 4, 8, 64)]
    [6.91, 4.0, 6.0, 7.75]
    """
    inside, outside = min(1.0, k / size), max(0, k - size) / max(1, sources - size)
    return size * (1 - (1 - inside) ** groups) + (sources - size) * (1 - (1 - outside) ** groups)


def _grid(maps: Tensor) -> tuple[int, int]:
    return maps.shape[-2], maps.shape[-1]
