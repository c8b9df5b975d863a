"""An auxiliary classifier on an earlier feature, for networks whose decoder has none."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from udalib.core.errors import ConfigError
from udalib.models.network import SegmentationNetwork


class AuxiliaryHead(nn.Module):
    """3x3 convolution, BatchNorm, ReLU, 1x1 classifier on one feature: features -> logits (B, C, h, w) at its stride.

    Args:
        in_channels: channels of that feature.
        num_classes: C.
        level: index of the feature in the encoder's list, finest first; -2 is the second to last.
    """

    def __init__(self, in_channels: int, num_classes: int, level: int = -2) -> None:
        super().__init__()
        self.num_classes, self.level = num_classes, level
        self.body = nn.Sequential(
            nn.Conv2d(in_channels, in_channels, 3, padding=1, bias=False), nn.BatchNorm2d(in_channels), nn.ReLU()
        )
        self.classifier = nn.Conv2d(in_channels, num_classes, 1)

    def forward(self, features: Sequence[Tensor]) -> Tensor:
        """Logits of the level's feature."""
        logits: Tensor = self.classifier(self.body(features[self.level]))
        return logits


def attach_auxiliary(network: SegmentationNetwork, level: int = -2) -> SegmentationNetwork:
    """Give ``network`` an :class:`AuxiliaryHead`, in place, as ``network.auxiliary``.

    The auxiliary output of AdaptSegNet and AdvEnt on any encoder: theirs reads the second to last stage.

    Raises:
        ConfigError: the encoder has no feature ``level``.
    """
    channels = network.feature_channels
    if not -len(channels) <= level < len(channels):
        raise ConfigError(f"the encoder has {len(channels)} features, so there is no level {level}; -2 is usual.")
    network.auxiliary = AuxiliaryHead(channels[level], network.num_classes, level)
    return network
