"""Building blocks of Pin the Memory's DeepLabs, under their published parameter names (pin_memory sheet, 2.1)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn


def unit(in_channels: int, channels: int, kernel: int = 1, dilation: int = 1) -> nn.Sequential:
    """Convolution without bias, BatchNorm, ReLU, at the same size."""
    padding = dilation * (kernel // 2)
    convolution = nn.Conv2d(in_channels, channels, kernel, padding=padding, dilation=dilation, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(channels), nn.ReLU())


class PooledASPP(nn.Module):
    """Pooled image, 1x1 and dilated 3x3 branches, joined in this order: (B, C_in, h, w) -> (B, 5 D, h, w)."""

    def __init__(self, in_channels: int, channels: int, rates: Sequence[int]) -> None:
        super().__init__()
        self.features = nn.ModuleList(
            [unit(in_channels, channels), *(unit(in_channels, channels, 3, rate) for rate in rates)]
        )
        self.img_conv = unit(in_channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        """Apply all branches."""
        pooled = self.img_conv(x.mean((2, 3), keepdim=True)).expand(-1, -1, *x.shape[-2:])
        return torch.cat([pooled, *(branch(x) for branch in self.features)], dim=1)


class SummedASPP(nn.Module):
    """Sum of dilated 3x3 branches, after their ReLUs: (B, C_in, h, w) -> (B, D, h, w)."""

    def __init__(self, in_channels: int, channels: int, rates: Sequence[int]) -> None:
        super().__init__()
        self.conv2d_list = nn.ModuleList(unit(in_channels, channels, 3, rate) for rate in rates)

    def forward(self, x: Tensor) -> Tensor:
        """Apply and add all branches."""
        return torch.stack([branch(x) for branch in self.conv2d_list]).sum(0)


def init_fan_in(module: nn.Module, but: nn.Module | None) -> None:
    """Draw the convolutions below ``module``, not those below ``but``, from Kaiming's normal distribution (fan-in)."""
    kept = set() if but is None else set(but.modules())
    for layer in module.modules():
        if isinstance(layer, nn.Conv2d) and layer not in kept:
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
