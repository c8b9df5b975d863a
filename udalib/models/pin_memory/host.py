"""The networks of Pin the Memory: a DeepLab whose context feature goes through the memory before it is decoded.

Kim et al., "Pin the Memory: Learning to Generalize Semantic Segmentation", CVPR 2022 (pin_memory sheet, section 2):
DeepLab-v3+ on a ResNet-50 of output stride 16, and DeepLab-v2 on a ResNet-101 of output stride 8. Every resize has
aligned corners. Parameters have their published names; those of the ResNet's stem, ``layer0.0`` and ``layer0.1``, are
mapped by :func:`load_pin_checkpoint`. Other encoders with a fine, a second to last and a last feature will do.

Legend: B batch, C classes = items, D channels of the memory, (h, w) the context's size.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any, ClassVar, NamedTuple

import torch
from torch import Tensor, nn

from udalib.models.encoders.resnet import ResNet
from udalib.models.memory import ClassMemory, Noise
from udalib.models.pin_memory.blocks import PooledASPP, SummedASPP, init_fan_in, unit
from udalib.models.registry import DECODERS, ENCODERS
from udalib.ops.resize import resize

RATES = {8: (12, 24, 36), 16: (6, 12, 18), 32: (3, 6, 9)}
"""Dilations of the ASPP's 3x3 convolutions by the encoder's output stride."""
STRIDES = {8: (1, 2, 1, 1), 16: (1, 2, 2, 1), 32: (1, 2, 2, 2)}
DILATIONS = {8: (1, 1, 2, 4), 16: (1, 1, 1, 2), 32: (1, 1, 1, 1)}


def dilated_resnet(depth: int, output_stride: int = 16, **options: Any) -> ResNet:
    """ResNet of DeepLab-v3+: late stages dilated in all their blocks, the first included, and not strided."""
    return ResNet(depth, strides=STRIDES[output_stride], dilations=DILATIONS[output_stride], **options)


ENCODERS.add("resnet50_d16", partial(dilated_resnet, 50))
ENCODERS.add("resnet101_caffe_d8_rgb", partial(dilated_resnet, 101, output_stride=8, caffe=True))


class Seen(NamedTuple):
    """What a network with memory makes of a batch.

    Attributes:
        logits: (B, C, ., .) at the decoder's stride.
        auxiliary: logits of the auxiliary head, at the stride of the feature it reads.
        feature: the context that the memory works on, (B, D, h, w).
        scores: cosines between its pixels and the items, (B, C, h, w); None without a memory.
        weights: reading weights (B, C, h, w); None without a memory.
        fused: what is decoded, (B, D, h, w).
    """

    logits: Tensor
    auxiliary: Tensor
    feature: Tensor
    scores: Tensor | None
    weights: Tensor | None
    fused: Tensor


class MemoryDecoder(nn.Module):
    """What both decoders share: context, memory, decoding, and an auxiliary head on the second to last feature.

    Args:
        in_channels: channels of the encoder's features, finest first.
        num_classes: C.
        channels: D.
        memory: read a memory; False leaves it out (the published baselines).
        momentum, temperature, margin, min_weight: of the memory, see :class:`udalib.models.memory.ClassMemory`.
        auxiliary_channels: width of the auxiliary head.
    """

    multi_level = True
    #: parts that no output depends on: the method learns them while it writes the memory
    learned_in_writing: ClassVar[tuple[str, ...]] = ("memory.writenet.", "memory.clsfier.")
    memory: ClassMemory | None

    def __init__(
        self,
        in_channels: Sequence[int],
        num_classes: int = 19,
        *,
        channels: int = 256,
        memory: bool = True,
        momentum: float = 0.8,
        temperature: float = 1.0,
        margin: float = 0.0,
        min_weight: float = 0.0,
        auxiliary_channels: int = 512,
    ) -> None:
        super().__init__()
        self.num_classes = num_classes
        widen = nn.Conv2d(in_channels[-2], auxiliary_channels, 3, padding=1)
        self.dsn = nn.Sequential(
            widen,
            nn.BatchNorm2d(auxiliary_channels),
            nn.ReLU(),
            nn.Dropout2d(0.1),
            nn.Conv2d(auxiliary_channels, num_classes, 1),
        )
        options = {"momentum": momentum, "temperature": temperature, "margin": margin, "min_weight": min_weight}
        self.memory = ClassMemory(num_classes, channels, **options) if memory else None

    def context(self, features: Sequence[Tensor]) -> Tensor:
        """Encoder features -> what the memory works on, (B, D, h, w)."""
        raise NotImplementedError(f"{type(self).__name__} must define context()")

    def classify(self, fused: Tensor, features: Sequence[Tensor]) -> Tensor:
        """Fused feature (B, D, h, w) -> logits."""
        raise NotImplementedError(f"{type(self).__name__} must define classify()")

    def seen(self, features: Sequence[Tensor], items: Tensor | None = None, noise: Noise | None = None) -> Seen:
        """All outputs; ``items`` and ``noise`` as in :meth:`udalib.models.memory.ClassMemory.read`."""
        feature = self.context(features)
        auxiliary = self.dsn(features[-2])
        if self.memory is None:
            return Seen(self.classify(feature, features), auxiliary, feature, None, None, feature)
        fused, scores, weights = self.memory.read(feature, items, noise)
        return Seen(self.classify(fused, features), auxiliary, feature, scores, weights, fused)

    def forward(self, features: Sequence[Tensor]) -> Tensor:
        """Main logits, read with the stored items and without noise."""
        feature = self.context(features)
        fused = feature if self.memory is None else self.memory.read(feature).fused
        return self.classify(fused, features)

    def forward_all(self, features: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
        """Main and auxiliary logits."""
        seen = self.seen(features)
        return seen.logits, seen.auxiliary

    def compile(self, *args: Any, **options: Any) -> None:
        """Compile the parts one by one, since a step goes other ways through them than :meth:`forward`."""
        memory = [] if self.memory is None else [self.memory.output, self.memory.writenet]
        for part in (*(child for child in self.children() if child is not self.memory), *memory):
            part.compile(*args, **options)


@DECODERS.register("pin_v3plus")
class MemoryV3Plus(MemoryDecoder):
    """DeepLab-v3+ with memory: logits at the fine feature's size (stride 4 with a ResNet).

    Args:
        in_channels, num_classes: as in :class:`MemoryDecoder`.
        rates: dilations of the ASPP, see :data:`RATES`.
        low_level: index of the fine feature.
        low_channels: channels the fine feature is reduced to.
        host: options of :class:`MemoryDecoder`.
    """

    def __init__(
        self,
        in_channels: Sequence[int],
        num_classes: int = 19,
        *,
        channels: int = 256,
        rates: Sequence[int] = RATES[16],
        low_level: int = 0,
        low_channels: int = 48,
        **host: Any,
    ) -> None:
        super().__init__(in_channels, num_classes, channels=channels, **host)
        self.low_level = low_level
        self.aspp = PooledASPP(in_channels[-1], channels, rates)
        self.bot_fine = unit(in_channels[low_level], low_channels)
        self.bot_aspp = unit((len(rates) + 2) * channels, channels)
        self.final1 = nn.Sequential(*unit(channels + low_channels, channels, 3), *unit(channels, channels, 3))
        self.final2 = nn.Sequential(nn.Conv2d(channels, num_classes, 1))
        init_fan_in(self, but=self.memory)

    def context(self, features: Sequence[Tensor]) -> Tensor:
        """ASPP on the last feature, fused by a 1x1 convolution."""
        out: Tensor = self.bot_aspp(self.aspp(features[-1]))
        return out

    def classify(self, fused: Tensor, features: Sequence[Tensor]) -> Tensor:
        """The fine feature and the enlarged context through two 3x3 convolutions and the classifier."""
        fine = self.bot_fine(features[self.low_level])
        x = torch.cat([fine, resize(fused.to(fine.dtype), fine.shape[-2:], align_corners=True)], dim=1)
        logits: Tensor = self.final2(self.final1(x))
        return logits


@DECODERS.register("pin_v2")
class MemoryV2(MemoryDecoder):
    """DeepLab-v2 with memory: logits at the last feature's size.

    Args:
        in_channels, num_classes: as in :class:`MemoryDecoder`.
        rates: dilations of the four summed branches.
        host: options of :class:`MemoryDecoder`.
    """

    def __init__(
        self,
        in_channels: Sequence[int],
        num_classes: int = 19,
        *,
        channels: int = 256,
        rates: Sequence[int] = (6, 12, 18, 24),
        **host: Any,
    ) -> None:
        super().__init__(in_channels, num_classes, channels=channels, **host)
        self.aspp = SummedASPP(in_channels[-1], channels, rates)
        self.final1 = unit(channels, channels, 3)
        self.final2 = nn.Sequential(nn.Conv2d(channels, num_classes, 1))
        init_fan_in(self, but=self.memory)

    def context(self, features: Sequence[Tensor]) -> Tensor:
        """The summed branches, which are not negative."""
        out: Tensor = self.aspp(features[-1])
        return out

    def classify(self, fused: Tensor, features: Sequence[Tensor]) -> Tensor:
        """One 3x3 convolution and the classifier."""
        logits: Tensor = self.final2(self.final1(fused))
        return logits
