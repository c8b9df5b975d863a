"""DeepLab-v3+'s head: separable atrous pyramid on the last feature, joined with a fine one.

Chen et al., "Encoder-Decoder with Atrous Separable Convolution for Semantic Image Segmentation", ECCV 2018; details and
parameter names of mmsegmentation, as in the DAFormer benchmark.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from udalib.models.heads.blocks import ConvNormAct, SeparableConvNormAct, classifier
from udalib.models.registry import DECODERS
from udalib.ops.resize import resize


@DECODERS.register("dlv3p")
class DeepLabV3PlusHead(nn.Module):
    """Image pooling and dilated branches on the last feature, then the fine feature and two separable convolutions.

    Args:
        in_channels: channels of the encoder's features, finest first.
        num_classes: C.
        channels: width of every branch and of the fused map.
        dilations: one branch each: 1 is a 1x1 convolution, others are separable 3x3 ones.
        low_level: index of the fine feature; the logits (B, C, h, w) have its size. None: no fine feature.
        low_channels: channels the fine feature is reduced to.
        top_scale: bilinear enlargement of the last feature before the ASPP; 4 for a Mix Transformer (stride 32 to 8).
        norm: BatchNorm after each convolution (training then needs batches of at least two images, because of the
            pooled branch). False is the "nodbn" head of the CNN benchmark: no BatchNorm in the decoder, since it hurts
            adaptation with CNN encoders; the convolutions then have a bias.
        dropout: probability of Dropout2d before the classifier.
        align_corners: convention of the resizing inside the head.
    """

    def __init__(
        self,
        in_channels: Sequence[int],
        num_classes: int = 19,
        *,
        channels: int = 512,
        dilations: Sequence[int] = (1, 12, 24, 36),
        low_level: int | None = 0,
        low_channels: int = 48,
        top_scale: float = 1,
        norm: bool = True,
        dropout: float = 0.1,
        align_corners: bool = False,
    ) -> None:
        super().__init__()
        self.num_classes = num_classes
        self.low_level, self.top_scale, self.align_corners = low_level, top_scale, align_corners
        top = in_channels[-1]
        self.image_pool = nn.Sequential(nn.AdaptiveAvgPool2d(1), ConvNormAct(top, channels, 1, norm=norm))
        self.aspp_modules = nn.ModuleList(
            ConvNormAct(top, channels, 1, norm=norm)
            if d == 1
            else SeparableConvNormAct(top, channels, dilation=d, norm=norm)
            for d in dilations
        )
        self.bottleneck = ConvNormAct((len(dilations) + 1) * channels, channels, 3, norm=norm)
        fused = channels
        if low_level is not None:
            self.c1_bottleneck = ConvNormAct(in_channels[low_level], low_channels, 1, norm=norm)
            fused += low_channels
        self.sep_bottleneck = nn.Sequential(
            SeparableConvNormAct(fused, channels, norm=norm), SeparableConvNormAct(channels, channels, norm=norm)
        )
        self.dropout = nn.Dropout2d(dropout)
        self.conv_seg = classifier(channels, num_classes)

    def context(self, x: Tensor) -> Tensor:
        """ASPP and bottleneck on the last feature: (B, C_in, h, w) -> (B, channels, h, w)."""
        pooled = self.image_pool(x).expand(-1, -1, *x.shape[-2:])
        out: Tensor = self.bottleneck(torch.cat([pooled, *(branch(x) for branch in self.aspp_modules)], dim=1))
        return out

    def forward(self, features: Sequence[Tensor]) -> Tensor:
        """Logits (B, C, h, w) at the size of the fine feature."""
        top = features[-1]
        if self.top_scale != 1:
            top = F.interpolate(top, scale_factor=self.top_scale, mode="bilinear", align_corners=False)
        x = self.context(top)
        if self.low_level is not None:
            low = self.c1_bottleneck(features[self.low_level])
            x = torch.cat([resize(x, low.shape[-2:], align_corners=self.align_corners), low], dim=1)
        logits: Tensor = self.conv_seg(self.dropout(self.sep_bottleneck(x)))
        return logits
