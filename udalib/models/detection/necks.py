"""The necks beside CFPT: none, FPN, PAFPN, AFPN. All give five levels, each half as large as the one before."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from udalib.core.lazy import LazyModule
from udalib.models.cfpt.neck import CFPT
from udalib.models.detection.registry import NECKS

pyramids = LazyModule("torchvision.ops.feature_pyramid_network")


@NECKS.register("none")
def no_pyramid(in_channels: Sequence[int], out_channels: int = 256) -> CFPT:
    """Levels that do not exchange anything: CFPT's without its attentions (the published "without FPN")."""
    return CFPT(in_channels, out_channels, order="none")


@NECKS.register("fpn")
class FPN(nn.Module):
    """torchvision's feature pyramid on C3..C5 with two further levels.

    Args:
        in_channels: of C2..C5; C2 is not used.
        out_channels: of every level.
        extra: the further levels come from C5 ("input") or from P5 ("output").
    """

    def __init__(
        self, in_channels: Sequence[int], out_channels: int = 256, *, extra: Literal["input", "output"] = "input"
    ) -> None:
        super().__init__()
        top = in_channels[-1] if extra == "input" else out_channels
        blocks = pyramids.LastLevelP6P7(top, out_channels)
        blocks.use_P5 = extra == "output"
        self.pyramid = pyramids.FeaturePyramidNetwork(list(in_channels[1:]), out_channels, blocks)

    def forward(self, features: Sequence[Tensor]) -> tuple[Tensor, ...]:
        """C2..C5 to P3..P7."""
        return tuple(self.pyramid(OrderedDict((str(i), x) for i, x in enumerate(features[1:]))).values())


@NECKS.register("pafpn")
class PAFPN(FPN):
    """FPN and a second path from fine to coarse (path aggregation)."""

    def __init__(
        self, in_channels: Sequence[int], out_channels: int = 256, *, extra: Literal["input", "output"] = "input"
    ) -> None:
        super().__init__(in_channels, out_channels, extra=extra)
        later = range(len(in_channels) - 2)
        self.down, self.smooth = (
            nn.ModuleList([nn.Conv2d(out_channels, out_channels, 3, stride, 1) for _ in later]) for stride in (2, 1)
        )

    def forward(self, features: Sequence[Tensor]) -> tuple[Tensor, ...]:
        """C2..C5 to P3..P7."""
        first, *levels = super().forward(features)
        paths = [first]
        for down, smooth, level in zip(self.down, self.smooth, levels, strict=False):
            paths.append(smooth(level + down(paths[-1])))
        return (*paths, *levels[len(self.down) :])


class AdaptiveFusion(nn.Module):
    """Maps of several levels at the size of one, mixed with weights of every cell that sum to 1."""

    def __init__(self, channels: int, count: int) -> None:
        super().__init__()
        self.weigh = nn.Conv2d(channels * count, count, 1)
        self.smooth = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, levels: Sequence[Tensor], target: int) -> Tensor:
        """Levels (B, C, ., .) to (B, C, H, W) at the size of ``levels[target]``."""
        size = levels[target].shape[-2:]
        same = [resized(x, (size[0], size[1])) for x in levels]
        share = self.weigh(torch.cat(same, 1)).softmax(1)
        mixed = torch.stack([x * share[:, i : i + 1] for i, x in enumerate(same)]).sum(0)
        fused: Tensor = self.smooth(mixed)
        return levels[target] + fused


def resized(x: Tensor, size: tuple[int, int]) -> Tensor:
    """``x`` at ``size``: averaged where it shrinks, nearest neighbours where it grows."""
    if x.shape[-2] > size[0]:
        return F.adaptive_avg_pool2d(x, size)
    return F.interpolate(x, size, mode="nearest")


@NECKS.register("afpn")
class AFPN(nn.Module):
    """Asymptotic fusion: P3 and P4 first, then P5 with both, with adaptive weights of every cell.

    After the one line that the facts sheet has on it (5.1), not after its code: parameter counts and published numbers
    are those of another network.
    """

    def __init__(self, in_channels: Sequence[int], out_channels: int = 256) -> None:
        super().__init__()
        self.lateral = nn.ModuleList([nn.Conv2d(c, out_channels, 1) for c in in_channels[1:]])
        stages = range(2, len(in_channels))
        self.fusion = nn.ModuleList(
            [nn.ModuleList([AdaptiveFusion(out_channels, n) for _ in range(n)]) for n in stages]
        )
        self.extra = pyramids.LastLevelP6P7(out_channels, out_channels)

    def forward(self, features: Sequence[Tensor]) -> tuple[Tensor, ...]:
        """C2..C5 to P3..P7."""
        levels = [lateral(x) for lateral, x in zip(self.lateral, features[1:], strict=True)]
        for stage in self.fusion:
            blocks: Any = stage
            part = levels[: len(blocks)]
            levels[: len(blocks)] = [block(part, i) for i, block in enumerate(blocks)]
        levels, _ = self.extra(levels, levels, [str(i) for i in range(5)])
        return tuple(levels)
