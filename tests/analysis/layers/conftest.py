"""Tiny networks with weights large enough that every layer tells."""

from __future__ import annotations

import pytest
import torch
from timm.models.vision_transformer import VisionTransformer
from torch import nn

from udalib.models import MiTConfig, MixTransformer, SegFormerHead, SegmentationNetwork


def loud(network: nn.Module) -> nn.Module:
    """Weights of unit gain from a seed, in place of the small initial ones; eval mode."""
    random = torch.Generator().manual_seed(0)
    for parameter in network.parameters():
        if parameter.ndim > 1:
            fan_in = parameter[0].numel()
            parameter.data = torch.randn(parameter.shape, generator=random) / fan_in**0.5
    return network.eval()


@pytest.fixture
def vit() -> nn.Module:
    """A plain ViT of 8 blocks."""
    sizes = {"img_size": 16, "patch_size": 8, "embed_dim": 16, "num_heads": 2, "mlp_ratio": 2, "num_classes": 5}
    return loud(VisionTransformer(depth=8, **sizes))


@pytest.fixture
def segformer() -> SegmentationNetwork:
    """A SegFormer on a MiT with 2, 1, 7 and 1 blocks in its stages."""
    encoder = MixTransformer(MiTConfig((8, 8, 16, 16), (2, 1, 7, 1), heads=(1, 1, 2, 2)))
    return loud(SegmentationNetwork(encoder, SegFormerHead((8, 8, 16, 16), 5, embed_dim=8)))
