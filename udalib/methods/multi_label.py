"""Multi-label training: one network, two losses, as GKGNet is trained (gkgnet sheet, sections 4 and 5).

    L = L_bce + w L_asl

with the smoothed cross-entropy and the asymmetric loss of :mod:`udalib.ops.multi_label`; w = 10 stands in the published
code alone, the paper speaks of a sum. Any network with one logit a class is trained by it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from udalib.core.errors import ConfigError, DataError
from udalib.core.types import Batch, Logs
from udalib.methods.base import Method
from udalib.methods.registry import METHODS
from udalib.ops.multi_label import asymmetric_loss, smoothed_bce


@METHODS.register("multi-label")
class MultiLabel(Method):
    """Which classes a picture shows, any number of them.

    Args:
        network: images float (B, 3, H, W) in [0, 1] -> logits (B, L).
        optimizer: over the parameters of ``network``.
        num_classes: L.
        stream: labelled stream whose batches hold ``image`` and ``classes`` (B, L) of 1, 0 and -1 (unknown).
        smoothing: eps of the smoothed cross-entropy.
        bce_weight: factor of that term; 0 leaves the asymmetric loss alone.
        asymmetric_weight: w; 0 leaves the cross-entropy alone.
        gamma_pos, gamma_neg, clip: of the asymmetric loss.
    """

    title: ClassVar[str] = "multi-label"

    def __init__(
        self,
        network: nn.Module,
        optimizer: Optimizer,
        num_classes: int,
        stream: str = "labelled",
        smoothing: float = 0.1,
        bce_weight: float = 1.0,
        asymmetric_weight: float = 10.0,
        gamma_pos: float = 0.0,
        gamma_neg: float = 2.0,
        clip: float = 0.05,
    ) -> None:
        super().__init__()
        if min(bce_weight, asymmetric_weight) < 0 or bce_weight + asymmetric_weight == 0:
            raise ConfigError(
                f"bce_weight {bce_weight} and asymmetric_weight {asymmetric_weight} must not be negative, nor both 0."
            )
        self.network = network
        self.optimizer = optimizer
        self.num_classes = num_classes
        self.streams = (stream,)
        self.smoothing, self.bce_weight, self.asymmetric_weight = smoothing, bce_weight, asymmetric_weight
        self.asymmetry: dict[str, Any] = {"gamma_pos": gamma_pos, "gamma_neg": gamma_neg, "clip": clip}

    def optimizers(self) -> dict[str, Optimizer]:
        """One optimiser, "main"."""
        return {"main": self.optimizer}

    def step(self, batches: Mapping[str, Batch], iteration: int) -> Logs:
        """One forward, one backward, one update; logs ``loss``, ``loss_bce`` and ``loss_asymmetric`` (weighted).

        Raises:
            DataError: the batch has no ``classes`` (B, L).
        """
        batch = batches[self.streams[0]]
        classes = self._classes(batch)
        self.runtime.zero_grad(self.optimizer)
        with self.runtime.autocast():
            logits = self.predict(batch["image"])
        bce, asymmetric = self.losses(logits, classes)
        loss = bce + asymmetric
        self.runtime.backward(loss)
        self.runtime.optimizer_step(self.optimizer)
        return {"loss": loss.detach(), "loss_bce": bce.detach(), "loss_asymmetric": asymmetric.detach()}

    def losses(self, logits: Tensor, classes: Tensor) -> tuple[Tensor, Tensor]:
        """Both weighted terms; one of weight 0 is not computed."""
        zero = torch.zeros((), device=logits.device)
        bce = self.bce_weight * smoothed_bce(logits, classes, self.smoothing) if self.bce_weight else zero
        weight = self.asymmetric_weight
        return bce, weight * asymmetric_loss(logits, classes, **self.asymmetry) if weight else zero

    def predict(self, images: Tensor) -> Tensor:
        """Logits (B, L) for images (B, 3, H, W) in [0, 1]; their sigmoid is the probability of each class."""
        logits: Tensor = self.network(images)
        if logits.shape != (len(images), self.num_classes):
            raise ConfigError(
                f"the network gives {tuple(logits.shape)} for {len(images)} pictures of {self.num_classes} classes; "
                "multi-label training needs one logit a class: the network 'gkgnet', or a pair with the decoder "
                "'pooled'."
            )
        return logits

    def _classes(self, batch: Batch) -> Tensor:
        classes = batch.get("classes")
        wanted = (len(batch["image"]), self.num_classes)
        if not isinstance(classes, Tensor) or classes.shape != wanted:
            found = f"{tuple(classes.shape)}" if isinstance(classes, Tensor) else "none"
            raise DataError(
                f"multi-label training needs `classes` {wanted} of 0 and 1 in the stream {self.streams[0]!r}; its "
                f"batches hold {found}. Choose a data set such as streets/classes, coco2014 or voc2007."
            )
        return classes
