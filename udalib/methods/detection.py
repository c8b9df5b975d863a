"""Supervised detection: the losses of a dense head, one value a level and term (cfpt sheet, 3)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from torch import Tensor
from torch.optim import Optimizer

from udalib.core.errors import ConfigError, DataError
from udalib.core.types import Batch, Logs
from udalib.methods.base import Method
from udalib.methods.registry import METHODS
from udalib.models.detection.detector import Detector
from udalib.models.detection.select import Detections


@METHODS.register("detection")
class Detection(Method):
    """A detector trained on boxes; neck and head are the detector's.

    Args:
        network: what is trained.
        optimizer: of the network.
        stream: its batches hold ``boxes``, a list of B float tensors (G, 4), x0 y0 x1 y1 in pixels, and ``box_labels``,
            a list of B int64 tensors (G,). A picture without a box is background everywhere.

    Raises:
        ConfigError: the network is no detector.
    """

    title: ClassVar[str] = "detection"
    batch_wise = "the losses are divided by the number of positive anchors of the batch"

    def __init__(self, network: Detector, optimizer: Optimizer, stream: str = "labelled") -> None:
        super().__init__()
        if not isinstance(network, Detector):
            raise ConfigError(
                f"detection trains a Detector, got a {type(network).__name__}; write NetworkSpec.of('detector', ...)."
            )
        self.network, self.optimizer, self.streams = network, optimizer, (stream,)

    def optimizers(self) -> dict[str, Optimizer]:
        """One optimiser, "main"."""
        return {"main": self.optimizer}

    def step(self, batches: Mapping[str, Batch], iteration: int) -> Logs:
        """One forward, one backward, one update; logs ``loss`` and every term of the head.

        Raises:
            DataError: the batch has no boxes, or as many labels as boxes nowhere.
        """
        images, boxes, labels = self._read(batches[self.streams[0]])
        self.runtime.zero_grad(self.optimizer)
        with self.runtime.autocast():
            classes, numbers = self.network(images)
        losses = self.network.head.losses(classes, numbers, boxes, labels)
        terms = {name: value.sum() for name, value in losses.items()}
        loss = sum(terms.values(), start=images.new_zeros(()))
        self.runtime.backward(loss)
        self.runtime.optimizer_step(self.optimizer)
        return {"loss": loss.detach(), **{name: value.detach() for name, value in terms.items()}}

    def predict(self, images: Tensor) -> list[Detections]:  # type: ignore[override]
        """Detections of images (B, 3, H, W) in [0, 1], in their pixels."""
        return self.network.detect(images)

    def _read(self, batch: Batch) -> tuple[Tensor, list[Tensor], list[Tensor]]:
        boxes, labels = batch.get("boxes"), batch.get("box_labels")
        if not isinstance(boxes, list) or not isinstance(labels, list):
            raise DataError(
                f"detection needs `boxes` and `box_labels` in the stream {self.streams[0]!r}; its batches hold "
                f"{', '.join(sorted(batch))}. Choose a data set with boxes, such as streets/boxes-car."
            )
        wrong = [b.shape for b, k in zip(boxes, labels, strict=True) if b.shape != (len(k), 4)]
        if wrong:
            raise DataError(f"boxes must be (G, 4) with one label each, got {tuple(wrong[0])}; check the data set.")
        return batch["image"], boxes, labels
