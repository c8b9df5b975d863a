"""AdaBN: give the BatchNorm layers of a trained network the statistics of the target domain, and change nothing else.

Li, Wang, Shi, Hou, Liu: Adaptive Batch Normalization for practical domain adaptation, Pattern Recognition 80 (2018).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.optim import Optimizer

from udalib.core.errors import ConfigError
from udalib.core.types import Batch, Logs
from udalib.methods.base import Method
from udalib.methods.registry import METHODS
from udalib.models.norm import batch_norms
from udalib.ops import resize


@METHODS.register("adabn")
class AdaBN(Method):
    """Re-estimate mean and variance of every BatchNorm layer on target images; no labels, no gradients.

    Each step pools the statistics of its batch with those of the batches before, all weighing the same:
    with n batches seen, batch mean m and batch variance v, and d = m - mean,

        mean <- mean + d / (n + 1)
        var  <- var n / (n + 1) + v / (n + 1) + d^2 n / (n + 1)^2

    which is the mean and variance over all pixels seen if batches are of one size (the online rule of the paper).
    The first batch replaces the source statistics. While estimating, each layer normalises by its batch, so a layer's
    input already has the target's statistics below it.

    Args:
        network: trained on the source domain, with BatchNorm layers.
        stream: name of the target stream; only its images are read.
    """

    title: ClassVar[str] = "AdaBN"
    batches_seen: Tensor

    def __init__(self, network: nn.Module, stream: str = "target") -> None:
        super().__init__()
        if not measured_norms(network):
            raise ConfigError(
                f"{type(network).__name__} has no BatchNorm layer with running statistics, so AdaBN cannot change it; "
                "choose a network with BatchNorm (MiT and other transformers use LayerNorm)."
            )
        self.network = network
        self.streams = (stream,)
        self.register_buffer("batches_seen", torch.zeros((), dtype=torch.long))

    def optimizers(self) -> dict[str, Optimizer]:
        """None: no weight is trained."""
        return {}

    def step(self, batches: Mapping[str, Batch], iteration: int) -> Logs:
        """Pool the BatchNorm statistics of one target batch.

        Logs ``mean_shift``: how far this batch moved the layers' means, in standard deviations; it falls towards 0 as
        the estimate settles.
        """
        layers = measured_norms(self.network)
        before = [(_mean(layer).clone(), _var(layer).clone()) for layer in layers]
        with torch.no_grad(), self.runtime.autocast(), _batch_statistics(self.network, layers):
            self.network(batches[self.streams[0]]["image"])
        with torch.no_grad():
            shifts = [self._pool(layer, *earlier) for layer, earlier in zip(layers, before, strict=True)]
        self.batches_seen += 1
        return {"mean_shift": torch.stack(shifts).mean()}

    def predict(self, images: Tensor) -> Tensor:
        """Logits (B, C, H, W) of the network with its present statistics, resized to the images."""
        logits: Tensor = self.network(images)
        return resize(logits, images.shape[-2:], bool(getattr(self.network, "align_corners", False)))

    def _pool(self, layer: _BatchNorm, mean: Tensor, var: Tensor) -> Tensor:
        """Combine the batch statistics that ``layer`` now holds with ``mean`` and ``var`` from before."""
        batch_mean = self.runtime.average(_mean(layer))
        batch_square = self.runtime.average(_var(layer) + _mean(layer).square())
        batch_var = batch_square - batch_mean.square()
        n = self.batches_seen.to(mean.dtype)
        d = batch_mean - mean
        new_mean = torch.where(n > 0, mean + d / (n + 1), batch_mean)
        pooled = (var * n + batch_var + d.square() * n / (n + 1)) / (n + 1)
        _mean(layer).copy_(new_mean)
        _var(layer).copy_(torch.where(n > 0, pooled, batch_var))
        return (new_mean - mean).abs().div((_var(layer) + layer.eps).sqrt()).mean()


def measured_norms(network: nn.Module) -> list[_BatchNorm]:
    """The BatchNorm layers of ``network`` that keep running statistics."""
    return [layer for layer in batch_norms(network) if layer.running_mean is not None]


def _mean(layer: _BatchNorm) -> Tensor:
    assert layer.running_mean is not None
    return layer.running_mean


def _var(layer: _BatchNorm) -> Tensor:
    assert layer.running_var is not None
    return layer.running_var


@contextmanager
def _batch_statistics(network: nn.Module, layers: list[_BatchNorm]) -> Iterator[None]:
    """Let a forward pass write each layer's batch statistics into its running ones; dropout is off meanwhile."""
    modes = [(m, m.training) for m in network.modules()]
    momenta = [layer.momentum for layer in layers]
    network.eval()
    for layer in layers:
        layer.training, layer.momentum = True, 1.0
    try:
        yield
    finally:
        for m, training in modes:
            m.training = training
        for layer, momentum in zip(layers, momenta, strict=True):
            layer.momentum = momentum
