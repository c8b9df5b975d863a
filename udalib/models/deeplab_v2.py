"""DeepLab-v2 as AdaptSegNet and ADVENT use it: multi-level, single-head and VGG-16, under the official parameter names.

Chen et al., "DeepLab: Semantic Image Segmentation with Deep Convolutional Nets, Atrous Convolution, and Fully Connected
CRFs", TPAMI 2018; the networks of Tsai et al., CVPR 2018 (AdaptSegNet) and Vu et al., CVPR 2019 (ADVENT).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import ClassVar

from torch import Tensor, nn

from udalib.core.errors import ConfigError
from udalib.models.encoders.resnet import resnet101_caffe_d8
from udalib.models.network import CAFFE, InputStats, SegmentationNetwork
from udalib.models.registry import DECODERS, ENCODERS, NETWORKS

RATES = (6, 12, 18, 24)


class MultiRateClassifier(nn.Module):
    """Sum of parallel dilated 3x3 convolutions with bias: (B, C_in, h, w) -> logits (B, classes, h, w).

    Four convolutions (rates 6, 12, 18, 24) exist and ``active_branches`` of them are summed. In AdaptSegNet's released
    code the return statement stands inside the summation loop, so only the first two count; the others get no gradient
    and never change. Its checkpoints therefore need ``active_branches=2``: with 4, untrained numbers are added.

    Raises:
        ConfigError: unless 1 <= ``active_branches`` <= 4.
    """

    def __init__(self, in_channels: int, num_classes: int, active_branches: int = 4) -> None:
        super().__init__()
        if not 1 <= active_branches <= len(RATES):
            raise ConfigError(f"active_branches={active_branches} must be 1 to {len(RATES)}; 2 is AdaptSegNet's code.")
        self.active_branches = active_branches
        self.conv2d_list = nn.ModuleList(
            nn.Conv2d(in_channels, num_classes, 3, padding=rate, dilation=rate) for rate in RATES
        )
        for conv in self.conv2d_list:
            nn.init.normal_(conv.weight, std=0.01)  # type: ignore[arg-type]

    def forward(self, x: Tensor) -> Tensor:
        """Sum the active branches."""
        branches = list(self.conv2d_list)[: self.active_branches]
        logits: Tensor = branches[0](x)
        for branch in branches[1:]:
            logits = logits + branch(x)
        return logits


@DECODERS.register("deeplab_v2")
class DeepLabV2Decoder(nn.Module):
    """Classifier on the last feature and, with ``multi_level``, an auxiliary one on the second to last.

    Args:
        in_channels: channels of the encoder's features, finest first.
        num_classes: C.
        multi_level: build the auxiliary classifier, ``layer5``; the main one is then ``layer6``.
        main: name of the main classifier. Default ``layer6`` with the auxiliary classifier, ``layer5`` without
            (AdaptSegNet's single-head network); ADVENT calls it ``layer6`` in both cases.
        active_branches: see :class:`MultiRateClassifier`.
    """

    def __init__(
        self,
        in_channels: Sequence[int],
        num_classes: int = 19,
        *,
        multi_level: bool = True,
        main: str | None = None,
        active_branches: int = 4,
    ) -> None:
        super().__init__()
        self.num_classes = num_classes
        self.multi_level = multi_level
        self.main = main or ("layer6" if multi_level else "layer5")
        if self.main not in ("layer5", "layer6") or (multi_level and self.main == "layer5"):
            raise ConfigError(f"main={main!r} with multi_level={multi_level}: use 'layer6', or 'layer5' for one level.")
        if multi_level:
            self.layer5 = MultiRateClassifier(in_channels[-2], num_classes, active_branches)
        self.add_module(self.main, MultiRateClassifier(in_channels[-1], num_classes, active_branches))

    def forward(self, features: Sequence[Tensor]) -> Tensor:
        """Main logits (B, C, h, w) at the last feature's stride."""
        logits: Tensor = self.get_submodule(self.main)(features[-1])
        return logits

    def forward_all(self, features: Sequence[Tensor]) -> tuple[Tensor, ...]:
        """``(main, auxiliary)`` logits, or ``(main,)`` for a single level."""
        main = self.forward(features)
        return (main, self.layer5(features[-2])) if self.multi_level else (main,)


class DeepLabV2(SegmentationNetwork):
    """DeepLab-v2 on the Caffe-style ResNet-101: RGB (B, 3, H, W) in [0, 1] -> logits (B, C, h, w) at stride 8.

    ``decode_all`` returns (main, auxiliary). A side of n pixels gives 1 + floor((b - 1) / 2) positions with
    b = 1 + ceil((a - 1) / 2), a = 1 + floor((n - 1) / 2): 512 -> 65, 1024 -> 129. Logits are resized with
    ``align_corners=True``; with False the published AdaptSegNet model loses 1.6 mIoU.

    ``active_branches=2`` is what AdaptSegNet's code computes and its checkpoints need, 4 (default) what the paper and
    ADVENT mean; other keywords as in :class:`DeepLabV2Decoder`.
    """

    published_prefixes: ClassVar[dict[str, str]] = {
        **{f"{name}.": f"encoder.{name}." for name in ("conv1", "bn1", "layer1", "layer2", "layer3", "layer4")},
        **{f"{name}.": f"decoder.{name}." for name in ("layer5", "layer6")},
    }

    def __init__(
        self,
        num_classes: int = 19,
        *,
        depth: int = 101,
        multi_level: bool = True,
        main: str | None = None,
        active_branches: int = 4,
        freeze_bn: bool = False,
    ) -> None:
        encoder = resnet101_caffe_d8(depth=depth, freeze_bn=freeze_bn)
        decoder = DeepLabV2Decoder(
            encoder.channels, num_classes, multi_level=multi_level, main=main, active_branches=active_branches
        )
        super().__init__(encoder, decoder, encoder.stats, align_corners=True)


@ENCODERS.register("vgg16_deeplab")
class VGG16(nn.Module):
    """VGG-16 without its last two poolings, conv5 dilated by 2, fc6/fc7 as 3x3 convolutions dilated by 4.

    Normalised (B, 3, H, W) -> maps after conv3_3, conv4_3 and fc7: 256, 512, 1024 channels at strides 4, 8, 8.
    All 33 modules sit in ``features`` under torchvision's indices. No BatchNorm, no dropout.
    """

    channels: tuple[int, ...] = (256, 512, 1024)
    strides: tuple[int, ...] = (4, 8, 8)
    stats: InputStats = CAFFE
    taps = (15, 22, 32)

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        in_channels = 3
        for width, convolutions in ((64, 2), (128, 2), (256, 3), (512, 3)):
            for _ in range(convolutions):
                layers += [nn.Conv2d(in_channels, width, 3, padding=1), nn.ReLU()]
                in_channels = width
            if width < 512:
                layers.append(nn.MaxPool2d(2, stride=2))
        for width, dilation in ((512, 2), (512, 2), (512, 2), (1024, 4), (1024, 4)):
            layers += [nn.Conv2d(in_channels, width, 3, padding=dilation, dilation=dilation), nn.ReLU()]
            in_channels = width
        self.features = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> list[Tensor]:
        """Features at :attr:`taps`."""
        outputs = []
        for i, layer in enumerate(self.features):
            x = layer(x)
            if i in self.taps:
                outputs.append(x)
        return outputs


class _VGGDecoder(nn.Module):
    def __init__(self, num_classes: int, active_branches: int) -> None:
        super().__init__()
        self.num_classes = num_classes
        self.classifier = MultiRateClassifier(1024, num_classes, active_branches)

    def forward(self, features: Sequence[Tensor]) -> Tensor:
        logits: Tensor = self.classifier(features[-1])
        return logits


class DeepLabV2VGG(SegmentationNetwork):
    """DeepLab-v2 on VGG-16: RGB (B, 3, H, W) in [0, 1] -> logits (B, C, H // 8, W // 8).

    ``active_branches`` as in :class:`DeepLabV2`.
    """

    published_prefixes: ClassVar[dict[str, str]] = {
        "features.": "encoder.features.",
        "classifier.": "decoder.classifier.",
    }

    def __init__(self, num_classes: int = 19, *, active_branches: int = 4) -> None:
        super().__init__(VGG16(), _VGGDecoder(num_classes, active_branches), CAFFE, align_corners=True)


NETWORKS.add("deeplab_v2_resnet101", partial(DeepLabV2, multi_level=False))
NETWORKS.add("adaptsegnet_resnet101", partial(DeepLabV2, active_branches=2))
NETWORKS.add("adaptsegnet_resnet101_single", partial(DeepLabV2, active_branches=2, multi_level=False))
NETWORKS.add("adaptsegnet_vgg16", partial(DeepLabV2VGG, active_branches=2))
NETWORKS.add("advent_resnet101", partial(DeepLabV2, active_branches=4, main="layer6"))
