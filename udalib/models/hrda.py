"""HRDA's network from an encoder and a decoder by name (Hoyer et al., ECCV 2022; mic_hrda sheet, section 2)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Literal

from torch import nn

from udalib.core.errors import unknown_name
from udalib.models.encoders.mit import MIT_CONFIGS
from udalib.models.multi_resolution import MultiResolutionNetwork
from udalib.models.network import SegmentationNetwork
from udalib.models.registry import NETWORKS, combine, create_decoder

Attention = Literal["classwise", "single", "fixed"]
ATTENTIONS = ("classwise", "single", "fixed")


def attention_decoder(
    decoder: str,
    in_channels: Sequence[int],
    outputs: int,
    options: Mapping[str, Any] | None = None,
    channels: int = 256,
) -> nn.Module:
    """Scale attention before its sigmoid: a head like the segmentation head ``decoder`` with ``options``.

    DAFormer's has its context-aware fusion replaced by a 1x1 convolution and ``channels`` everywhere: in effect
    SegFormer's head. Other decoders are used as they are. ``outputs`` is the number of classes, or 1.
    """
    options = dict(options or {})
    if decoder == "daformer":
        norm = dict(options.get("fusion_options") or {}).get("norm", options.get("norm", True))
        kept = {key: options[key] for key in ("dropout",) if key in options}
        options = {**kept, "fusion": "conv1", "norm": norm, "channels": channels, "embed_dims": channels}
    return create_decoder(decoder, in_channels, outputs, **options)


def at_two_scales(
    network: SegmentationNetwork,
    decoder: str,
    decoder_options: Mapping[str, Any] | None = None,
    *,
    attention: Attention = "classwise",
    attention_channels: int = 256,
    **options: Any,
) -> MultiResolutionNetwork:
    """HRDA's network from ``network``, a pair whose decoder is ``decoder`` with ``decoder_options``.

    Encoder and segmentation head are taken over, not copied. ``options`` are those of :class:`MultiResolutionNetwork`.

    Raises:
        UnknownNameError: for another ``attention`` than "classwise" (a map a class), "single" and "fixed".
    """
    if attention not in ATTENTIONS:
        raise unknown_name("attention", attention, ATTENTIONS)
    outputs = {"classwise": network.num_classes, "single": 1, "fixed": 0}[attention]
    channels = network.feature_channels
    head = attention_decoder(decoder, channels, outputs, decoder_options, attention_channels) if outputs else None
    return MultiResolutionNetwork(
        network.encoder, network.decoder, head, stats=network.stats, align_corners=network.align_corners, **options
    )


def hrda(
    encoder: str,
    num_classes: int = 19,
    *,
    multi_resolution: Mapping[str, Any] | None = None,
    decoder_options: Mapping[str, Any] | None = None,
    **options: Any,
) -> MultiResolutionNetwork:
    """HRDA on DAFormer's head: ``multi_resolution`` are options of :func:`at_two_scales`, the others of ``combine``."""
    network = combine("daformer", encoder, num_classes, decoder_options=decoder_options, **options)
    return at_two_scales(network, "daformer", decoder_options, **(multi_resolution or {}))


for _encoder in MIT_CONFIGS:
    NETWORKS.add(f"hrda-{_encoder}", partial(hrda, _encoder))
