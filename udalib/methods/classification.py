"""Image classification with the encoder of a segmentation network: how an encoder is pretrained before its task."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import torch.nn.functional as F
from torch import Tensor, nn
from torch.optim import Optimizer

from udalib.core.errors import ConfigError, DataError
from udalib.core.types import Batch, Logs
from udalib.methods.base import Method
from udalib.methods.registry import METHODS
from udalib.models.network import SegmentationNetwork


@METHODS.register("classification")
class Classification(Method):
    """Cross-entropy of a linear layer on the global average of the encoder's last feature.

    The decoder of the network is neither run nor trained: what is left for another run is ``network.encoder``.

    Args:
        network: its encoder is trained.
        optimizer: of the network; the linear layer joins it with the optimiser's own rate and decay.
        num_classes: K, the classes of ``target``.
        stream: labelled stream whose batches hold ``image`` and ``target`` int64 (B,).

    Raises:
        ConfigError: the network has no encoder with features.
    """

    title: ClassVar[str] = "classification"
    untrained = ("network.decoder.",)
    #: data set that a message names
    example: ClassVar[str] = "streets/things"

    def __init__(
        self, network: SegmentationNetwork, optimizer: Optimizer, num_classes: int, stream: str = "labelled"
    ) -> None:
        super().__init__()
        if not isinstance(network, SegmentationNetwork):
            raise ConfigError(
                f"classification trains the encoder of a SegmentationNetwork, got a {type(network).__name__}; "
                "choose a network of `udalib.models.list_networks()` or a pair of encoder and decoder."
            )
        self.network = network
        self.optimizer = optimizer
        self.classifier = nn.Linear(network.feature_channels[-1], num_classes)
        self.streams = (stream,)
        optimizer.add_param_group({"params": list(self.classifier.parameters()), "name": "classifier"})

    def optimizers(self) -> dict[str, Optimizer]:
        """One optimiser, "main", of encoder and linear layer."""
        return {"main": self.optimizer}

    def step(self, batches: Mapping[str, Batch], iteration: int) -> Logs:
        """One forward, one backward, one update; logs ``loss`` and the ``accuracy`` on the batch.

        Raises:
            DataError: the batch has no ``target`` (B,) of whole numbers.
        """
        batch = batches[self.streams[0]]
        target = target_of(batch, self.streams[0], self.example)
        self.runtime.zero_grad(self.optimizer)
        with self.runtime.autocast():
            logits = self.predict(batch["image"])
            loss = F.cross_entropy(logits, target)
        self.runtime.backward(loss)
        self.runtime.optimizer_step(self.optimizer)
        return {"loss": loss.detach(), "accuracy": (logits.detach().argmax(1) == target).float().mean()}

    def predict(self, images: Tensor) -> Tensor:
        """Logits (B, K) for images (B, 3, H, W) in [0, 1]."""
        logits: Tensor = self.classifier(self.network.features(images)[-1].mean((2, 3)))
        return logits


def target_of(batch: Batch, stream: str, example: str) -> Tensor:
    """The one class of each picture of ``batch``, int64 (B,).

    Raises:
        DataError: there is none; ``stream`` and a data set as an ``example`` are named in the message.
    """
    target = batch.get("target")
    if not isinstance(target, Tensor) or target.shape != batch["image"].shape[:1] or target.is_floating_point():
        found = f"{target.dtype} {tuple(target.shape)}" if isinstance(target, Tensor) else "none"
        raise DataError(
            f"classification needs one class a picture, `target` int64 (B,), in the stream {stream!r}; "
            f"its batches hold {found}. Choose a data set such as {example}."
        )
    return target
