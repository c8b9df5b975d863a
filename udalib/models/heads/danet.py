"""DANet's head: attention over positions and attention over channels, three classifiers.

Fu et al., "Dual Attention Network for Scene Segmentation", CVPR 2019; parameter names of mmsegmentation.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from udalib.models.heads.blocks import ConvNormAct, classifier
from udalib.models.registry import DECODERS


class Scale(nn.Module):
    """Multiply by a learned scalar, 0 at the start."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        """``scale * x``."""
        return self.scale * x


class PositionAttention(nn.Module):
    """Every position attends to all: softmax over keys of q k^T (not scaled), times v; (B, C, h, w) -> same."""

    def __init__(self, channels: int, attention_channels: int) -> None:
        super().__init__()
        self.query_project = nn.Conv2d(channels, attention_channels, 1)
        self.key_project = nn.Conv2d(channels, attention_channels, 1)
        self.value_project = nn.Conv2d(channels, channels, 1)
        self.gamma = Scale()

    def forward(self, x: Tensor) -> Tensor:
        """``x + gamma * attention(x)``."""
        query, key, value = (
            project(x).flatten(2).transpose(1, 2)
            for project in (self.query_project, self.key_project, self.value_project)
        )
        attended = F.scaled_dot_product_attention(query, key, value, scale=1.0)
        out: Tensor = x + self.gamma(attended.transpose(1, 2).reshape(x.shape))
        return out


def _full_precision(device: torch.device) -> AbstractContextManager[object]:
    """Autocast switched off, on devices that have it (the meta device, which counts parameters and shapes, has not)."""
    available = torch.amp.is_autocast_available(device.type)
    return torch.autocast(device.type, enabled=False) if available else nullcontext()


class ChannelAttention(nn.Module):
    """Every channel attends to all: energy E = X X^T, softmax(row maximum - E) X; (B, C, h, w) -> same.

    Subtracting from the row maximum reverses the order: channels attend most to those least like themselves.
    """

    def __init__(self) -> None:
        super().__init__()
        self.gamma = Scale()

    def forward(self, x: Tensor) -> Tensor:
        """``x + gamma * attention(x)``; in float32, since the energy sums over all positions and overflows float16."""
        with _full_precision(x.device):
            flat = x.float().flatten(2)
            energy = flat @ flat.transpose(1, 2)
            attention = torch.softmax(energy.amax(dim=-1, keepdim=True) - energy, dim=-1)
            attended = (attention @ flat).reshape(x.shape).to(x.dtype)
        out: Tensor = x + self.gamma(attended)
        return out


@DECODERS.register("da")
class DAHead(nn.Module):
    """Dual attention on the last feature: (B, C_in, h, w) -> logits (B, classes, h, w).

    :meth:`forward_all` returns three logits: of the sum of both attended features (the main one, not a sum of logits),
    of the position branch, of the channel branch. Training adds their three cross-entropies with weight 1.

    Args:
        in_channels: channels of the encoder's features, finest first; the last is used.
        num_classes: number of classes.
        channels: width of both branches.
        attention_channels: width of the queries and keys of the position attention.
        norm: BatchNorm after the 3x3 convolutions; False is the "nodbn" head of the DAFormer benchmark.
        dropout: probability of Dropout2d before each classifier.
    """

    def __init__(
        self,
        in_channels: Sequence[int],
        num_classes: int = 19,
        *,
        channels: int = 512,
        attention_channels: int = 64,
        norm: bool = True,
        dropout: float = 0.1,
    ) -> None:
        super().__init__()
        self.num_classes = num_classes
        self.pam_in_conv = ConvNormAct(in_channels[-1], channels, 3, norm=norm)
        self.pam = PositionAttention(channels, attention_channels)
        self.pam_out_conv = ConvNormAct(channels, channels, 3, norm=norm)
        self.cam_in_conv = ConvNormAct(in_channels[-1], channels, 3, norm=norm)
        self.cam = ChannelAttention()
        self.cam_out_conv = ConvNormAct(channels, channels, 3, norm=norm)
        self.dropout = nn.Dropout2d(dropout)
        self.conv_seg = classifier(channels, num_classes)
        self.pam_conv_seg = nn.Conv2d(channels, num_classes, 1)
        self.cam_conv_seg = nn.Conv2d(channels, num_classes, 1)

    def branches(self, features: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
        """Features (B, channels, h, w) of the position and of the channel branch."""
        x = features[-1]
        return self.pam_out_conv(self.pam(self.pam_in_conv(x))), self.cam_out_conv(self.cam(self.cam_in_conv(x)))

    def forward(self, features: Sequence[Tensor]) -> Tensor:
        """Main logits (B, C, h, w)."""
        position, channel = self.branches(features)
        logits: Tensor = self.conv_seg(self.dropout(position + channel))
        return logits

    def forward_all(self, features: Sequence[Tensor]) -> tuple[Tensor, Tensor, Tensor]:
        """Logits ``(main, position, channel)``."""
        position, channel = self.branches(features)
        return (
            self.conv_seg(self.dropout(position + channel)),
            self.pam_conv_seg(self.dropout(position)),
            self.cam_conv_seg(self.dropout(channel)),
        )
