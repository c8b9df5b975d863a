"""DeepLab-v2 for two frames as the video setting of QuadMix uses it, under the published parameter names.

Quadmix sheet, section 4.1. The encoder is AdaptSegNet's and ADVENT's ResNet-101 at stride 8.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import ClassVar

from torch import Tensor, nn

from udalib.models.clip_network import ClipNetwork
from udalib.models.deeplab_v2 import DeepLabV2Decoder, MultiRateClassifier
from udalib.models.encoders.resnet import resnet101_caffe_d8
from udalib.models.registry import DECODERS, NETWORKS


class MultiRateHead(nn.Module):
    """Four parallel dilated 3x3 convolutions, summed, dropout, a 1x1 classifier: (B, C_in, h, w) -> (B, classes, h, w).

    Args:
        in_channels: C_in.
        num_classes: of the classifier, which has no bias.
        channels: of the sum.
        dropout: probability of dropping a whole channel.
    """

    def __init__(self, in_channels: int, num_classes: int, channels: int = 256, dropout: float = 0.1) -> None:
        super().__init__()
        self.conv2d_list = MultiRateClassifier(in_channels, channels).conv2d_list
        classifier = nn.Conv2d(channels, num_classes, 1, bias=False)
        nn.init.normal_(classifier.weight, std=0.01)
        self.head = nn.Sequential(nn.Dropout2d(dropout), classifier)

    def feature(self, x: Tensor) -> Tensor:
        """The sum (B, channels, h, w), before dropout; neither norm nor activation."""
        total: Tensor = self.conv2d_list[0](x)
        for conv in self.conv2d_list[1:]:
            total = total + conv(x)
        return total

    def forward(self, x: Tensor) -> Tensor:
        """Logits."""
        logits: Tensor = self.head(self.feature(x))
        return logits


@DECODERS.register("accel")
class AccelDecoder(nn.Module):
    """``layer7`` on the last feature and ``layer5`` (auxiliary) on the second to last: (main, auxiliary) logits.

    Args:
        in_channels: channels of the encoder's features, finest first.
        num_classes: C.
    """

    multi_level = True

    def __init__(self, in_channels: Sequence[int], num_classes: int = 19) -> None:
        super().__init__()
        self.num_classes = num_classes
        self.layer5 = MultiRateClassifier(in_channels[-2], num_classes)
        self.layer7 = MultiRateHead(in_channels[-1], num_classes)

    def forward(self, features: Sequence[Tensor]) -> Tensor:
        """Main logits (B, C, h, w) at the last feature's stride."""
        logits: Tensor = self.layer7(features[-1])
        return logits

    def forward_all(self, features: Sequence[Tensor]) -> tuple[Tensor, ...]:
        """``(main, auxiliary)`` logits."""
        return self(features), self.layer5(features[-2])


class AccelDeepLabV2(ClipNetwork):
    """Two frames through DeepLab-v2: RGB in [0, 1] -> logits (B, C, h, w) at stride 8, resized with aligned corners.

    512 x 1024 gives 65 x 129, 720 x 1280 91 x 161. ``decode_all`` and ``forward_clip`` give (main, auxiliary).

    Args:
        num_classes: C.
        depth: of the ResNet.
        teacher: the network whose weights the published training starts from and that labels first: its main
            classifier is ``layer6`` of DeepLab-v2 instead of ``layer7``.
    """

    published_prefixes: ClassVar[dict[str, str]] = {
        **{f"{name}.": f"encoder.{name}." for name in ("conv1", "bn1", "layer1", "layer2", "layer3", "layer4")},
        **{f"{name}.": f"decoder.{name}." for name in ("layer5", "layer6", "layer7")},
        "sf_layer.": "sf_layer.",
    }

    def __init__(self, num_classes: int = 19, *, depth: int = 101, teacher: bool = False) -> None:
        encoder = resnet101_caffe_d8(depth=depth)
        decoder = (DeepLabV2Decoder if teacher else AccelDecoder)(encoder.channels, num_classes)
        super().__init__(encoder, decoder, encoder.stats, align_corners=True)


NETWORKS.add("accel_resnet101", AccelDeepLabV2)
NETWORKS.add("accel_resnet101_teacher", partial(AccelDeepLabV2, teacher=True))
