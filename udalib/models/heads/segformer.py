"""SegFormer's all-MLP decoder (Xie et al., NeurIPS 2021, section 3.2)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from udalib.models.heads.blocks import ConvNormAct, LinearEmbedding, classifier
from udalib.models.registry import DECODERS
from udalib.ops.resize import resize


@DECODERS.register("segformer")
class SegFormerHead(nn.Module):
    """Linear embedding of every level, resize to the finest, fuse by one convolution, classify: logits at stride 4.

    Concatenates levels 1 to 4, as the DAFormer code base does; the original SegFormer release concatenates 4 to 1, so
    its ``linear_fuse`` weights do not fit.

    Args:
        in_channels: channels of the levels, finest first.
        num_classes: C of the logits (B, C, h, w).
        embed_dim: channels of each embedding and of the fusion.
        fuse_kernel: kernel of the fusion convolution.
        dropout: rate of whole channels dropped before the classifier.
        norm: BatchNorm in the fusion.
        unused_channels: if set, add the classifier ``conv_seg`` of that many channels which published checkpoints
            contain but never run (128 there). It gets no gradient.
    """

    def __init__(
        self,
        in_channels: Sequence[int],
        num_classes: int = 19,
        *,
        embed_dim: int = 768,
        fuse_kernel: int = 1,
        dropout: float = 0.1,
        norm: bool = True,
        unused_channels: int | None = None,
    ) -> None:
        super().__init__()
        self.num_classes = num_classes
        if unused_channels is not None:
            self.conv_seg = classifier(unused_channels, num_classes).requires_grad_(False)
        self.linear_c = nn.ModuleList(LinearEmbedding(channels, embed_dim) for channels in in_channels)
        self.linear_fuse = ConvNormAct(embed_dim * len(in_channels), embed_dim, fuse_kernel, norm=norm)
        self.dropout = nn.Dropout2d(dropout)
        self.linear_pred = nn.Conv2d(embed_dim, num_classes, 1)

    def forward(self, features: Sequence[Tensor]) -> Tensor:
        """Features, finest first -> logits (B, C, h, w) at the size of the first."""
        size = features[0].shape[-2:]
        maps = [resize(embed(f), size) for embed, f in zip(self.linear_c, features, strict=True)]
        logits: Tensor = self.linear_pred(self.dropout(self.linear_fuse(torch.cat(maps, dim=1))))
        return logits
