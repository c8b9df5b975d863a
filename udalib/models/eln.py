"""The error localisation network: which pixels of a segmentation are right, seen from image, entropy and logits.

Kwon & Kwak, "Semi-supervised Semantic Segmentation with Error Localization Network", CVPR 2022 (eln sheet, section
2.2). Parameters have their published names.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from udalib.core.errors import ConfigError
from udalib.models.eln_host import RATES, STRIDES, DenseASPP, Trunk, two_layers
from udalib.models.encoders.resnet import init_kaiming
from udalib.models.weights.files import find_weights, read_pickle
from udalib.models.weights.load import LoadReport, load_published
from udalib.ops.losses import at_least_float32
from udalib.ops.resize import resize

INPUTS = ("image", "entropy", "logits")


class ShortcutBlock(nn.Module):
    """ResNet's basic block whose projection is called ``shortcut``: (B, C, H, W) -> (B, width, H/stride, W/stride)."""

    def __init__(self, in_channels: int, width: int, stride: int = 1) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, width, 3, stride=stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        projection = nn.Conv2d(in_channels, width, 1, stride=stride, bias=False)
        same = stride == 1 and in_channels == width
        self.shortcut = None if same else nn.Sequential(projection, nn.BatchNorm2d(width))

    def forward(self, x: Tensor) -> Tensor:
        """Transform and add to the shortcut."""
        out = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        return F.relu(out + (x if self.shortcut is None else self.shortcut(x)))


