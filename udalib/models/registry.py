"""Networks by name: ``create_network("daformer-mit_b5")`` is the decoder ``daformer`` on the encoder ``mit_b5``."""

from __future__ import annotations

import importlib
import os
import pkgutil
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any, TypeVar

from torch import nn

from udalib.core.errors import CheckpointError, ConfigError, unknown_name
from udalib.core.registry import Registry
from udalib.models.network import IMAGENET, InputStats, SegmentationNetwork
from udalib.models.weights.load import load_published

T = TypeVar("T")

ENCODERS: Registry[Callable[..., nn.Module]] = Registry("encoder")
"""Builders ``(**options) -> encoder``; a family that takes an argument is asked for as ``"family:argument"``."""

DECODERS: Registry[Callable[..., nn.Module]] = Registry("decoder")
"""Builders ``(in_channels, num_classes, **options) -> decoder``."""

NETWORKS: Registry[Callable[..., SegmentationNetwork]] = Registry("network")
"""Builders ``(num_classes, **options) -> network`` for networks with a name of their own."""


@cache
def _import_models() -> None:
    """Import every module of this package once, so that a new file registers its entries without edits elsewhere."""
    package = importlib.import_module("udalib.models")
    for module in pkgutil.walk_packages(package.__path__, "udalib.models."):
        importlib.import_module(module.name)


def _find(registry: Registry[T], name: str) -> T:
    """The entry ``name``; everything else is imported only if it is not there yet (timm alone takes seconds)."""
    if name not in registry:
        _import_models()
    return registry.get(name)


def list_encoders(pattern: str = "*") -> list[str]:
    """Sorted names of the registered encoders."""
    _import_models()
    return ENCODERS.names(pattern)


def list_decoders(pattern: str = "*") -> list[str]:
    """Sorted names of the registered decoders."""
    _import_models()
    return DECODERS.names(pattern)


def list_networks(pattern: str = "*") -> list[str]:
    """Sorted names of the registered networks (any ``decoder-encoder`` pair can be created as well)."""
    _import_models()
    return NETWORKS.names(pattern)


def create_encoder(name: str, **options: Any) -> nn.Module:
    """Build an encoder; ``"timm:convnext_tiny"`` passes the part after the colon to the family ``timm``.

    Raises:
        UnknownNameError: for an unknown name, with the nearest known ones.
    """
    family, colon, argument = name.partition(":")
    return _find(ENCODERS, family)(*([argument] if colon else []), **options)


def create_decoder(name: str, in_channels: Sequence[int], num_classes: int = 19, **options: Any) -> nn.Module:
    """Build a decoder for features with ``in_channels`` channels, finest first.

    Raises:
        UnknownNameError: for an unknown name, with the nearest known ones.
    """
    return _find(DECODERS, name)(tuple(in_channels), num_classes, **options)


def create_network(name: str, num_classes: int = 19, **options: Any) -> SegmentationNetwork:
    """Build a network from its registered name or from ``"decoder-encoder"`` (any combination).

    For a pair the options are those of :func:`combine`.

    >>> network = create_network("streets", num_classes=5)
    >>> network.num_classes
    5

    Raises:
        UnknownNameError: for an unknown name, with the nearest known ones.
    """
    if name not in NETWORKS:
        _import_models()
    if name in NETWORKS:
        return NETWORKS.get(name)(num_classes=num_classes, **options)
    decoders = [d for d in DECODERS if name.startswith(d + "-")]
    if not decoders:
        pairs = [f"{decoder}-{encoder}" for decoder in DECODERS for encoder in ENCODERS]
        raise unknown_name("network", name, {*NETWORKS, *pairs})
    decoder = max(decoders, key=len)
    return combine(decoder, name[len(decoder) + 1 :], num_classes, **options)


def combine(
    decoder: str,
    encoder: str,
    num_classes: int = 19,
    *,
    encoder_options: Mapping[str, Any] | None = None,
    decoder_options: Mapping[str, Any] | None = None,
    encoder_weights: str | os.PathLike[str] | None = None,
    stats: InputStats | None = None,
    align_corners: bool = False,
) -> SegmentationNetwork:
    """Put the decoder and the encoder of these names together.

    ``encoder_weights`` is a published weights file for the encoder alone (``mit_b5.pth``); what it holds beyond the
    encoder is dropped. ``stats`` defaults to the encoder's own ``stats`` attribute, else to :data:`IMAGENET`.

    Raises:
        UnknownNameError: for an unknown name, with the nearest known ones.
        CheckpointError: if the file lacks a weight of the encoder, or cannot be used at all.
    """
    body = create_encoder(encoder, **(encoder_options or {}))
    channels = getattr(body, "channels", None)
    if channels is None:
        raise ConfigError(f"encoder {encoder!r} has no attribute 'channels'; give it a tuple, finest feature first.")
    if encoder_weights is not None:
        report = load_published(body, encoder_weights)
        if report.missing or report.shape_mismatch:
            raise CheckpointError(f"these weights do not fit the encoder {encoder!r}: {report}.")
    head = create_decoder(decoder, channels, num_classes, **(decoder_options or {}))
    own_stats: InputStats = getattr(body, "stats", IMAGENET)
    return SegmentationNetwork(body, head, stats or own_stats, align_corners)
