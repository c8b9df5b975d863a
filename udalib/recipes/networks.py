"""Networks from their specifications, and the weights they start from."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, Literal

from udalib.core.errors import CheckpointError, ConfigError
from udalib.core.paths import weights_root
from udalib.models import CAFFE, HALF, IMAGENET, SegmentationNetwork
from udalib.models.auxiliary import attach_auxiliary
from udalib.models.clip_network import ClipNetwork, at_two_frames
from udalib.models.hrda import at_two_scales
from udalib.models.registry import combine
from udalib.models.weights.load import load_published
from udalib.recipes.spec.network_specs import PAIR, EncoderSpec, NetworkSpec, WeightsSpec

STATS = {"imagenet": IMAGENET, "half": HALF, "caffe": CAFFE}


def check_network(spec: NetworkSpec) -> None:
    """Refuse a network whose parts do not go together, by looking at ``spec`` alone.

    Raises:
        ConfigError: a pair without encoder or decoder, two scales of a network that is no pair, or of two frames.
    """
    if spec.name == PAIR and (spec.encoder is None or spec.decoder is None):
        raise ConfigError("a network named 'pair' needs an encoder and a decoder; write NetworkSpec.pair(...).")
    if spec.name != PAIR and spec.multi_resolution is not None:
        raise ConfigError(
            f"multi_resolution works on pairs, whose scale attention is made like the decoder; the network is "
            f"{spec.name!r}. Write NetworkSpec.pair(encoder, decoder, multi_resolution=...), or set it to None."
        )
    if spec.two_frames and spec.multi_resolution is not None:
        raise ConfigError("two_frames works at one scale; set multi_resolution to None, or two_frames to false.")


def build_network(spec: NetworkSpec, num_classes: int, *, pretrained: bool = True) -> SegmentationNetwork:
    """Network of ``spec``; ``pretrained=False`` leaves weight files unread (a checkpoint follows)."""
    spec = spec if pretrained else without_weights(spec)
    classes = spec.channels or num_classes
    check_network(spec)
    encoder, decoder = spec.encoder, spec.decoder
    if spec.name == PAIR and encoder is not None and decoder is not None:
        network = combine(
            decoder.name,
            encoder.name,
            classes,
            encoder_options=encoder.options,
            decoder_options=decoder.options,
            stats=None if spec.stats is None else STATS[spec.stats],
            align_corners=spec.align_corners,
        )
        if spec.multi_resolution is not None:
            scales = dataclasses.asdict(spec.multi_resolution)
            network = at_two_scales(network, decoder.name, decoder.options, **scales)
    else:
        network = spec.build(num_classes=classes)
    if spec.weights is not None:
        load_weights(network, spec.weights)
    if spec.auxiliary is not None:
        attach_auxiliary(network, spec.auxiliary)
    return at_two_frames(network) if spec.two_frames and not isinstance(network, ClipNetwork) else network


def load_weights(network: SegmentationNetwork, spec: WeightsSpec) -> None:
    """Load published weights into ``network`` or its encoder.

    Raises:
        CheckpointError: the file is missing or unusable, or leaves a part of what it is for at random values.
    """
    path = weights_root() / spec.file
    if spec.part == "network":
        load_published(network, path, strict=True, skip=spec.skip)
        return
    report = load_published(network.encoder, path, skip=spec.skip)
    if report.missing or report.shape_mismatch:
        raise CheckpointError(f"weights do not fill the encoder: {report}. Choose the file made for this encoder.")


def continue_from(
    network: SegmentationNetwork,
    weights: Mapping[str, Any],
    source: str,
    part: Literal["network", "encoder"] = "network",
) -> None:
    """Give ``network``, or its encoder, the weights of another method's; an auxiliary head may keep its own.

    Raises:
        CheckpointError: ``weights`` (a method's state dict, read from ``source``) are of another network or encoder.
    """
    target, prefix = (network, "network.") if part == "network" else (network.encoder, "network.encoder.")
    state = {name.removeprefix(prefix): w for name, w in weights.items() if name.startswith(prefix)}
    own = target.state_dict()
    lacking = [name for name in own if name not in state and not name.startswith("auxiliary.")]
    other = [name for name, w in state.items() if name not in own or own[name].shape != w.shape]
    if lacking or other:
        raise CheckpointError(
            f"{source} holds another {part} than this recipe's (it lacks {lacking[:3] or 'nothing'}; does not fit: "
            f"{other[:3] or 'nothing'}). A recipe and the one it starts from must have the same {part}."
        )
    target.load_state_dict(state, strict=False)


def without_weights(spec: NetworkSpec) -> NetworkSpec:
    """Return ``spec`` with every request for a weights file taken out."""
    if spec.encoder is None:
        return dataclasses.replace(spec, weights=None)
    options = {key: value for key, value in spec.encoder.options.items() if key not in ("pretrained", "weights")}
    return dataclasses.replace(spec, weights=None, encoder=EncoderSpec.of(spec.encoder.name, **options))
