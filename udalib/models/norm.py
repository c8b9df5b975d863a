"""Freezing of BatchNorm: its statistics, for good or for a while, its affine parameters, or both."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm


def batch_norms(module: nn.Module) -> Iterator[_BatchNorm]:
    """Every BatchNorm layer (of any dimension, timm's fused ones included) below ``module``."""
    return (layer for layer in module.modules() if isinstance(layer, _BatchNorm))


def freeze_affine(module: nn.Module) -> None:
    """Take weight and bias of every BatchNorm below ``module`` out of training (no gradient)."""
    for layer in batch_norms(module):
        for parameter in layer.parameters(recurse=False):
            parameter.requires_grad_(False)


@contextmanager
def statistics_kept(module: nn.Module) -> Iterator[None]:
    """In training mode, normalise by the batch as ever, but leave the running statistics below ``module`` alone."""
    momenta = [(layer, layer.momentum) for layer in batch_norms(module)]
    for layer, _ in momenta:
        layer.momentum = 0.0
    try:
        yield
    finally:
        for layer, momentum in momenta:
            layer.momentum = momentum


@contextmanager
def batch_statistics(module: nn.Module) -> Iterator[None]:
    """Below ``module``, whatever its mode, normalise by the batch at hand, and leave the running statistics alone."""
    layers = [(layer, layer.training, layer.track_running_stats) for layer in batch_norms(module)]
    for layer, _, _ in layers:
        layer.training, layer.track_running_stats = True, False
    try:
        yield
    finally:
        for layer, training, tracking in layers:
            layer.training, layer.track_running_stats = training, tracking


class KeepsStatistics(nn.Module):
    """Base of encoders that can freeze their BatchNorm; a frozen layer stays in eval mode under ``.train()``.

    It does so however the call arrives, also from an enclosing network or a trainer. No parameter name changes, so
    checkpoints fit with and without freezing.
    """

    freeze_bn: bool = False

    def freeze_batch_norm(self) -> None:
        """From now on every BatchNorm uses its running statistics, and its weight and bias are not trained."""
        self.freeze_bn = True
        freeze_affine(self)
        self.train(self.training)

    def train(self, mode: bool = True) -> KeepsStatistics:
        """Switch to training (or evaluation) mode, with frozen BatchNorm layers left in evaluation mode."""
        super().train(mode)
        if self.freeze_bn:
            for layer in batch_norms(self):
                layer.eval()
        return self
