"""Label nodes of GKGNet and its head (gkgnet sheet, 2.8 to 2.10)."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import cast

from torch import Tensor, nn

from udalib.models.gkgnet.blocks import LabelGraph, initialise
from udalib.models.heads.pooled import pooled


class LabelQueryHead(nn.Module):
    """One weight row of its own for each label's embedding, plus a linear layer on the pooled patches.

    The published code applies ``fc1`` to all embeddings, (B, L, L), and keeps the diagonal; the sum over channels of
    weight times embedding is the same.
    """

    def __init__(self, channels: int, num_classes: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(channels, num_classes)
        self.fc2 = nn.Linear(channels, num_classes)
        for layer in (self.fc1, self.fc2):
            nn.init.normal_(layer.weight, std=0.01)
            nn.init.zeros_(layer.bias)

    def forward(self, embeddings: Tensor, pooled: Tensor) -> Tensor:
        """Label embeddings (B, L, C) and pooled patches (B, C) -> logits (B, L)."""
        own = (embeddings * self.fc1.weight).sum(-1) + self.fc1.bias
        logits: Tensor = own + self.fc2(pooled)
        return logits


class LabelNodes(nn.Module):
    """Features of all stages -> logits (B, L): label nodes gather from the patches of each stage.

    Args:
        in_channels: of the features, finest first.
        num_classes: L.
        k: patches a label hears in each group.
        groups: G; 1 = plain k-NN.
        layers: label graphs of the last stage, one after the other.
        rates: stochastic depth of each stage's label graph.
    """

    def __init__(
        self,
        in_channels: Sequence[int],
        num_classes: int,
        k: int = 9,
        groups: int = 2,
        layers: int = 1,
        rates: Sequence[float] = (),
    ) -> None:
        super().__init__()
        self.num_classes = num_classes
        last = len(in_channels) - 1
        rates = rates or [0.0] * len(in_channels)
        self.label_lt = nn.Embedding(num_classes, in_channels[0])
        self.gcn_label = nn.ModuleList(
            nn.ModuleList(
                LabelGraph(c, k, groups=groups, drop_path=rates[stage]) for _ in range(layers if stage == last else 1)
            )
            for stage, c in enumerate(in_channels)
        )
        steps = pairwise(in_channels)
        self.ffn_label = nn.ModuleList(nn.Sequential(nn.Linear(a, b)) for a, b in steps)
        self.head = LabelQueryHead(in_channels[-1], num_classes)
        initialise(self)

    def forward(self, features: Sequence[Tensor]) -> Tensor:
        """Logits (B, L)."""
        logits: Tensor = self.head(self.embed(features)[0], pooled(features))
        return logits

    def embed(self, features: Sequence[Tensor]) -> tuple[Tensor, list[Tensor]]:
        """Label embeddings (B, L, C) after the last stage, and the neighbours (B, G, L, k) of each label graph."""
        labels = self.label_lt.weight.expand(len(features[0]), -1, -1)
        chosen = []
        for stage, feature in enumerate(features):
            for graph in cast(nn.ModuleList, self.gcn_label[stage]):
                labels, neighbours = graph(labels, feature)
                chosen.append(neighbours)
            if stage < len(self.ffn_label):
                labels = self.ffn_label[stage](labels)
        return labels, chosen
