"""ISANet's head: interlaced sparse self-attention on the last feature, joined with its input.

Huang et al., "Interlaced Sparse Self-Attention for Semantic Segmentation", 2019; parameter names of mmsegmentation.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from udalib.models.heads.blocks import ConvNormAct, classifier
from udalib.models.heads.isa import RelationBlock, interlaced_attention
from udalib.models.registry import DECODERS


@DECODERS.register("isa")
class ISAHead(nn.Module):
    """Interlaced attention on the last feature: (B, C_in, h, w) -> logits (B, classes, h, w); any h, w.

    Args:
        in_channels: channels of the encoder's features, finest first; the last is used.
        num_classes: number of classes.
        channels: width of the head.
        attention_channels: width of queries and keys.
        down_factor: (rows, columns) of the blocks, see :func:`udalib.models.heads.isa.interlaced_attention`.
        norm: BatchNorm in the convolutions; False is the "nodbn" head of the DAFormer benchmark.
        dropout: probability of Dropout2d before the classifier.
    """

    def __init__(
        self,
        in_channels: Sequence[int],
        num_classes: int = 19,
        *,
        channels: int = 512,
        attention_channels: int = 256,
        down_factor: Sequence[int] = (8, 8),
        norm: bool = True,
        dropout: float = 0.1,
    ) -> None:
        super().__init__()
        self.num_classes = num_classes
        self.down_factor = (down_factor[0], down_factor[1])
        self.in_conv = ConvNormAct(in_channels[-1], channels, 3, norm=norm)
        self.global_relation = RelationBlock(channels, attention_channels, norm=norm)
        self.local_relation = RelationBlock(channels, attention_channels, norm=norm)
        self.out_conv = ConvNormAct(2 * channels, channels, norm=norm)
        self.dropout = nn.Dropout2d(dropout)
        self.conv_seg = classifier(channels, num_classes)

    def forward(self, features: Sequence[Tensor]) -> Tensor:
        """Logits at the last feature's stride."""
        x = self.in_conv(features[-1])
        context = interlaced_attention(x, self.global_relation, self.local_relation, self.down_factor)
        logits: Tensor = self.conv_seg(self.dropout(self.out_conv(torch.cat([context, x], dim=1))))
        return logits
