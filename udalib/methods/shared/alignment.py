"""What methods share that learn the labels of the source and, by a pass of its own, something from target images."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor
from torch.optim import Optimizer

from udalib.core.errors import ConfigError
from udalib.core.types import IGNORE_INDEX, Logs
from udalib.methods.base import Method
from udalib.models.network import SegmentationNetwork
from udalib.ops import cross_entropy, resize

LEVELS = ("main", "aux")
"""Heads in the order of ``SegmentationNetwork.decode_all``: the last feature's, then an earlier one's."""


class Alignment(Method):
    """Segmentation of the source on one or two levels; subclasses add what they want of target images.

    Source and target go through the network in forward passes of their own, as in the published codes, so that
    BatchNorm normalises each domain by its own batch.

    Args:
        network: its auxiliary level is ``decode_all``'s second output.
        optimizer: of ``network``.
        lambda_seg: weight of the auxiliary head's segmentation loss.
        auxiliary: run the auxiliary head.

    Raises:
        ConfigError: ``auxiliary``, and the network has one output.
    """

    streams = ("source", "target")

    def __init__(
        self, network: SegmentationNetwork, optimizer: Optimizer, *, lambda_seg: float, auxiliary: bool
    ) -> None:
        super().__init__()
        if auxiliary and not network.has_auxiliary:
            raise ConfigError(
                "a weight of the auxiliary level is positive, but the network has one output; set network.auxiliary to "
                "the level of an encoder feature (-2: the second to last), or the weights of that level (lambda_seg "
                "and those that end in _aux) to 0."
            )
        self.network = network
        self.optimizer = optimizer
        self.lambda_seg = lambda_seg
        self.auxiliary = auxiliary

    def optimizers(self) -> dict[str, Optimizer]:
        """``main``, of the network."""
        return {"main": self.optimizer}

    def heads(self, features: list[Tensor], size: Sequence[int]) -> tuple[Tensor, ...]:
        """Logits (B, C, H, W) of the heads in use, main first, up-sampled to ``size`` = (H, W)."""
        network = self.network
        heads = network.decode_all(features)[:2] if self.auxiliary else (network.decode(features),)
        return tuple(resize(logits, size, network.align_corners) for logits in heads)

    def learn_labels(self, logits: Sequence[Tensor], label: Tensor) -> Logs:
        """Backward of ``L_seg(main) + lambda_seg L_seg(aux)``, each the mean cross-entropy of the valid pixels.

        Logs ``loss`` and the unweighted ``loss_seg_LEVEL``; ``unlabelled_batches`` is 1 for a batch without a valid
        pixel, whose loss is 0 (in the published code NaN, with the same zero gradient).
        """
        losses = [cross_entropy(each, label) for each in logits]
        loss = losses[0] if len(losses) == 1 else losses[0] + self.lambda_seg * losses[1]
        self.runtime.backward(loss)
        unlabelled = (label == IGNORE_INDEX) | (label < 0)
        logs = {f"loss_seg_{level}": x.detach() for level, x in zip(LEVELS, losses, strict=False)}
        return {"loss": loss.detach(), **logs, "unlabelled_batches": unlabelled.all().float()}

    def predict(self, images: Tensor) -> Tensor:
        """Main logits (B, C, H, W), resized to the images."""
        return resize(self.network(images), images.shape[-2:], self.network.align_corners)


def weighted(losses: dict[str, Tensor], weights: dict[str, float]) -> Tensor:
    """Sum of ``losses`` times the ``weights`` of their names, zero weights included.

    >>> from torch import tensor
    >>> weighted({"main": tensor(2.0), "aux": tensor(1.0)}, {"main": 0.5, "aux": 0.25})
    tensor(1.2500)
    """
    terms = [weights[name] * loss for name, loss in losses.items()]
    return sum(terms[1:], start=terms[0])
