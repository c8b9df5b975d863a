"""ResNet encoders under their published parameter names: mmsegmentation's v1/v1c and the Caffe kind of DeepLab-v2.

He et al., "Deep Residual Learning for Image Recognition", CVPR 2016. The kinds differ in four places, each a keyword
of :class:`ResNet`: the stem (7x7, or three 3x3 convolutions in "v1c"), the layer that carries a bottleneck's stride
(the 3x3; the first 1x1 in Caffe), the rounding of the max pooling (ceil in DeepLab-v2), and the dilation of the first
block of a dilated stage (halved, "contracted", in mmsegmentation; full in DeepLab-v2).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial
from typing import Any

import torch.nn.functional as F
from torch import Tensor, nn

from udalib.core.errors import ConfigError
from udalib.models.network import CAFFE, IMAGENET, InputStats
from udalib.models.norm import KeepsStatistics, freeze_affine
from udalib.models.registry import ENCODERS


class BasicBlock(nn.Module):
    """Two 3x3 convolutions and a shortcut (ResNet-18/34): (B, C, H, W) -> (B, width, H / stride, W / stride)."""

    expansion = 1

    def __init__(
        self, in_channels: int, width: int, *, stride: int = 1, dilation: int = 1, caffe: bool = False
    ) -> None:
        super().__init__()
        del caffe  # both kinds agree: the first 3x3 convolution carries the stride
        self.conv1 = _conv3x3(in_channels, width, stride, dilation)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = _conv3x3(width, width)
        self.bn2 = nn.BatchNorm2d(width)
        self.downsample = _projection(in_channels, width, stride)

    def forward(self, x: Tensor) -> Tensor:
        """Transform and add to the shortcut."""
        out = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        return F.relu(out + (x if self.downsample is None else self.downsample(x)))


class Bottleneck(nn.Module):
    """1x1, 3x3, 1x1 convolutions and a shortcut: (B, C, H, W) -> (B, 4 * width, H / stride, W / stride).

    ``caffe`` puts the stride on the first 1x1 convolution instead of the 3x3: equal parameter names and shapes, another
    function, so weights of one kind load silently into the other and give wrong features.
    """

    expansion = 4

    def __init__(
        self, in_channels: int, width: int, *, stride: int = 1, dilation: int = 1, caffe: bool = False
    ) -> None:
        super().__init__()
        out_channels = width * self.expansion
        first, second = (stride, 1) if caffe else (1, stride)
        self.conv1 = nn.Conv2d(in_channels, width, 1, stride=first, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = _conv3x3(width, width, second, dilation)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, out_channels, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(out_channels)
        self.downsample = _projection(in_channels, out_channels, stride)

    def forward(self, x: Tensor) -> Tensor:
        """Transform and add to the shortcut."""
        out = F.relu(self.bn1(self.conv1(x)))
        out = self.bn3(self.conv3(F.relu(self.bn2(self.conv2(out)))))
        return F.relu(out + (x if self.downsample is None else self.downsample(x)))


def _conv3x3(in_channels: int, out_channels: int, stride: int = 1, dilation: int = 1) -> nn.Conv2d:
    return nn.Conv2d(in_channels, out_channels, 3, stride=stride, padding=dilation, dilation=dilation, bias=False)


def _projection(in_channels: int, out_channels: int, stride: int) -> nn.Sequential | None:
    if stride == 1 and in_channels == out_channels:
        return None
    conv = nn.Conv2d(in_channels, out_channels, 1, stride=stride, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(out_channels))


_DEPTHS: dict[int, tuple[type[BasicBlock] | type[Bottleneck], tuple[int, int, int, int]]] = {
    18: (BasicBlock, (2, 2, 2, 2)),
    34: (BasicBlock, (3, 4, 6, 3)),
    50: (Bottleneck, (3, 4, 6, 3)),
    101: (Bottleneck, (3, 4, 23, 3)),
    152: (Bottleneck, (3, 8, 36, 3)),
}


class ResNet(KeepsStatistics):
    """Encoder: normalised (B, 3, H, W) float -> four maps with ``channels`` at ``strides``, finest first.

    Convolutions start from Kaiming's normal distribution (fan-out).

    >>> ResNet(18, strides=(1, 2, 1, 1), dilations=(1, 1, 2, 4)).strides
    (4, 8, 8, 8)

    Args:
        depth: 18, 34, 50, 101 or 152.
        strides: stride of the first block of each stage; the stem adds a factor of 4.
        dilations: dilation of each stage's 3x3 convolutions.
        contract_dilation: halve the dilation in the first block of a dilated stage.
        deep_stem: three 3x3 convolutions (32, 32, 64 channels; "v1c") instead of one 7x7.
        caffe: a bottleneck's stride on its first 1x1 convolution, see :class:`Bottleneck`.
        ceil_mode: round up in the max pooling: 1 + ceil((n - 1) / 2) positions instead of 1 + floor.
        frozen_affine: BatchNorm weights and biases get no gradient; the statistics still follow the batches.
        freeze_bn: BatchNorm uses its running statistics in training too, and its affine parameters are frozen.
        stats: input statistics of the weights that will be loaded.

    Raises:
        ConfigError: for another depth or not exactly four strides and dilations.
    """

    def __init__(
        self,
        depth: int = 101,
        *,
        strides: Sequence[int] = (1, 2, 2, 2),
        dilations: Sequence[int] = (1, 1, 1, 1),
        contract_dilation: bool = False,
        deep_stem: bool = False,
        caffe: bool = False,
        ceil_mode: bool = False,
        frozen_affine: bool = False,
        freeze_bn: bool = False,
        stats: InputStats = IMAGENET,
    ) -> None:
        super().__init__()
        if depth not in _DEPTHS:
            raise ConfigError(f"ResNet depth {depth!r} is not defined; choose one of {sorted(_DEPTHS)}.")
        if len(strides) != 4 or len(dilations) != 4:
            raise ConfigError(f"a ResNet has 4 stages, so 4 strides and 4 dilations; got {strides} and {dilations}.")
        block, counts = _DEPTHS[depth]
        self.stats = stats
        self.channels = tuple(64 * 2**stage * block.expansion for stage in range(4))
        self.strides = tuple(4 * math.prod(strides[: stage + 1]) for stage in range(4))
        self._add_stem(deep_stem)
        self.maxpool = nn.MaxPool2d(3, stride=2, padding=1, ceil_mode=ceil_mode)
        self.layers = tuple(f"layer{stage + 1}" for stage in range(4))
        in_channels = 64
        for stage, name in enumerate(self.layers):
            dilation = dilations[stage]
            first = dilation // 2 if contract_dilation and dilation > 1 else dilation
            width = 64 * 2**stage
            blocks = [block(in_channels, width, stride=strides[stage], dilation=first, caffe=caffe)]
            in_channels = self.channels[stage]
            blocks += [block(in_channels, width, dilation=dilation, caffe=caffe) for _ in range(counts[stage] - 1)]
            self.add_module(name, nn.Sequential(*blocks))
        init_kaiming(self)
        if frozen_affine:
            freeze_affine(self)
        if freeze_bn:
            self.freeze_batch_norm()

    def _add_stem(self, deep: bool) -> None:
        if not deep:
            self.conv1 = nn.Conv2d(3, 64, 7, stride=2, padding=3, bias=False)
            self.bn1 = nn.BatchNorm2d(64)
            return
        modules: list[nn.Module] = []
        for in_channels, out_channels, stride in ((3, 32, 2), (32, 32, 1), (32, 64, 1)):
            modules += [_conv3x3(in_channels, out_channels, stride), nn.BatchNorm2d(out_channels), nn.ReLU()]
        self.stem = nn.Sequential(*modules)

    def forward(self, x: Tensor) -> list[Tensor]:
        """Outputs of layer1 .. layer4 for a normalised batch ``x`` (B, 3, H, W)."""
        x = self.stem(x) if hasattr(self, "stem") else F.relu(self.bn1(self.conv1(x)))
        x = self.maxpool(x)
        features = []
        for name in self.layers:
            x = self.get_submodule(name)(x)
            features.append(x)
        return features


def init_kaiming(module: nn.Module) -> None:
    """Draw every convolution below ``module`` from Kaiming's normal distribution (fan-out, ReLU gain), biases 0."""
    for layer in module.modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)


