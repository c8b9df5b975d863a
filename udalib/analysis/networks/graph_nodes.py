"""The nodes of GKGNet's graphs, taken out of a forward pass: who asks and who can be heard, before anybody is chosen.

Legend: B images, C channels of the stage, (h, w) its grid of patches, (p, q) that of its sources, L labels.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from udalib.core.errors import ConfigError
from udalib.models.gkgnet.blocks import GraphLayer, LabelGraph, PatchGraph
from udalib.models.gkgnet.network import GKGNet
from udalib.models.gkgnet.vig import Downsample, ViG
from udalib.ops.group_knn import PositionTable, group_knn


class StageNodes(NamedTuple):
    """What the graphs of one stage choose from.

    Attributes:
        patches: nodes of the stage's last patch graph, (B, C, h, w).
        sources: what these hear, (B, C, p, q).
        positions: table that is added to the distances of patches.
        features: the stage's output, which label nodes hear, (B, C, h, w).
        labels: nodes of the stage's first label graph, (B, C, L); None in a network without them.
        k: neighbours a group that the network asks for, of patches.
        dilation: of that patch graph.
    """

    patches: Tensor
    sources: Tensor
    positions: PositionTable
    features: Tensor
    labels: Tensor | None
    k: int
    dilation: int

    def picture(self, index: int) -> StageNodes:
        """The nodes of one of the images, B = 1."""
        part = slice(index, index + 1)
        return self._replace(
            patches=self.patches[part],
            sources=self.sources[part],
            features=self.features[part],
            labels=None if self.labels is None else self.labels[part],
        )

    def patch_neighbours(self, k: int, groups: int, *, dilation: int = 1, positions: bool = True) -> Tensor:
        """Neighbours of every patch among the sources, int64 (B, G, h w, k)."""
        x, y = self.patches.flatten(2), self.sources.flatten(2)
        table = self.positions if positions else None
        return group_knn(x, y, k=k, groups=groups, dilation=dilation, position=table)

    def label_neighbours(self, k: int, groups: int, *, dilation: int = 1) -> Tensor:
        """Neighbours of every label among the patches, int64 (B, G, L, k).

        Raises:
            ConfigError: the network has no label nodes.
        """
        if self.labels is None:
            raise ConfigError("this network has no label nodes; build it with `cross=True`, which is the default.")
        return group_knn(self.labels, self.features.flatten(2), k=k, groups=groups, dilation=dilation)


@torch.no_grad()
def stage_nodes(network: GKGNet, images: Tensor) -> list[StageNodes]:
    """Nodes of every stage for images (B, 3, H, W) in [0, 1], finest stage first; run it in eval mode."""
    given: dict[nn.Module, tuple[Any, ...]] = {}
    graphs = [module for module in network.modules() if isinstance(module, GraphLayer)]
    hooks = [graph.register_forward_pre_hook(given.__setitem__) for graph in graphs]
    try:
        features = network.features(images)
        network.decode(features)
    finally:
        for hook in hooks:
            hook.remove()
    encoder = network.encoder
    assert isinstance(encoder, ViG)
    asked = [graph for graph in graphs if isinstance(graph, LabelGraph)]
    labels: list[Tensor | None] = [_label_nodes(graph, given[graph][0]) for graph in asked[: len(features)]]
    return [
        _nodes(graph, given[graph][0], feature, label)
        for graph, feature, label in zip(_last_graphs(encoder), features, labels or [None] * len(features), strict=True)
    ]


def _nodes(graph: PatchGraph, x: Tensor, feature: Tensor, labels: Tensor | None) -> StageNodes:
    patches = graph.fc1(x)
    flat = graph.sources(patches)
    p, q = (side // graph.reduction for side in patches.shape[-2:])
    table = graph.positions((patches.shape[-2], patches.shape[-1]))
    return StageNodes(patches, torch.unflatten(flat, 2, (p, q)), table, feature, labels, graph.k, graph.dilation)


def _label_nodes(graph: LabelGraph, labels: Tensor) -> Tensor:
    nodes: Tensor = graph.fc1(labels.transpose(1, 2)[:, :, None].contiguous())
    return nodes[:, :, 0]


def _last_graphs(encoder: ViG) -> list[PatchGraph]:
    """The last patch graph of every stage."""
    last: list[PatchGraph] = []
    fresh = True
    for module in encoder.backbone:
        if isinstance(module, Downsample):
            fresh = True
            continue
        graph = next(m for m in module.modules() if isinstance(m, PatchGraph))
        last = [*last, graph] if fresh else [*last[:-1], graph]
        fresh = False
    return last
