"""Mix Transformer encoders MiT-B0 to B5 (Xie et al., "SegFormer", NeurIPS 2021), under their published parameter names.

There is no positional embedding: the depthwise convolution in each block carries position.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn

from udalib.core.errors import ConfigError
from udalib.models.encoders.mit_blocks import Block, OverlapPatchEmbed, feature_map
from udalib.models.registry import ENCODERS


@dataclass(frozen=True)
class MiTConfig:
    """Widths and depths of the four stages; the defaults of the rest hold for every published variant."""

    channels: tuple[int, ...]
    depths: tuple[int, ...]
    heads: tuple[int, ...] = (1, 2, 5, 8)
    reductions: tuple[int, ...] = (8, 4, 2, 1)
    mlp_ratio: int = 4


MIT_CONFIGS = {
    "mit_b0": MiTConfig((32, 64, 160, 256), (2, 2, 2, 2)),
    "mit_b1": MiTConfig((64, 128, 320, 512), (2, 2, 2, 2)),
    "mit_b2": MiTConfig((64, 128, 320, 512), (3, 4, 6, 3)),
    "mit_b3": MiTConfig((64, 128, 320, 512), (3, 4, 18, 3)),
    "mit_b4": MiTConfig((64, 128, 320, 512), (3, 8, 27, 3)),
    "mit_b5": MiTConfig((64, 128, 320, 512), (3, 6, 40, 3)),
}


class MixTransformer(nn.Module):
    """Hierarchical transformer: normalised image (B, 3, H, W) -> four maps at strides 4, 8, 16, 32.

    Args:
        config: widths and depths.
        drop_path_rate: stochastic depth of the last block; it grows linearly from 0 in the first one.
        in_channels: channels of the image.

    Sizes need not divide by 32: a stage of kernel k, stride s and padding p gives floor((H + 2p - k) / s) + 1.
    """

    strides: tuple[int, ...] = (4, 8, 16, 32)

    def __init__(self, config: MiTConfig, *, drop_path_rate: float = 0.1, in_channels: int = 3) -> None:
        super().__init__()
        self.config = config
        self.channels = config.channels
        inputs = (in_channels, *config.channels)
        for stage, channels in enumerate(config.channels):
            kernel_size, stride = (7, 4) if stage == 0 else (3, 2)
            self.add_module(f"patch_embed{stage + 1}", OverlapPatchEmbed(inputs[stage], channels, kernel_size, stride))
        rates = torch.linspace(0, drop_path_rate, sum(config.depths), device="cpu").tolist()
        for stage, (channels, depth) in enumerate(zip(config.channels, config.depths, strict=True)):
            rest = (config.heads[stage], config.reductions[stage], config.mlp_ratio)
            blocks = nn.ModuleList(Block(channels, *rest, rates.pop(0)) for _ in range(depth))
            self.add_module(f"block{stage + 1}", blocks)
            self.add_module(f"norm{stage + 1}", nn.LayerNorm(channels, eps=1e-6))
        self.apply(_initialise)

    def forward(self, x: Tensor) -> list[Tensor]:
        """(B, 3, H, W) normalised -> four features, finest first.

        Raises:
            ConfigError: if the image is too small for the key reduction of the first stage.
        """
        least = self.strides[0] * (self.config.reductions[0] - 1) + 1
        if min(x.shape[-2:]) < least:
            raise ConfigError(f"MiT needs images of at least {least} x {least} pixels, got {tuple(x.shape[-2:])}.")
        features = []
        for stage in range(1, len(self.channels) + 1):
            x, size = self.get_submodule(f"patch_embed{stage}")(x)
            for block in self.get_submodule(f"block{stage}").children():
                x = block(x, size)
            x = feature_map(self.get_submodule(f"norm{stage}")(x), size)
            features.append(x)
        return features


def _initialise(module: nn.Module) -> None:
    """Initial weights of the published code: normal convolutions by fan out, truncated normal linear layers."""
    if isinstance(module, nn.Linear):
        nn.init.trunc_normal_(module.weight, std=0.02)
    elif isinstance(module, nn.Conv2d):
        fan_out = module.kernel_size[0] * module.kernel_size[1] * module.out_channels // module.groups
        nn.init.normal_(module.weight, std=math.sqrt(2.0 / fan_out))
    else:
        return
    if module.bias is not None:
        nn.init.zeros_(module.bias)


def mit(name: str, **options: float) -> MixTransformer:
    """Build the variant ``name`` ("mit_b0" to "mit_b5")."""
    return MixTransformer(MIT_CONFIGS[name], **options)  # type: ignore[arg-type]


for _name in MIT_CONFIGS:
    ENCODERS.add(_name, partial(mit, _name))
