"""Pyramid ViG with group k-NN: the patch graphs of GKGNet, and by itself an encoder (gkgnet sheet, 2.1 to 2.5)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from udalib.core.errors import ConfigError, unknown_name
from udalib.models.gkgnet.blocks import FeedForward, PatchGraph, initialise
from udalib.models.registry import ENCODERS

LARGEST = 49
"""Neighbours before dilation that the dilation of a block may reach."""


@dataclass(frozen=True)
class ViGConfig:
    """Shape of a pyramid.

    Attributes:
        channels: of each stage.
        blocks: of each stage.
        reductions: r of each stage, by which the sources are pooled.
    """

    channels: tuple[int, ...]
    blocks: tuple[int, ...] = (2, 2, 6, 2)
    reductions: tuple[int, ...] = (4, 2, 1, 1)


VIG_CONFIGS = {
    "t": ViGConfig((48, 96, 240, 384)),
    "s": ViGConfig((80, 160, 400, 640)),
    "streets": ViGConfig((28, 56, 84), (2, 2, 2), (4, 2, 1)),
}
"""The published variants, and a small one of three stages for the embedded streets (ours)."""


def vig_config(variant: str) -> ViGConfig:
    """The shape of ``variant``; an unknown one raises :class:`UnknownNameError`."""
    if variant not in VIG_CONFIGS:
        raise unknown_name("variant of ViG", variant, VIG_CONFIGS)
    return VIG_CONFIGS[variant]


def drop_rates(config: ViGConfig, drop_path: float) -> list[float]:
    """Stochastic depth of every block, growing linearly from 0."""
    return cast(list[float], torch.linspace(0, drop_path, sum(config.blocks), device="cpu").tolist())


class Stem(nn.Module):
    """Three 3x3 convolutions that divide the sides by 4."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        half = channels // 2
        self.convs = nn.Sequential(
            nn.Conv2d(3, half, 3, 2, 1),
            nn.BatchNorm2d(half),
            nn.GELU(),
            nn.Conv2d(half, channels, 3, 2, 1),
            nn.BatchNorm2d(channels),
            nn.GELU(),
            nn.Conv2d(channels, channels, 3, 1, 1),
            nn.BatchNorm2d(channels),
        )

    def forward(self, x: Tensor) -> Tensor:
        """(B, 3, H, W) -> (B, C, H / 4, W / 4)."""
        out: Tensor = self.convs(x)
        return out


class Downsample(nn.Module):
    """3x3 convolution of stride 2 and BatchNorm."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.conv = nn.Sequential(nn.Conv2d(in_channels, out_channels, 3, 2, 1), nn.BatchNorm2d(out_channels))

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, h, w) -> (B, C', h / 2, w / 2)."""
        out: Tensor = self.conv(x)
        return out


class ViG(nn.Module):
    """Normalised images (B, 3, H, W) -> a feature of each stage, finest first, at strides 4, 8, 16, ...

    Args:
        variant: of :data:`VIG_CONFIGS`.
        size: side of the images, or (height, width), for which positions are made. Another size resizes positions
            bicubically, which the published network does not allow.
        k: neighbours a group; the last stage needs k times its dilation patches (27 for k = 9: 192 pixels a side).
        groups: G of group k-NN; 1 = plain k-NN, with the same parameters.
        drop_path: stochastic depth of the last block.
        official: positions as published, see :class:`udalib.models.gkgnet.blocks.PatchGraph`.

    Raises:
        UnknownNameError: there is no such variant.
        ConfigError: a side is no multiple of the last stride.
    """

    #: endings of published entries that hold nothing learned: tables that are made here when they are needed
    published_constants: ClassVar[tuple[str, ...]] = (".relative_pos",)

    def __init__(
        self,
        variant: str = "s",
        size: int | tuple[int, int] = 224,
        k: int = 9,
        groups: int = 2,
        drop_path: float = 0.1,
        *,
        official: bool = False,
    ) -> None:
        super().__init__()
        config = vig_config(variant)
        self.config, self.channels = config, config.channels
        self.strides = tuple(4 * 2**i for i in range(len(config.channels)))
        height, width = (size, size) if isinstance(size, int) else size
        if height % self.strides[-1] or width % self.strides[-1]:
            raise ConfigError(
                f"images of {height} x {width}: the sides must be multiples of {self.strides[-1]}, the stride of "
                "the last stage; set the network's size, and resize or crop the images to it."
            )
        self.stem = Stem(config.channels[0])
        self.pos_embed = nn.Parameter(torch.zeros(1, config.channels[0], height // 4, width // 4))
        grid = (height // 4, width // 4)
        self.backbone = nn.Sequential(*_modules(config, grid, k, drop_path, groups=groups, official=official))
        initialise(self)

    def forward(self, x: Tensor) -> list[Tensor]:
        """Features of all stages, finest first."""
        x = self.stem(x)
        position: Tensor = self.pos_embed
        if position.shape[-2:] != x.shape[-2:]:
            position = F.interpolate(position, x.shape[-2:], mode="bicubic", align_corners=False)
        x, features = x + position, []
        for module in self.backbone:
            if isinstance(module, Downsample):
                features.append(x)
            x = module(x)
        return [*features, x]

    def graphs(self) -> list[PatchGraph]:
        """The patch graph of every block, in order."""
        return [module for module in self.backbone.modules() if isinstance(module, PatchGraph)]


def _modules(config: ViGConfig, grid: tuple[int, int], k: int, drop_path: float, **given: Any) -> Iterator[nn.Module]:
    """Blocks and steps between stages, in one row as in published checkpoints; ``given`` to every patch graph."""
    rates, index = drop_rates(config, drop_path), 0
    for stage, channels in enumerate(config.channels):
        if stage:
            yield Downsample(config.channels[stage - 1], channels)
        at = (grid[0] >> stage, grid[1] >> stage)
        for _ in range(config.blocks[stage]):
            dilation, rate = min(index // 4 + 1, max(1, LARGEST // k)), rates[index]
            options: dict[str, Any] = {**given, "dilation": dilation, "drop_path": rate}
            graph = PatchGraph(channels, k, at, config.reductions[stage], **options)
            yield nn.Sequential(graph, FeedForward(channels, rate))
            index += 1


def _named(variant: str) -> Callable[..., ViG]:
    return partial(ViG, variant)


for _variant, _name in (("t", "vig_t"), ("s", "vig_s"), ("streets", "vig_streets")):
    ENCODERS.add(_name, _named(_variant))
