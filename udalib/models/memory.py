"""The memory of Pin the Memory: one unit vector a class, that pixels read and labelled pixels write.

Kim et al., "Pin the Memory: Learning to Generalize Semantic Segmentation", CVPR 2022 (pin_memory sheet, section 2.2).
Parameters have their published names. The published items are a plain tensor that its snapshots keep beside the state
dict; here they are a persistent buffer, so that no checkpoint can lack them unnoticed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, TypeAlias

import torch
from torch import Tensor, nn

from udalib.core.errors import ConfigError
from udalib.ops.memory import (
    ClassSums,
    class_sums,
    divergence_loss,
    identity_loss,
    mixture,
    similarity,
    soft_labels,
    unit_features,
    written,
)

Noise: TypeAlias = Callable[[Tensor], Tensor]
"""From scores (B, K, h, w) to what is added to them."""


class Read(NamedTuple):
    """What a read gives.

    Attributes:
        fused: feature of the decoder, (B, D, h, w).
        scores: cosines between pixels and items, without noise, (B, K, h, w).
        weights: over the items, (B, K, h, w).
    """

    fused: Tensor
    scores: Tensor
    weights: Tensor


class WriteNet(nn.Module):
    """The update network: unit vectors of ``ReLU(F + BN(conv1x1(F)))``, (B, D, h, w) -> (B, D, h, w)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.writefeat = nn.Sequential(nn.Conv2d(channels, channels, 1, bias=False), nn.BatchNorm2d(channels))

    def forward(self, feature: Tensor) -> Tensor:
        """What is written of ``feature``, which is not normalised before."""
        return unit_features(torch.relu(feature + self.writefeat(feature)))


class ClassMemory(nn.Module):
    """K items of D channels with the networks around them.

    Items start as zeros, which every write and every initialisation replaces; the item of a class that no image shows
    stays zero, and scores 0 at every pixel.

    Args:
        num_items: K, the number of classes.
        channels: D.
        momentum: share of the old item in a write.
        temperature: of the cohesion loss (not of the reading weights).
        margin: cosine up to which two items are not pushed apart.
        min_weight: weight of a class up to which its item is not written; 0 as published.

    Raises:
        ConfigError: momentum outside [0, 1], or a temperature that is not positive.
    """

    m_items: Tensor

    def __init__(
        self,
        num_items: int = 19,
        channels: int = 256,
        *,
        momentum: float = 0.8,
        temperature: float = 1.0,
        margin: float = 0.0,
        min_weight: float = 0.0,
    ) -> None:
        super().__init__()
        if not 0 <= momentum <= 1 or temperature <= 0:
            raise ConfigError(
                f"memory momentum is {momentum} and temperature {temperature}; the share of the old item lies in "
                "[0, 1], the temperature above 0."
            )
        self.momentum, self.temperature, self.margin, self.min_weight = momentum, temperature, margin, min_weight
        fuse = nn.Conv2d(2 * channels, channels, 1, bias=False)
        self.output = nn.Sequential(fuse, nn.BatchNorm2d(channels), nn.ReLU())
        self.writenet = WriteNet(channels)
        self.clsfier = nn.Linear(channels, num_items)
        self.register_buffer("m_items", torch.zeros(num_items, channels))
        self._start()

    def _start(self) -> None:
        """Published initial values: Kaiming's convolutions (fan-in), BatchNorm biases of 1e-4, a tiny classifier."""
        for layer in self.modules():
            if isinstance(layer, nn.Conv2d):
                nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
            elif isinstance(layer, nn.BatchNorm2d):
                nn.init.constant_(layer.bias, 1e-4)
        nn.init.normal_(self.clsfier.weight, std=1e-4)
        nn.init.zeros_(self.clsfier.bias)

    @property
    def num_items(self) -> int:
        """K."""
        return len(self.m_items)

    def read(self, feature: Tensor, items: Tensor | None = None, noise: Noise | None = None) -> Read:
        """Fuse each pixel of ``feature`` (B, D, h, w) with the items that it is like.

        Args:
            feature: not normalised; the decoder gets its direction only.
            items: (K, D) unit vectors, with their graph if they are to be learned through; None = the stored ones.
            noise: added to the scores before the soft-max; None = nothing. Published scripts add Gumbel noise, in
                evaluation too; its standard deviation of 1.28 swamps scores that differ by a few tenths.
        """
        items = self.m_items if items is None else items
        query = unit_features(feature)
        scores = similarity(query, items)
        weights = (scores if noise is None else scores + noise(scores)).softmax(1)
        fused: Tensor = self.output(torch.cat([query, mixture(weights, items)], dim=1))
        return Read(fused, scores, weights)

    def sums(self, feature: Tensor, label: Tensor, *, plain: bool = False) -> ClassSums:
        """What ``label`` (B, H, W) says of ``feature`` (B, D, h, w), class by class.

        ``plain`` sums the normalised features themselves, as the initialisation does, without the update network.
        """
        shown = unit_features(feature) if plain else self.writenet(feature)
        return class_sums(shown, soft_labels(label, feature.shape[-2:], self.num_items))

    def updated(self, items: Tensor, sums: ClassSums) -> Tensor:
        """Items (K, D) after a write of ``sums``, with the graph of ``sums``; stores nothing."""
        return written(items, sums, self.momentum, self.min_weight)

    def divergence(self, items: Tensor) -> tuple[Tensor, Tensor]:
        """The two divergence losses of ``items`` (K, D): their mean positive cosine, and the classifier's loss."""
        with torch.autocast(items.device.type, enabled=False):
            return divergence_loss(items, self.margin), identity_loss(self.clsfier(items.to(self.clsfier.weight.dtype)))

    @torch.no_grad()
    def store(self, items: Tensor) -> None:
        """Keep ``items`` (K, D) from now on."""
        self.m_items.copy_(items)