def _v1c(depth: int, **options: Any) -> ResNet:
    return ResNet(depth, deep_stem=True, **options)


_D8: dict[str, Any] = {"strides": (1, 2, 1, 1), "dilations": (1, 1, 2, 4)}

ENCODERS.add("resnet50_v1c", partial(_v1c, 50))
ENCODERS.add("resnet101_v1c", partial(_v1c, 101))
ENCODERS.add("resnet50_v1c_d8", partial(_v1c, 50, contract_dilation=True, **_D8))
ENCODERS.add("resnet101_v1c_d8", partial(_v1c, 101, contract_dilation=True, **_D8))


def resnet101_caffe_d8(depth: int = 101, **options: Any) -> ResNet:
    """The ResNet-101 of DeepLab-v2 (AdaptSegNet, ADVENT): Caffe strides, ceil-mode pooling, BGR input, stride 8.

    BatchNorm's affine parameters are frozen, its statistics are not: in training they follow every batch, source
    and target alike, as in the published code. Convolutions start from N(0, 0.01^2).
    """
    encoder = ResNet(depth, caffe=True, ceil_mode=True, frozen_affine=True, stats=CAFFE, **{**_D8, **options})
    for layer in encoder.modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.normal_(layer.weight, std=0.01)
    return encoder


ENCODERS.add("resnet101_caffe_d8", resnet101_caffe_d8)

for _depth in (18, 50, 101):
    ENCODERS.add(f"resnet{_depth}", partial(ResNet, _depth))
