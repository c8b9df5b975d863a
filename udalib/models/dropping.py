"""Layers that drop at random (dropout, stochastic depth), switched off for good or for a while."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn
from torch.nn.modules.dropout import _DropoutNd


def random_drops(module: nn.Module) -> Iterator[nn.Module]:
    """Every layer below ``module`` that drops at random in training mode."""
    for layer in module.modules():
        if isinstance(layer, _DropoutNd) or type(layer).__name__ == "DropPath":  # timm's class, and ours
            yield layer


def drop_nothing(module: nn.Module) -> None:
    """Put everything below ``module`` that drops at random into eval mode; BatchNorm keeps its mode."""
    for layer in random_drops(module):
        layer.training = False


@contextmanager
def dropout_off(module: nn.Module) -> Iterator[None]:
    """Drop nothing below ``module`` inside the context, whatever mode it is in; BatchNorm keeps its mode."""
    modes = [(layer, layer.training) for layer in random_drops(module)]
    drop_nothing(module)
    try:
        yield
    finally:
        for layer, training in modes:
            layer.training = training
