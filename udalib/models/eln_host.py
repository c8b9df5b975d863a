"""The network that ELN trains: a ResNet with a multi-grid last stage, DeepLab-v3+'s decoder, a projection head.

Chen et al., "Encoder-Decoder with Atrous Separable Convolution for Semantic Image Segmentation", ECCV 2018, in the form
of Kwon & Kwak, "Semi-supervised Semantic Segmentation with Error Localization Network", CVPR 2022 (eln sheet, section
2.1). Its convolutions are dense, its pooled branch has no BatchNorm, every resize has ``align_corners=True``: it is not
the DeepLab-v3+ head of mmsegmentation that the name ``dlv3p`` gives. Parameters have their published names.

Legend: B batch, C classes, D embedding, (h, w) the fine feature's size.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple, Self

import torch
from torch import Tensor, nn

from udalib.core.errors import ConfigError
from udalib.models.encoders.resnet import ResNet
from udalib.models.registry import DECODERS, ENCODERS
from udalib.ops.resize import resize

STRIDES = {16: (1, 2, 2, 1), 8: (1, 2, 1, 1)}
DILATIONS = {16: (1, 1, 1, 2), 8: (1, 1, 2, 4)}
GRID = (1, 2, 4)
RATES = {16: (6, 12, 18), 8: (12, 24, 36)}
"""Dilations of the ASPP's 3x3 convolutions by the encoder's output stride."""


def multi_grid_resnet(depth: int, output_stride: int = 16, **options: Any) -> ResNet:
    """ResNet whose last stage is dilated by its base dilation times 1, 2, 4, and not strided.

    Normalised (B, 3, H, W) -> four maps at strides 4, 8, 16, 16 (4, 8, 8, 8 at output stride 8), finest first.

    Raises:
        ConfigError: another output stride than 8 or 16.
    """
    if output_stride not in STRIDES:
        raise ConfigError(f"output_stride is {output_stride}; a multi-grid ResNet has 16 or 8.")
    strides, dilations = STRIDES[output_stride], DILATIONS[output_stride]
    encoder = ResNet(depth, strides=strides, dilations=dilations, **options)
    for block, grid in zip(encoder.get_submodule("layer4").children(), GRID, strict=True):
        convolution = block.get_submodule("conv2")
        assert isinstance(convolution, nn.Conv2d)
        convolution.dilation = convolution.padding = (dilations[-1] * grid,) * 2
    return encoder


ENCODERS.add("resnet50_multigrid", partial(multi_grid_resnet, 50))
ENCODERS.add("resnet101_multigrid", partial(multi_grid_resnet, 101))


class AtrousBranch(nn.Module):
    """Convolution without bias (1x1 for a dilation of 1, else 3x3), BatchNorm, ReLU: (B, C, h, w) -> (B, C', h, w)."""

    def __init__(self, in_channels: int, channels: int, dilation: int = 1) -> None:
        super().__init__()
        kernel, padding = (1, 0) if dilation == 1 else (3, dilation)
        self.atrous_conv = nn.Conv2d(in_channels, channels, kernel, padding=padding, dilation=dilation, bias=False)
        self.bn = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        """Apply the three."""
        return torch.relu(self.bn(self.atrous_conv(x)))


class DenseASPP(nn.Module):
    """A 1x1 branch, one dilated branch a rate, the pooled image; fused by a 1x1: (B, C, h, w) -> (B, C', h, w).

    The pooled branch has neither bias nor BatchNorm.
    """

    def __init__(self, in_channels: int, channels: int, rates: Sequence[int], dropout: float) -> None:
        super().__init__()
        self.branches = tuple(f"aspp{i + 1}" for i in range(len(rates) + 1))
        for name, rate in zip(self.branches, (1, *rates), strict=True):
            self.add_module(name, AtrousBranch(in_channels, channels, rate))
        pooled = nn.Conv2d(in_channels, channels, 1, bias=False)
        self.global_avg_pool = nn.Sequential(nn.AdaptiveAvgPool2d(1), pooled, nn.ReLU())
        self.conv1 = nn.Conv2d((len(rates) + 2) * channels, channels, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.dropout = nn.Dropout(dropout)
        init_fan_in(self)

    def forward(self, x: Tensor) -> Tensor:
        """Apply all branches, join them in order, fuse them."""
        maps = [self.get_submodule(name)(x) for name in self.branches]
        maps.append(self.global_avg_pool(x).expand(-1, -1, *x.shape[-2:]))
        fused: Tensor = self.dropout(torch.relu(self.bn1(self.conv1(torch.cat(maps, dim=1)))))
        return fused


class Trunk(nn.Module):
    """Context, enlarged, joined with the reduced fine feature; two 3x3 and a bare 1x1 convolution: (B, C', h, w)."""

    def __init__(self, low_in: int, low_channels: int, channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(low_in, low_channels, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(low_channels)
        self.last_conv1 = _conv_bn_relu(channels + low_channels, channels)
        self.drop1 = nn.Dropout(0.5)
        self.last_conv2 = _conv_bn_relu(channels, channels)
        self.drop2 = nn.Dropout(0.1)
        self.last_conv3 = nn.Conv2d(channels, channels, 1)
        init_fan_in(self)

    def forward(self, context: Tensor, low: Tensor) -> Tensor:
        """``context`` (B, C', ., .) and ``low`` (B, C_low, h, w) -> (B, C', h, w)."""
        low = torch.relu(self.bn1(self.conv1(low)))
        x = torch.cat([resize(context, low.shape[-2:], align_corners=True), low], dim=1)
        x = self.drop2(self.last_conv2(self.drop1(self.last_conv1(x))))
        features: Tensor = self.last_conv3(x)
        return features


def _conv_bn_relu(in_channels: int, channels: int) -> nn.Sequential:
    conv = nn.Conv2d(in_channels, channels, 3, padding=1, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(channels), nn.ReLU())


class _Head(nn.Module):
    """1x1 convolution, ReLU, 1x1 convolution, as the child ``name`` (published state dicts name it so)."""

    def __init__(self, name: str, channels: int, outputs: int) -> None:
        super().__init__()
        self.add_module(name, two_layers(channels, outputs))

    def forward(self, x: Tensor) -> Tensor:
        """(B, C', h, w) -> (B, outputs, h, w)."""
        (layers,) = self.children()
        out: Tensor = layers(x)
        return out


def two_layers(channels: int, outputs: int) -> nn.Sequential:
    """1x1 convolution, ReLU, 1x1 convolution, with PyTorch's initialisation."""
    return nn.Sequential(nn.Conv2d(channels, channels, 1), nn.ReLU(), nn.Conv2d(channels, outputs, 1))


def init_fan_in(module: nn.Module) -> None:
    """Draw every convolution weight below ``module`` from Kaiming's normal distribution (fan-in); biases stay."""
    for layer in module.modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight)


class Decoded(NamedTuple):
    """Outputs of :class:`SegProjDecoder`: ``logits`` (B, C, h, w) and ``embedding`` (B, D, h, w)."""

    logits: Tensor
    embedding: Tensor


@DECODERS.register("seg_proj")
class SegProjDecoder(nn.Module):
    """ASPP, trunk, a classifier and, with ``embedding``, a projection head: features -> logits (B, C, h, w).

    Its fine feature decides the resolution of everything: stride 4 with a ResNet. Any encoder will do that gives a fine
    and a coarse feature.

    Args:
        in_channels: channels of the encoder's features, finest first.
        num_classes: C.
        channels: width of branches, trunk and heads.
        rates: dilations of the ASPP, see :data:`RATES`.
        low_level: index of the fine feature.
        low_channels: channels the fine feature is reduced to.
        embedding: D, what the contrastive loss compares (128 as published); 0 builds no projection head.
        dropout: probability of dropout behind the ASPP; the trunk's are 0.5 and 0.1.
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
        embedding: int = 0,
        dropout: float = 0.1,
    ) -> None:
        super().__init__()
        self.num_classes, self.embedding, self.low_level = num_classes, embedding, low_level
        options: dict[str, Any] = {
            "channels": channels,
            "rates": rates,
            "low_level": low_level,
            "low_channels": low_channels,
        }
        self._made_of = ((tuple(in_channels), num_classes), {**options, "embedding": embedding, "dropout": dropout})
        self.aspp = DenseASPP(in_channels[-1], channels, rates, dropout)
        self.decoder = Trunk(in_channels[low_level], low_channels, channels)
        self.cls = _Head("classifier", channels, num_classes)
        self.proj = _Head("projector", channels, embedding) if embedding else None

    def fresh(self) -> Self:
        """Another decoder of the same shape with weights of its own: an auxiliary decoder of ELN."""
        shape, options = self._made_of
        return type(self)(*shape, **options)

    def trunk(self, features: Sequence[Tensor]) -> Tensor:
        """Features, finest first -> what both heads read (B, C', h, w)."""
        out: Tensor = self.decoder(self.aspp(features[-1]), features[self.low_level])
        return out

    def both(self, features: Sequence[Tensor]) -> Decoded:
        """Logits and embedding.

        Raises:
            ConfigError: the decoder was built without a projection head.
        """
        if self.proj is None:
            raise ConfigError("this decoder has no projection head; build it with embedding=128.")
        x = self.trunk(features)
        return Decoded(self.cls(x), self.proj(x))

    def forward(self, features: Sequence[Tensor]) -> Tensor:
        """Logits (B, C, h, w) at the size of the fine feature."""
        logits: Tensor = self.cls(self.trunk(features))
        return logits
