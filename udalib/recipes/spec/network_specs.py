"""What a recipe says of its network: encoder, decoder, weights to start from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

from udalib.recipes.spec import factories
from udalib.recipes.spec.parts import Part
from udalib.recipes.spec.serialise import LATER


@dataclass(frozen=True)
class EncoderSpec(Part):
    """An encoder by its registered name ("mit_b5", "timm:mobilenetv2_100")."""

    def factory(self) -> Callable[..., Any]:
        """See :func:`udalib.recipes.spec.factories.encoder_factory`."""
        return factories.encoder_factory(self.name)


@dataclass(frozen=True)
class DecoderSpec(Part):
    """A decoder by its registered name ("daformer", "light_fpn")."""

    given = frozenset({"in_channels", "num_classes"})

    def factory(self) -> Callable[..., Any]:
        """See :func:`udalib.recipes.spec.factories.decoder_factory`."""
        return factories.decoder_factory(self.name)


@dataclass(frozen=True)
class WeightsSpec:
    """Published weights to start from.

    Attributes:
        file: under $UDALIB_WEIGHTS, with the published parameter names.
        part: "encoder" takes the encoder's weights and ignores the rest of the file; "network" needs all of it.
        skip: beginnings of names that are left as they are, such as positions of another image size.
    """

    file: str
    part: Literal["encoder", "network"] = "encoder"
    skip: tuple[str, ...] = field(default=(), metadata=LATER)


@dataclass(frozen=True)
class MultiResolutionSpec:
    """HRDA's two scales for a pair: see :class:`udalib.models.multi_resolution.MultiResolutionNetwork`.

    Attributes:
        detail: (height, width) of the detail crop in pixels.
        context_scale: factor by which the context is scaled down.
        divisible: offsets of detail crops are multiples of it.
        attention: a map a class, a single map, or 0.5 everywhere.
        attention_channels: width of DAFormer's scale attention.
        overlap: detail windows of inference overlap by half.
    """

    detail: tuple[int, int] = (512, 512)
    context_scale: float = 0.5
    divisible: int = 8
    attention: Literal["classwise", "single", "fixed"] = "classwise"
    attention_channels: int = 256
    overlap: bool = True


PAIR = "pair"


@dataclass(frozen=True)
class NetworkSpec(Part):
    """A segmentation network: one with a name of its own ("streets"), or "pair" for an encoder and a decoder.

    Attributes:
        name: registered network, or "pair".
        options: keyword arguments of a registered network.
        encoder, decoder: of a pair.
        stats: input normalisation of a pair; None = what the encoder says of itself.
        align_corners: how logits of a pair are resized to the image (True only to repeat code that did so).
        weights: published weights to start from; None = those its encoder loads itself, if any.
        channels: classes of the output; None = those of the recipe's label space.
        auxiliary: give the network an auxiliary classifier on this encoder feature (-2: the second to last), for
            methods that train on two levels; None = what the network has of its own.
        multi_resolution: train and predict a pair at two scales, as HRDA does; None = at one.
        two_frames: fuse the scores of two frames of a clip, see :class:`udalib.models.clip_network.ClipNetwork`.
    """

    given = frozenset({"num_classes"})

    encoder: EncoderSpec | None = None
    decoder: DecoderSpec | None = None
    stats: Literal["imagenet", "half", "caffe"] | None = None
    align_corners: bool = False
    weights: WeightsSpec | None = None
    channels: int | None = None
    auxiliary: int | None = None
    multi_resolution: MultiResolutionSpec | None = field(default=None, metadata=LATER)
    two_frames: bool = field(default=False, metadata=LATER)

    @classmethod
    def pair(cls, encoder: EncoderSpec, decoder: DecoderSpec, **fields: Any) -> NetworkSpec:
        """Write the network made of ``encoder`` and ``decoder``."""
        return cls(PAIR, encoder=encoder, decoder=decoder, **fields)

    def factory(self) -> Callable[..., Any]:
        """See :func:`udalib.recipes.spec.factories.network_factory`."""
        return factories.network_factory(self.name)
