"""A linear classifier on a frozen encoder: the second stage of DSCL (dscl sheet, section 5)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.optim import Optimizer

from udalib.core.types import Batch, Logs
from udalib.methods.base import Method
from udalib.methods.classification import target_of
from udalib.methods.registry import METHODS
from udalib.models.network import SegmentationNetwork


@METHODS.register("linear-classifier")
class LinearClassifier(Method):
    """Cross-entropy of a linear layer on the pooled last feature; sample by class to balance it.

    Args:
        network: its encoder stays as it is.
        optimizer: whatever the recipe describes; the linear layer is all that it moves.
        num_classes: C.
        stream: labelled stream whose batches hold ``image`` and ``target`` int64 (B,).
        official: BatchNorm of the frozen encoder normalises by the batch and its statistics go on moving, as in the
            published code, whose comment says otherwise; the default keeps the encoder in eval mode.
    """

    title: ClassVar[str] = "linear classifier"
    untrained = ("network.",)

    def __init__(
        self,
        network: SegmentationNetwork,
        optimizer: Optimizer,
        num_classes: int,
        stream: str = "labelled",
        official: bool = False,
    ) -> None:
        super().__init__()
        self.network = network.requires_grad_(False)
        self.optimizer, self.official, self.streams = optimizer, official, (stream,)
        self.classifier = nn.Linear(network.feature_channels[-1], num_classes)
        nn.init.normal_(self.classifier.weight, std=0.01)
        nn.init.zeros_(self.classifier.bias)
        optimizer.add_param_group({"params": list(self.classifier.parameters()), "name": "classifier"})

    def train(self, mode: bool = True) -> LinearClassifier:
        """Switch modes; the encoder stays in eval mode unless ``official``."""
        super().train(mode)
        if not self.official:
            self.network.eval()
        return self

    def optimizers(self) -> dict[str, Optimizer]:
        """One optimiser, "main"."""
        return {"main": self.optimizer}

    def step(self, batches: Mapping[str, Batch], iteration: int) -> Logs:
        """One update of the linear layer; logs ``loss`` and the ``accuracy`` on the batch.

        Raises:
            DataError: the batch has no ``target`` (B,) of whole numbers.
        """
        batch = batches[self.streams[0]]
        target = target_of(batch, self.streams[0], "streets/crops")
        self.runtime.zero_grad(self.optimizer)
        with self.runtime.autocast():
            logits = self.predict(batch["image"])
            loss = F.cross_entropy(logits, target)
        self.runtime.backward(loss)
        self.runtime.optimizer_step(self.optimizer)
        return {"loss": loss.detach(), "accuracy": (logits.detach().argmax(1) == target).float().mean()}

    def predict(self, images: Tensor) -> Tensor:
        """Logits (B, C) for images (B, 3, H, W) in [0, 1]."""
        with torch.no_grad():
            pooled = self.network.features(images)[-1].mean((2, 3))
        logits: Tensor = self.classifier(pooled)
        return logits
