"""The DAFormer decoder and the variants of its decoder study (Hoyer et al., "DAFormer", CVPR 2022)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from udalib.core.errors import unknown_name
from udalib.models.heads.blocks import ASPP, ConvNormAct, LinearEmbedding, classifier
from udalib.models.heads.isa import ISALayer
from udalib.models.registry import DECODERS
from udalib.ops.resize import resize

FUSIONS: dict[str, Callable[..., nn.Module]] = {
    "sepaspp": partial(ASPP, separable=True),
    "aspp": partial(ASPP, separable=False),
    "conv1": ConvNormAct,
    "isa": partial(ISALayer, key_query_convs=1),
}
"""Fusion layers ``(in_channels, channels, **options)`` of the concatenated levels."""


def coarsest_context(in_channels: int, channels: int, **options: Any) -> nn.Sequential:
    """Embedding of the coarsest level with context: 1x1 convolution with bias, then separable ASPP."""
    return nn.Sequential(nn.Conv2d(in_channels, channels, 1), ASPP(channels, channels, **options))


@DECODERS.register("daformer")
class DAFormerHead(nn.Module):
    """Linear embedding of every level, resize to the finest, context-aware fusion, classify: logits at stride 4.

    Args:
        in_channels: channels of the levels, finest first.
        num_classes: C of the logits (B, C, h, w).
        channels: channels of the fusion.
        embed_dims: channels of the embeddings, one number or one a level.
        fusion: a name of :data:`FUSIONS` ("sepaspp" is the published head), or "sepaspp_bottleneck": context on the
            coarsest level only, which is first upsampled by 8, and a 1x1 fusion.
        fusion_options: further options of the fusion layer, e.g. ``{"dilations": (1, 6, 12, 18)}``.
        context_options: options of the ASPP on the coarsest level; turns that level's embedding into
            :func:`coarsest_context` for any ``fusion``.
        upsample_coarsest: factor by which the coarsest level is resized before its embedding.
        dropout: rate of whole channels dropped before the classifier.
        norm: BatchNorm in the fusion.
    """

    def __init__(
        self,
        in_channels: Sequence[int],
        num_classes: int = 19,
        *,
        channels: int = 256,
        embed_dims: int | Sequence[int] = 256,
        fusion: str = "sepaspp",
        fusion_options: Mapping[str, Any] | None = None,
        context_options: Mapping[str, Any] | None = None,
        upsample_coarsest: float = 1,
        dropout: float = 0.1,
        norm: bool = True,
    ) -> None:
        super().__init__()
        if fusion == "sepaspp_bottleneck":
            fusion, context_options, upsample_coarsest = "conv1", context_options or {}, 8
        if fusion not in FUSIONS:
            raise unknown_name("fusion", fusion, [*FUSIONS, "sepaspp_bottleneck"])
        widths = [embed_dims] * len(in_channels) if isinstance(embed_dims, int) else list(embed_dims)
        self.num_classes = num_classes
        self.upsample_coarsest = upsample_coarsest
        self.conv_seg = classifier(channels, num_classes)
        embeddings: list[nn.Module] = [LinearEmbedding(i, o) for i, o in zip(in_channels, widths, strict=True)]
        if context_options is not None:
            embeddings[-1] = coarsest_context(in_channels[-1], widths[-1], **{"norm": norm, **context_options})
        self.embed_layers = nn.ModuleList(embeddings)
        self.fuse_layer = FUSIONS[fusion](sum(widths), channels, **{"norm": norm, **(fusion_options or {})})
        self.dropout = nn.Dropout2d(dropout)

    def forward(self, features: Sequence[Tensor]) -> Tensor:
        """Features, finest first -> logits (B, C, h, w) at the size of the first."""
        features = list(features)
        if self.upsample_coarsest != 1:
            factor = float(self.upsample_coarsest)
            features[-1] = F.interpolate(features[-1], scale_factor=factor, mode="bilinear", align_corners=False)
        size = features[0].shape[-2:]
        maps = [resize(embed(f), size) for embed, f in zip(self.embed_layers, features, strict=True)]
        logits: Tensor = self.conv_seg(self.dropout(self.fuse_layer(torch.cat(maps, dim=1))))
        return logits
