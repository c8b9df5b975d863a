"""UPerNet's decoder: pyramid pooling and a feature pyramid (Xiao et al., "Unified Perceptual Parsing", ECCV 2018)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from udalib.models.heads.blocks import ConvNormAct, classifier
from udalib.models.registry import DECODERS
from udalib.ops.resize import resize


@DECODERS.register("upernet")
class UPerHead(nn.Module):
    """Pyramid pooling on the coarsest level, top-down additions, one 3x3 convolution a level, fusion of all levels.

    Args:
        in_channels: channels of the levels, finest first.
        num_classes: C of the logits (B, C, h, w).
        channels: channels of every convolution (512 as published, 256 in the "ch256" variant).
        pool_scales: side lengths of the pooled maps.
        dropout: rate of whole channels dropped before the classifier.
        norm: BatchNorm in every convolution but the classifier.

    In training with norm, the map pooled to 1 x 1 needs a batch of at least two images.
    """

    def __init__(
        self,
        in_channels: Sequence[int],
        num_classes: int = 19,
        *,
        channels: int = 512,
        pool_scales: Sequence[int] = (1, 2, 3, 6),
        dropout: float = 0.1,
        norm: bool = True,
    ) -> None:
        super().__init__()
        *finer, coarsest = in_channels
        self.num_classes = num_classes
        self.conv_seg = classifier(channels, num_classes)
        self.psp_modules = nn.ModuleList(
            nn.Sequential(nn.AdaptiveAvgPool2d(scale), ConvNormAct(coarsest, channels, norm=norm))
            for scale in pool_scales
        )
        self.bottleneck = ConvNormAct(coarsest + len(pool_scales) * channels, channels, 3, norm=norm)
        self.lateral_convs = nn.ModuleList(ConvNormAct(c, channels, norm=norm) for c in finer)
        self.fpn_convs = nn.ModuleList(ConvNormAct(channels, channels, 3, norm=norm) for _ in finer)
        self.fpn_bottleneck = ConvNormAct(len(in_channels) * channels, channels, 3, norm=norm)
        self.dropout = nn.Dropout2d(dropout)

    def _pyramid_pooling(self, x: Tensor) -> Tensor:
        pooled = [resize(branch(x), x.shape[-2:]) for branch in self.psp_modules]
        out: Tensor = self.bottleneck(torch.cat([x, *pooled], dim=1))
        return out

    def forward(self, features: Sequence[Tensor]) -> Tensor:
        """Features, finest first -> logits (B, C, h, w) at the size of the first."""
        *finer, coarsest = features
        levels = [lateral(f) for lateral, f in zip(self.lateral_convs, finer, strict=True)]
        levels.append(self._pyramid_pooling(coarsest))
        for i in range(len(levels) - 1, 0, -1):
            levels[i - 1] = levels[i - 1] + resize(levels[i], levels[i - 1].shape[-2:])
        size = levels[0].shape[-2:]
        smoothed = [conv(level) for conv, level in zip(self.fpn_convs, levels[:-1], strict=True)]
        fused = self.fpn_bottleneck(torch.cat([resize(m, size) for m in (*smoothed, levels[-1])], dim=1))
        logits: Tensor = self.conv_seg(self.dropout(fused))
        return logits
