"""Torchvision's ResNets as contrastive learning starts them: every residual branch begins as zero."""

from __future__ import annotations

from functools import partial
from typing import Any

from torch import nn

from udalib.models.encoders.resnet import BasicBlock, Bottleneck, ResNet
from udalib.models.registry import ENCODERS


def resnet_zero(depth: int, **options: Any) -> ResNet:
    """A plain :class:`~udalib.models.encoders.resnet.ResNet` whose last BatchNorm of each block has the weight 0.

    Torchvision's ``zero_init_residual``, which DSCL's encoders use (dscl sheet, section 3).
    """
    encoder = ResNet(depth, **options)
    for block in encoder.modules():
        if isinstance(block, Bottleneck):
            nn.init.zeros_(block.bn3.weight)
        elif isinstance(block, BasicBlock):
            nn.init.zeros_(block.bn2.weight)
    return encoder


for _depth in (18, 50):
    ENCODERS.add(f"resnet{_depth}_zero", partial(resnet_zero, _depth))
