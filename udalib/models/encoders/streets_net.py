"""A half-million-parameter residual network for the embedded streets (udalib's own design, no paper)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from udalib.models.network import SegmentationNetwork
from udalib.models.registry import DECODERS, ENCODERS, NETWORKS


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions with BatchNorm and a projected shortcut: (B, C, H, W) -> (B, C', H / stride, W / stride)."""

    def __init__(self, in_channels: int, out_channels: int, *, stride: int = 1, dilation: int = 1) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(
            in_channels, out_channels, 3, stride=stride, padding=dilation, dilation=dilation, bias=False
        )
        self.bn1 = nn.BatchNorm2d(out_channels)
        self.conv2 = nn.Conv2d(out_channels, out_channels, 3, padding=dilation, dilation=dilation, bias=False)
        self.bn2 = nn.BatchNorm2d(out_channels)
        same = stride == 1 and in_channels == out_channels
        self.shortcut = nn.Identity() if same else _conv_bn(in_channels, out_channels, 1, stride=stride)

    def forward(self, x: Tensor) -> Tensor:
        """Apply the block."""
        out = F.relu(self.bn1(self.conv1(x)))
        return F.relu(self.bn2(self.conv2(out)) + self.shortcut(x))


def _conv_bn(in_channels: int, out_channels: int, kernel: int, *, stride: int = 1) -> nn.Sequential:
    conv = nn.Conv2d(in_channels, out_channels, kernel, stride=stride, padding=kernel // 2, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(out_channels))


@ENCODERS.register("streets")
class StreetsEncoder(nn.Module):
    """Features at strides 2, 4, 8 and 16 (dilated once more at 16) with 16, 32, 64 and 96 channels.

    Input (B, 3, H, W) float; output four maps, finest first.
    """

    channels: tuple[int, ...] = (16, 32, 64, 96)
    strides: tuple[int, ...] = (2, 4, 8, 16)

    def __init__(self) -> None:
        super().__init__()
        c1, c2, c3, c4 = self.channels
        self.stem = nn.Sequential(_conv_bn(3, c1, 3, stride=2), nn.ReLU())
        self.stage1 = nn.Sequential(ResidualBlock(c1, c2, stride=2), ResidualBlock(c2, c2))
        self.stage2 = nn.Sequential(ResidualBlock(c2, c3, stride=2), ResidualBlock(c3, c3))
        self.stage3 = nn.Sequential(ResidualBlock(c3, c4, stride=2), ResidualBlock(c4, c4, dilation=2))

    def forward(self, x: Tensor) -> list[Tensor]:
        """(B, 3, H, W) -> four features, finest first."""
        features = [self.stem(x)]
        for stage in (self.stage1, self.stage2, self.stage3):
            features.append(stage(features[-1]))
        return features


@DECODERS.register("light_fpn")
class LightFPN(nn.Module):
    """Lateral 1x1 convolutions added top-down, one 3x3 convolution, a classifier: logits at the finest stride given."""

    def __init__(self, in_channels: Sequence[int], num_classes: int, width: int = 48) -> None:
        super().__init__()
        self.num_classes = num_classes
        self.lateral = nn.ModuleList(nn.Conv2d(c, width, 1) for c in in_channels)
        self.smooth = nn.Sequential(_conv_bn(width, width, 3), nn.ReLU())
        self.classifier = nn.Conv2d(width, num_classes, 1)

    def forward(self, features: Sequence[Tensor]) -> Tensor:
        """Features, finest first -> logits (B, C, h, w) at the size of the first."""
        maps = [lateral(f) for lateral, f in zip(self.lateral, features, strict=True)]
        top = maps[-1]
        for finer in reversed(maps[:-1]):
            top = finer + F.interpolate(top, finer.shape[-2:], mode="bilinear", align_corners=False)
        logits: torch.Tensor = self.classifier(self.smooth(top))
        return logits


@NETWORKS.register("streets")
def streets_network(num_classes: int = 19, width: int = 48) -> SegmentationNetwork:
    """The network for the embedded streets: 0.51 million parameters, logits at stride 2."""
    encoder = StreetsEncoder()
    return SegmentationNetwork(encoder, LightFPN(encoder.channels, num_classes, width))
