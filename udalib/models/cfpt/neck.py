"""The CFPT neck: five levels from the backbone's last three maps (cfpt sheet, 2)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

from torch import Tensor, nn

from udalib.core.errors import ConfigError
from udalib.models.cfpt.attention import (
    CrossLayerAttention,
    CrossLayerChannelAttention,
    CrossLayerSpatialAttention,
    check_pyramid,
)
from udalib.models.detection.registry import NECKS

Order = Literal["cca_csa", "csa_cca", "cca", "csa", "parallel", "none"]
"""Which attention comes first; one alone, both side by side and summed, or none (the published baseline)."""

ORDERS = ("cca_csa", "csa_cca", "cca", "csa", "parallel", "none")
LEVELS = 4
BLOCKS: dict[str, type[CrossLayerAttention]] = {"cca": CrossLayerChannelAttention, "csa": CrossLayerSpatialAttention}

Block = Callable[[list[Tensor]], list[Tensor]]


class ConvNormRelu(nn.Sequential):
    """Convolution without bias, BatchNorm, ReLU, under the published names ``conv`` and ``bn``."""

    def __init__(self, in_channels: int, out_channels: int, kernel: int = 1) -> None:
        super().__init__()
        stride, padding = (2, 1) if kernel == 3 else (1, 0)
        self.add_module("conv", nn.Conv2d(in_channels, out_channels, kernel, stride, padding, bias=False))
        self.add_module("bn", nn.BatchNorm2d(out_channels))
        self.add_module("relu", nn.ReLU())


def exchange(levels: Sequence[Tensor], channel: Block | None, spatial: Block | None, order: Order) -> list[Tensor]:
    """One CAM: the two attentions in ``order``, and one shortcut around both (levels of any shapes they accept)."""
    x, mixed = list(levels), list(levels)
    blocks = {"cca": channel, "csa": spatial}
    if order == "none":
        return mixed
    if order == "parallel":
        assert channel is not None
        assert spatial is not None
        mixed = [a + b for a, b in zip(channel(x), spatial(x), strict=True)]
    else:
        for name in order.split("_"):
            block = blocks[name]
            assert block is not None
            mixed = block(mixed)
    return [(a + b).to(a.dtype) for a, b in zip(x, mixed, strict=True)]


@NECKS.register("cfpt")
class CFPT(nn.Module):
    """Cross-layer Feature Pyramid Transformer.

    Args:
        in_channels: of C2..C5; C2 is not used.
        out_channels: of every level.
        alpha: overlap of CCA, odd.
        beta: overlap of CSA, odd.
        num_heads: of both.
        mlp_ratio: of both.
        reduction: of both.
        order: which attention comes first, see :data:`Order`.
        num_cam: how many pairs stand on each other, each with its own shortcut. The published code has one.
        positions: with CCPE.
        official: the published quirks of both attentions (what published weights need).

    Raises:
        ConfigError: not four maps, no pair, an unknown order, or values the attentions refuse.
    """

    divisor = 64
    """Sides of the image must be multiples of it."""

    def __init__(
        self,
        in_channels: Sequence[int],
        out_channels: int = 256,
        *,
        alpha: int = 1,
        beta: int = 1,
        num_heads: int = 4,
        mlp_ratio: float = 2,
        reduction: int = 4,
        order: Order = "cca_csa",
        num_cam: int = 1,
        positions: bool = True,
        official: bool = False,
    ) -> None:
        super().__init__()
        if len(in_channels) != LEVELS or num_cam < 1 or order not in ORDERS:
            raise ConfigError(
                f"CFPT takes the channels of C2..C5, num_cam >= 1 and an order of {', '.join(ORDERS)}; got "
                f"{tuple(in_channels)}, {num_cam} and {order!r}."
            )
        self.order = order
        _, c3, c4, c5 = in_channels
        self.conv2 = ConvNormRelu(c3, out_channels)
        self.conv3 = ConvNormRelu(c4, out_channels)
        self.conv4 = ConvNormRelu(c5, out_channels)
        self.conv5 = ConvNormRelu(c5, out_channels, 3)
        self.extra_conv1 = ConvNormRelu(out_channels, out_channels, 3)

        def make(kind: str) -> CrossLayerAttention | None:
            if kind not in order and order != "parallel":
                return None
            return BLOCKS[kind](
                out_channels,
                LEVELS,
                num_heads=num_heads,
                mlp_ratio=mlp_ratio,
                reduction=reduction,
                expansion={"cca": alpha, "csa": beta}[kind],
                positions=positions,
                official=official,
            )

        self.cross_layer_channel_attn, self.cross_layer_spatial_attn = make("cca"), make("csa")
        self.further_channel_attn, self.further_spatial_attn = (
            nn.ModuleList([block for block in (make(kind) for _ in range(num_cam - 1)) if block is not None])
            for kind in ("cca", "csa")
        )
        self.num_cam = num_cam

    def forward(self, features: Sequence[Tensor]) -> tuple[Tensor, ...]:
        """C2..C5 (strides 4 to 32) to P3..P7 (strides 8 to 128), all with ``out_channels``.

        Raises:
            ConfigError: image sides that are no multiple of 64.
        """
        _, c3, c4, c5 = features
        levels = [self.conv2(c3), self.conv3(c4), self.conv4(c5), self.conv5(c5)]
        check_pyramid(levels, LEVELS)
        for cam in range(self.num_cam):
            levels = exchange(levels, *self._blocks(cam), self.order)
        return (*levels, self.extra_conv1(levels[-1]))

    def _blocks(self, cam: int) -> tuple[Block | None, Block | None]:
        if cam == 0:
            return self.cross_layer_channel_attn, self.cross_layer_spatial_attn
        further = (self.further_channel_attn, self.further_spatial_attn)
        channel, spatial = (blocks[cam - 1] if len(blocks) else None for blocks in further)
        return channel, spatial
