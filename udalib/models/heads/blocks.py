"""Building blocks of the decoders, under the names of the published checkpoints (``conv``, ``bn``, ``proj``)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class ConvNormAct(nn.Module):
    """Convolution, BatchNorm, ReLU: (B, C, H, W) -> (B, C', H / stride, W / stride).

    The convolution pads to keep the size and has a bias only without norm. ReLU is applied also without norm.
    Initialised as in the published code: Kaiming normal (fan out, ReLU), norm 1 / 0, biases 0.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int = 1,
        *,
        stride: int = 1,
        dilation: int = 1,
        groups: int = 1,
        norm: bool = True,
        act: bool = True,
    ) -> None:
        super().__init__()
        padding = dilation * (kernel_size // 2)
        self.conv = nn.Conv2d(
            in_channels, out_channels, kernel_size, stride, padding, dilation, groups=groups, bias=not norm
        )
        nn.init.kaiming_normal_(self.conv.weight, mode="fan_out", nonlinearity="relu")
        if self.conv.bias is not None:
            nn.init.zeros_(self.conv.bias)
        self.bn = nn.BatchNorm2d(out_channels) if norm else None
        self.act = act

    def forward(self, x: Tensor) -> Tensor:
        """Apply convolution, norm and activation."""
        x = self.conv(x)
        if self.bn is not None:
            x = self.bn(x)
        return F.relu(x) if self.act else x


class SeparableConvNormAct(nn.Module):
    """Depthwise convolution, norm, ReLU, then pointwise convolution, norm, ReLU; shapes as :class:`ConvNormAct`."""

    def __init__(
        self, in_channels: int, out_channels: int, kernel_size: int = 3, *, dilation: int = 1, norm: bool = True
    ) -> None:
        super().__init__()
        self.depthwise_conv = ConvNormAct(
            in_channels, in_channels, kernel_size, dilation=dilation, groups=in_channels, norm=norm
        )
        self.pointwise_conv = ConvNormAct(in_channels, out_channels, norm=norm)

    def forward(self, x: Tensor) -> Tensor:
        """Apply both convolutions."""
        out: Tensor = self.pointwise_conv(self.depthwise_conv(x))
        return out


class LinearEmbedding(nn.Module):
    """One linear layer applied to every pixel: (B, C, H, W) -> (B, C', H, W); its parameters are ``proj``.

    Equal to a 1x1 convolution with bias, but stored as a matrix (C', C), as the checkpoints of SegFormer and DAFormer
    have it, and with the default initialisation of :class:`torch.nn.Linear`.
    """

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.proj = nn.Linear(in_channels, out_channels)

    def forward(self, x: Tensor) -> Tensor:
        """Apply the layer to every pixel."""
        return F.conv2d(x, self.proj.weight[:, :, None, None], self.proj.bias)


class ASPP(nn.Module):
    """Atrous spatial pyramid pooling: parallel dilated convolutions, concatenated, fused by a 3x3 convolution.

    (B, C, H, W) -> (B, C', H, W). Chen et al., DeepLab-v3, 2017; with ``separable`` convolutions (DeepLab-v3+, 2018)
    it is the fusion of DAFormer's decoder. A dilation of 1 means a plain 1x1 convolution. Order of concatenation: the
    pooled branch if asked for, then the dilations in the given order.
    """

    def __init__(
        self,
        in_channels: int,
        channels: int,
        dilations: Sequence[int] = (1, 6, 12, 18),
        *,
        separable: bool = True,
        image_pool: bool = False,
        norm: bool = True,
    ) -> None:
        super().__init__()
        pool = nn.Sequential(nn.AdaptiveAvgPool2d(1), ConvNormAct(in_channels, channels, norm=norm))
        self.image_pool = pool if image_pool else None
        wide = SeparableConvNormAct if separable else ConvNormAct
        self.aspp_modules = nn.ModuleList(
            ConvNormAct(in_channels, channels, norm=norm)
            if dilation == 1
            else wide(in_channels, channels, 3, dilation=dilation, norm=norm)
            for dilation in dilations
        )
        branches = len(self.aspp_modules) + int(image_pool)
        self.bottleneck = ConvNormAct(branches * channels, channels, 3, norm=norm)

    def forward(self, x: Tensor) -> Tensor:
        """Apply all branches and fuse them."""
        branches = [branch(x) for branch in self.aspp_modules]
        if self.image_pool is not None:
            branches.insert(0, self.image_pool(x).expand(-1, -1, *x.shape[-2:]))
        out: Tensor = self.bottleneck(torch.cat(branches, dim=1))
        return out


def classifier(channels: int, num_classes: int) -> nn.Conv2d:
    """The last 1x1 convolution of a head (``conv_seg`` in checkpoints): weights normal with std 0.01, bias 0."""
    conv = nn.Conv2d(channels, num_classes, 1)
    nn.init.normal_(conv.weight, std=0.01)
    nn.init.zeros_(conv.bias)  # type: ignore[arg-type]
    return conv
