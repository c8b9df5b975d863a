"""A plain vision transformer as a hierarchical encoder: four strides from the blocks of one."""

from __future__ import annotations

from typing import Any

import torch.nn.functional as F
from torch import Tensor, nn

from udalib.core.errors import ConfigError
from udalib.models.encoders.timm_encoder import TimmEncoder
from udalib.models.registry import ENCODERS
from udalib.ops.resize import resize


class ChannelNorm(nn.LayerNorm):
    """LayerNorm over the channels of (B, C, H, W)."""

    def forward(self, x: Tensor) -> Tensor:
        """Normalise every position."""
        return super().forward(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


def _double(in_channels: int, out_channels: int) -> nn.ConvTranspose2d:
    return nn.ConvTranspose2d(in_channels, out_channels, 2, stride=2)


class Pyramid(nn.Module):
    """Four maps (B, C, h, w) of one size -> maps of strides 4, 8, 16 and 32, finest first.

    The simple feature pyramid of ViTDet (Li et al., "Exploring Plain Vision Transformer Backbones for Object
    Detection", ECCV 2022) on four blocks in place of the last one: transposed convolutions double the first map twice
    and the second once, and a mean halves the last one, so that it holds no parameter. A map whose size is then not
    the wanted one (patches of 14 pixels) is resized bilinearly.

    Args:
        channels: C of the four maps, a multiple of 4.
    """

    strides: tuple[int, ...] = (4, 8, 16, 32)

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.channels = (channels // 4, channels // 2, channels, channels)
        half = channels // 2
        self.fine = nn.Sequential(_double(channels, half), ChannelNorm(half), nn.GELU(), _double(half, channels // 4))
        self.middle = _double(channels, half)

    def forward(self, maps: list[Tensor], size: tuple[int, int]) -> list[Tensor]:
        """Maps that cover an image of ``size`` (H, W) -> features of ceil(side / stride) positions."""
        wanted = [(-(-size[0] // s), -(-size[1] // s)) for s in self.strides]
        features = [self.fine(maps[0]), self.middle(maps[1]), maps[2]]
        features = [resize(f, shape) for f, shape in zip(features, wanted, strict=False)]
        return [*features, F.adaptive_avg_pool2d(maps[3], wanted[3])]


@ENCODERS.register("vit_pyramid")
class ViTPyramid(TimmEncoder):
    """A timm ViT with a :class:`Pyramid`: normalised (B, 3, H, W) -> four maps of strides 4, 8, 16 and 32.

    The maps are those of four evenly spaced blocks. An image whose sides are no multiples of the patch (512 and
    patches of 14) is resized bilinearly to the next ones first (518), so that patches neither hang over its border nor
    see padding, and positions of all maps stay aligned with it. The pyramid has random weights: train it at the rate of
    a decoder, by a rule for ``neck``. The last feature is a mean of the transformer's own, to which a feature
    distance may be measured.

    Args:
        name: timm's model name, e.g. ``"vit_base_patch14_dinov2"``, ``"vit_base_patch16_dinov3"``.
        options: as for :class:`~udalib.models.encoders.timm_encoder.TimmEncoder`, but ``output_stride``,
            ``out_indices`` and ``size_multiple``.

    Raises:
        ConfigError: ``name`` is no transformer of a single stride, or an option is not taken.
        UnknownNameError, CheckpointError: as for :class:`~udalib.models.encoders.timm_encoder.TimmEncoder`.
    """

    def __init__(self, name: str, **options: Any) -> None:
        fixed = sorted({"output_stride", "out_indices", "size_multiple"} & options.keys())
        if fixed:
            raise ConfigError(f"vit_pyramid sets {', '.join(fixed)} itself; leave it out, or use the encoder 'timm'.")
        super().__init__(name, **options)
        patch = set(self.strides)
        if len(self.strides) != 4 or len(patch) != 1 or len(set(self.channels)) != 1:
            raise ConfigError(
                f"{name!r} has maps of strides {self.strides} and channels {self.channels}; vit_pyramid takes a plain "
                f"vision transformer, whose blocks all have one stride. Use timm:{name} for a hierarchical backbone."
            )
        self.patch = patch.pop()
        self.neck = Pyramid(self.channels[0])
        self.channels, self.strides = self.neck.channels, self.neck.strides

    def forward(self, x: Tensor) -> list[Tensor]:
        """Features of a normalised batch ``x`` (B, 3, H, W), finest first."""
        size = (x.shape[-2], x.shape[-1])
        whole = (-(-size[0] // self.patch) * self.patch, -(-size[1] // self.patch) * self.patch)
        return self.neck(self.body(resize(x, whole)), size)  # type: ignore[no-any-return]
