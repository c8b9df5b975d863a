"""The fully convolutional discriminator shared by the adversarial methods.

Tsai et al., "Learning to Adapt Structured Output Space for Semantic Segmentation", CVPR 2018 (AdaptSegNet);
Vu et al., "ADVENT: Adversarial Entropy Minimization for Domain Adaptation in Semantic Segmentation", CVPR 2019.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Literal

from torch import Tensor, nn

from udalib.core.errors import ConfigError


class FCDiscriminator(nn.Sequential):
    """4x4 convolutions of stride 2, LeakyReLU(0.2) between them: (B, C, H, W) -> logits (B, 1, H // 32, W // 32).

    The input is a soft-max map (AdaptSegNet), a weighted self-information map (ADVENT) or a feature of ``channels``
    channels at the full image size. No normalisation layers, because the published batch size is 1, and no sigmoid: it
    belongs to the loss. By the published convention label 0 is the source domain and 1 the target. The paper's final
    up-sampling is in no released code and not here.

    Args:
        channels: of the input map: the number of classes, or the width of a feature.
        width: channels after the first convolution; doubled by each of the next but the last.
        depth: number of convolutions. Each position sees ``3 (2^depth - 1) + 1`` pixels of the map a side: 94 for the
            published 5, a fifth of the height of a 512 x 1024 image but more than the whole of a 64 x 128 one, where 2
            or 3 (10 or 22 pixels) look at patches as small as the published ones. The output stride is ``2^depth``.
        names: parameter names of the published snapshots: ``"adaptsegnet"`` (conv1 .. conv4, classifier) or
            ``"advent"`` (0, 2, 4, 6, 8).

    Raises:
        ConfigError: unknown ``names``, or ``depth`` below 1; in ``forward`` another number of channels, or a side below
            ``2^depth`` pixels.
    """

    def __init__(
        self,
        channels: int = 19,
        *,
        width: int = 64,
        depth: int = 5,
        names: Literal["adaptsegnet", "advent"] = "adaptsegnet",
    ) -> None:
        if names not in ("adaptsegnet", "advent"):
            raise ConfigError(f"discriminator names={names!r} are not known; choose 'adaptsegnet' or 'advent'.")
        if depth < 1:
            raise ConfigError(f"a discriminator needs at least one convolution, got depth {depth}; published: 5.")
        layers: OrderedDict[str, nn.Module] = OrderedDict()
        widths = (channels, *(width * 2**i for i in range(depth - 1)))
        for i in range(depth - 1):
            layers[f"conv{i + 1}"] = nn.Conv2d(widths[i], widths[i + 1], 4, stride=2, padding=1)
            layers[f"relu{i + 1}"] = nn.LeakyReLU(0.2)
        layers["classifier"] = nn.Conv2d(widths[-1], 1, 4, stride=2, padding=1)
        if names == "adaptsegnet":
            super().__init__(layers)
        else:
            super().__init__(*layers.values())
        self.channels, self.stride = channels, 2**depth

    def forward(self, maps: Tensor) -> Tensor:
        """Judge ``maps`` (B, C, H, W) patch by patch: raw logits (B, 1, H // stride, W // stride)."""
        if maps.shape[1] != self.channels:
            raise ConfigError(
                f"the discriminator was made for {self.channels} channels and got a map of {maps.shape[1]}; network "
                "and discriminator must have the same classes (num_classes of the recipe's label space)."
            )
        if min(maps.shape[-2:]) < self.stride:
            height, width = maps.shape[-2:]
            raise ConfigError(
                f"the discriminator needs sides of at least {self.stride} pixels and got a map of {height} x {width}; "
                "raise the crop or the image size, or lower discriminator_depth (each level halves the map)."
            )
        for layer in self:
            maps = layer(maps)
        return maps
