"""The fully convolutional discriminator shared by the adversarial methods.

Tsai et al., "Learning to Adapt Structured Output Space for Semantic Segmentation", CVPR 2018 (AdaptSegNet);
Vu et al., "ADVENT: Adversarial Entropy Minimization for Domain Adaptation in Semantic Segmentation", CVPR 2019.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Literal

from torch import Tensor, nn

from udalib.core.errors import ConfigError

_STRIDE = 32


class FCDiscriminator(nn.Sequential):
    """Five 4x4 convolutions of stride 2, LeakyReLU(0.2) between them: (B, C, H, W) -> logits (B, 1, H // 32, W // 32).

    The input is a soft-max map (AdaptSegNet) or a weighted self-information map (ADVENT) of ``num_classes`` channels
    at the full image size. No normalisation layers, because the published batch size is 1, and no sigmoid: it belongs
    to the loss. By the published convention label 0 is the source domain and 1 the target. The paper's final
    up-sampling is in no released code and not here.

    Args:
        num_classes: channels of the input map.
        width: channels after the first convolution; doubled by each of the next three.
        names: parameter names of the published snapshots: ``"adaptsegnet"`` (conv1 .. conv4, classifier) or
            ``"advent"`` (0, 2, 4, 6, 8).

    Raises:
        ConfigError: for an unknown ``names``, or in ``forward`` when a side of the input is below 32 pixels.
    """

    def __init__(
        self, num_classes: int = 19, *, width: int = 64, names: Literal["adaptsegnet", "advent"] = "adaptsegnet"
    ) -> None:
        if names not in ("adaptsegnet", "advent"):
            raise ConfigError(f"discriminator names={names!r} are not known; choose 'adaptsegnet' or 'advent'.")
        layers: OrderedDict[str, nn.Module] = OrderedDict()
        channels = (num_classes, width, 2 * width, 4 * width, 8 * width)
        for i in range(4):
            layers[f"conv{i + 1}"] = nn.Conv2d(channels[i], channels[i + 1], 4, stride=2, padding=1)
            layers[f"relu{i + 1}"] = nn.LeakyReLU(0.2)
        layers["classifier"] = nn.Conv2d(channels[4], 1, 4, stride=2, padding=1)
        if names == "adaptsegnet":
            super().__init__(layers)
        else:
            super().__init__(*layers.values())

    def forward(self, maps: Tensor) -> Tensor:
        """Judge ``maps`` (B, C, H, W) patch by patch: raw logits (B, 1, H // 32, W // 32)."""
        if min(maps.shape[-2:]) < _STRIDE:
            height, width = maps.shape[-2:]
            raise ConfigError(
                f"the discriminator halves its input five times and got a map of {height} x {width} pixels; "
                f"give it sides of at least {_STRIDE} (raise the crop or the image size)."
            )
        for layer in self:
            maps = layer(maps)
        return maps
