"""A linear classifier on a frozen encoder: the second stage of DSCL (dscl sheet, section 5)."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from udalib.methods.classification import Classification
from udalib.methods.registry import METHODS
from udalib.models.network import SegmentationNetwork


@METHODS.register("linear-classifier")
class LinearClassifier(Classification):
    """:class:`Classification` whose encoder stays as it is; sample by class to balance it.

    Args:
        network: its encoder is not trained.
        optimizer: whatever the recipe describes; the linear layer is all that it moves.
        num_classes, stream: see :class:`Classification`.
        official: BatchNorm of the frozen encoder normalises by the batch and its statistics go on moving, as in the
            published code, whose comment says otherwise; the default keeps the encoder in eval mode.
    """

    title: ClassVar[str] = "linear classifier"
    untrained = ("network.",)
    example: ClassVar[str] = "streets/crops"

    def __init__(
        self,
        network: SegmentationNetwork,
        optimizer: Optimizer,
        num_classes: int,
        stream: str = "labelled",
        official: bool = False,
    ) -> None:
        super().__init__(network, optimizer, num_classes, stream)
        network.requires_grad_(False)
        self.official = official
        nn.init.normal_(self.classifier.weight, std=0.01)
        nn.init.zeros_(self.classifier.bias)

    def train(self, mode: bool = True) -> LinearClassifier:
        """Switch modes; the encoder stays in eval mode unless ``official``."""
        super().train(mode)
        if not self.official:
            self.network.eval()
        return self

    def predict(self, images: Tensor) -> Tensor:
        """Logits (B, C) for images (B, 3, H, W) in [0, 1]."""
        with torch.no_grad():
            pooled = self.network.features(images)[-1].mean((2, 3))
        logits: Tensor = self.classifier(pooled)
        return logits
