"""Supervised training on one labelled stream: "source only" on the source domain, the oracle on the target domain."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from torch import Tensor, nn
from torch.optim import Optimizer

from udalib.core.errors import ConfigError
from udalib.core.types import Batch, Logs
from udalib.methods.base import Method
from udalib.methods.registry import METHODS
from udalib.ops import cross_entropy, resize


@METHODS.register("supervised")
class Supervised(Method):
    """Pixel-wise cross-entropy on the labelled images of one stream.

    Args:
        network: images float (B, 3, H, W) in [0, 1] -> logits (B, C, h, w).
        optimizer: over the parameters of ``network``.
        stream: name of the labelled stream: "source" gives the source-only baseline, "target" the oracle.
        loss: "mean" divides by the valid pixels; "official" divides by all pixels, ignored ones included, as
            mmsegmentation and DAFormer do (a smaller loss where much is ignored).
        auxiliary_weight: weight of the loss on every further output of the decoder (0.1 in DeepLab-v2 of AdaptSegNet);
            0 leaves those heads untrained.
    """

    title: ClassVar[str] = "supervised"

    def __init__(
        self,
        network: nn.Module,
        optimizer: Optimizer,
        stream: str = "source",
        loss: Literal["mean", "official"] = "mean",
        auxiliary_weight: float = 0.0,
    ) -> None:
        super().__init__()
        if loss not in ("mean", "official"):
            raise ConfigError(f"loss is {loss!r}; choose mean or official.")
        self.network = network
        self.optimizer = optimizer
        self.streams = (stream,)
        self.loss = loss
        self.auxiliary_weight = auxiliary_weight

    def optimizers(self) -> dict[str, Optimizer]:
        """One optimiser, "main"."""
        return {"main": self.optimizer}

    def step(self, batches: Mapping[str, Batch], iteration: int) -> Logs:
        """One forward, one backward, one update; logs ``loss`` and, with auxiliary heads, ``loss_auxiliary``."""
        batch = batches[self.streams[0]]
        images, label = batch["image"], batch["label"]
        self.runtime.zero_grad(self.optimizer)
        with self.runtime.autocast():
            main, *others = self._outputs(images)
            loss = self._cross_entropy(main, label)
            auxiliary = [self._cross_entropy(logits, label) for logits in others]
        logs: Logs = {"loss": loss.detach()}
        if auxiliary:
            total = sum(auxiliary[1:], start=auxiliary[0])
            loss = loss + self.auxiliary_weight * total
            logs["loss_auxiliary"] = total.detach()
        self.runtime.backward(loss)
        self.runtime.optimizer_step(self.optimizer)
        return logs

    def predict(self, images: Tensor) -> Tensor:
        """Logits (B, C, H, W) of the network, resized to the images."""
        logits: Tensor = self.network(images)
        return resize(logits, images.shape[-2:], self._align_corners)

    @property
    def _align_corners(self) -> bool:
        return bool(getattr(self.network, "align_corners", False))

    def _outputs(self, images: Tensor) -> tuple[Tensor, ...]:
        network: Any = self.network
        return tuple(network.decode_all(network.features(images))) if self.auxiliary_weight else (network(images),)

    def _cross_entropy(self, logits: Tensor, label: Tensor) -> Tensor:
        logits = resize(logits, label.shape[-2:], self._align_corners)
        return cross_entropy(logits, label, reduction="all_mean" if self.loss == "official" else "valid_mean")