class ShortcutResNet(nn.Module):
    """ResNet of basic blocks whose late stages are not strided: (B, in_channels, H, W) -> four maps, finest first.

    ``blocks`` (3, 4, 6, 3) and ``width`` 64 make a ResNet-34; the maps have strides 4, 8, 16, 16 at output stride 16.
    The published code asks for dilation in the last stage, but its basic block ignores it; so does this one.

    Raises:
        ConfigError: not four stages, or another output stride than 8 or 16.
    """

    def __init__(self, in_channels: int, blocks: Sequence[int], width: int, output_stride: int = 16) -> None:
        super().__init__()
        if len(blocks) != 4 or output_stride not in STRIDES:
            raise ConfigError(f"the backbone has 4 stages and output stride 8 or 16; got {blocks} and {output_stride}.")
        self.conv1 = nn.Conv2d(in_channels, width, 7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.channels = tuple(width * 2**stage for stage in range(len(blocks)))
        previous = width
        for stage, (count, wide) in enumerate(zip(blocks, self.channels, strict=True)):
            first = ShortcutBlock(previous, wide, STRIDES[output_stride][stage])
            rest = (ShortcutBlock(wide, wide) for _ in range(count - 1))
            self.add_module(f"layer{stage + 1}", nn.Sequential(first, *rest))
            previous = wide
        for name, child in self.named_children():
            if name != "conv1":  # the first convolution keeps PyTorch's initialisation
                init_kaiming(child)

    def forward(self, x: Tensor) -> list[Tensor]:
        """Outputs of the stages, finest first."""
        x = F.max_pool2d(F.relu(self.bn1(self.conv1(x))), 3, stride=2, padding=1)
        maps = []
        for stage in range(len(self.channels)):
            x = self.get_submodule(f"layer{stage + 1}")(x)
            maps.append(x)
        return maps

    def load_pretrained(self, weights: str | os.PathLike[str], *, official: bool = False) -> LoadReport:
        """Take over a ResNet's ImageNet weights, all but the first convolution, which has other inputs.

        Args:
            weights: torchvision's or timm's file (names ``layer2.0.downsample.0.weight``).
            official: the projections stay at random values, because the published code looks for them under the name
                ``shortcut`` and skips what it does not find. By default they are loaded too.
        """
        names = [f"layer{stage}.0." for stage in range(1, len(self.channels) + 1)]
        renames = {} if official else {f"{name}downsample.": f"{name}shortcut." for name in names}
        self.published_prefixes = renames
        return load_published(self, weights, skip=("conv1.", "fc."))


class ErrorLocalizationNetwork(nn.Module):
    """Image and logits of some decoder -> one logit a pixel: sigmoid = probability that the decoder's class is right.

    Args:
        num_classes: C of the logits that are judged.
        blocks, width: of the backbone; (3, 4, 6, 3) and 64 are the published ResNet-34.
        channels, low_channels: width of ASPP and trunk, and of the reduced fine feature.
        output_stride: of the backbone, 16 or 8.
        rates: dilations of the ASPP; None = those for the output stride.
        inputs: what it sees, of "image", "entropy", "logits" (all three as published; fewer for an ablation).
        outputs: channels of the output: 1, or C for a network that corrects labels.

    Raises:
        ConfigError: no input, an unknown one, or one twice.
    """

    def __init__(
        self,
        num_classes: int = 21,
        *,
        blocks: Sequence[int] = (3, 4, 6, 3),
        width: int = 64,
        channels: int = 256,
        low_channels: int = 48,
        output_stride: int = 16,
        rates: Sequence[int] | None = None,
        inputs: Sequence[str] = INPUTS,
        outputs: int = 1,
    ) -> None:
        super().__init__()
        if not inputs or len(set(inputs)) != len(inputs) or not set(inputs) <= set(INPUTS):
            raise ConfigError(f"inputs of the error localisation network are {tuple(inputs)}; choose from {INPUTS}.")
        self.inputs = tuple(name for name in INPUTS if name in inputs)
        widths = {"image": 3, "entropy": 1, "logits": num_classes}
        self.backbone = ShortcutResNet(sum(widths[name] for name in self.inputs), blocks, width, output_stride)
        self.aspp = DenseASPP(self.backbone.channels[-1], channels, rates or RATES[output_stride], dropout=0.5)
        self.decoder = Trunk(self.backbone.channels[0], low_channels, channels)
        self.classifier = two_layers(channels, outputs)

    def evidence(self, images: Tensor, logits: Tensor) -> Tensor:
        """What the backbone sees: [image, entropy in nats, logits], (B, 4 + C, H, W); takes no gradient to ``logits``.

        Raw logits, not probabilities: another scale is another function.
        """
        large = resize(at_least_float32(logits.detach()), images.shape[-2:], align_corners=True)
        parts = {"image": images, "entropy": entropy_nats(large)[:, None], "logits": large}
        return torch.cat([parts[name] for name in self.inputs], dim=1)

    def forward(self, images: Tensor, logits: Tensor) -> Tensor:
        """Verdict on ``logits`` (B, C, h, w) of normalised ``images`` (B, 3, H, W): logit (B, 1, H / 4, W / 4)."""
        fine, *_, coarse = self.backbone(self.evidence(images, logits))
        verdict: Tensor = self.classifier(self.decoder(self.aspp(coarse), fine))
        return verdict


def entropy_nats(logits: Tensor) -> Tensor:
    """Entropy of each pixel's soft-max: (B, C, H, W) -> (B, H, W) in [0, ln C]."""
    return -(logits.softmax(1) * logits.log_softmax(1)).sum(1)


def load_eln_checkpoint(
    parts: dict[str, nn.Module], checkpoint: str | os.PathLike[str] | dict[str, Any]
) -> dict[str, LoadReport]:
    """Load a published checkpoint, a dict of state dicts, into ``parts``; every part must fit completely.

    Args:
        parts: module by key of the checkpoint: "enc_state_dict" (an encoder; the file's names begin with "backbone."),
            "dec_state_dict", "eln_state_dict", "dec_0", "dec_1". Keys may be left out. The teacher is in no checkpoint.
        checkpoint: the file, or the dict itself.

    Raises:
        CheckpointError: the file is unusable, or a part does not fit.
        ConfigError: the checkpoint lacks a key.
    """
    whole = checkpoint if isinstance(checkpoint, dict) else read_pickle(find_weights(checkpoint))
    if not isinstance(whole, dict):
        raise ConfigError(f"the checkpoint holds a {type(whole).__name__}, not a dict of state dicts.")
    lacking = [key for key in parts if key not in whole]
    if lacking:
        raise ConfigError(f"the checkpoint has {sorted(whole)}, but not {', '.join(lacking)}; it is none of ELN's.")
    prefixes = {"enc_state_dict": "backbone."}
    return {
        key: load_published(module, whole[key], prefix=prefixes.get(key, ""), strict=True)
        for key, module in parts.items()
    }
