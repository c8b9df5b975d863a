"""GKGNet as a network: patch graphs are its encoder, label nodes its decoder (gkgnet sheet, 2 and 3)."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor

from udalib.models.gkgnet.labels import LabelNodes
from udalib.models.gkgnet.vig import ViG, drop_rates
from udalib.models.heads.pooled import Pooled
from udalib.models.network import SegmentationNetwork
from udalib.models.registry import NETWORKS


class GKGNet(SegmentationNetwork):
    """RGB images (B, 3, H, W) in [0, 1] -> logits (B, L) of the labels; published checkpoints load by name."""

    published_prefixes: ClassVar[dict[str, str]] = {
        "backbone.label_lt": "decoder.label_lt",
        "backbone.gcn_label": "decoder.gcn_label",
        "backbone.ffn_label": "decoder.ffn_label",
        "backbone.": "encoder.",
        "head.": "decoder.head.",
    }
    published_constants: ClassVar[tuple[str, ...]] = ViG.published_constants

    def label_neighbours(self, images: Tensor) -> list[Tensor]:
        """Patches that each label hears, int64 (B, G, L, k) for each label graph."""
        decoder: LabelNodes = self.decoder  # type: ignore[assignment]
        return decoder.embed(self.features(images))[1]


@NETWORKS.register("gkgnet")
def gkgnet(
    num_classes: int = 80,
    variant: str = "s",
    size: int | tuple[int, int] = 448,
    k: int = 9,
    k_label: int = 9,
    groups: int = 2,
    label_groups: int | None = None,
    label_layers: int = 1,
    cross: bool = True,
    drop_path: float = 0.1,
    official: bool = False,
) -> GKGNet:
    """Build GKGNet.

    Args:
        num_classes: L.
        variant: "s" (the published one), "t" or "streets", see :data:`udalib.models.gkgnet.vig.VIG_CONFIGS`.
        size: side of the images, or (height, width).
        k: neighbours of a patch, in each group.
        k_label: patches that a label hears, in each group.
        groups: G of the patch graphs; 1 = plain k-NN.
        label_groups: G of the label graphs; None = that of the patch graphs.
        label_layers: label graphs of the last stage.
        cross: False leaves the label nodes out: a linear layer on the mean of the last feature.
        drop_path: stochastic depth of the last block.
        official: positions of pooled sources as published (what published weights need); the default puts them right.
    """
    encoder = ViG(variant, size, k, groups, drop_path, official=official)
    if not cross:
        return GKGNet(encoder, Pooled(encoder.channels, num_classes))
    rates = drop_rates(encoder.config, drop_path)
    first = [sum(encoder.config.blocks[:stage]) for stage in range(len(encoder.channels))]
    decoder = LabelNodes(
        encoder.channels,
        num_classes,
        k_label,
        groups if label_groups is None else label_groups,
        label_layers,
        [rates[i] for i in first],
    )
    return GKGNet(encoder, decoder)
