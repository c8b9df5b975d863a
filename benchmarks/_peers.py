"""Networks of ours and of other packages, by name, each built with random weights and read at its last map."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import timm
from torch import Tensor, nn
from torchvision.models import segmentation

from udalib.models import create_encoder, create_network

OTHER_HEAD = "another head on the same kind of ResNet and output stride"


class Read(nn.Module):
    """``module`` with ``read(module, images)`` as its forward pass, so that all timed outputs are alike."""

    def __init__(self, module: nn.Module, read: Callable[[Any, Tensor], Tensor]) -> None:
        super().__init__()
        self.module = module
        self.read = read

    def forward(self, images: Tensor) -> Tensor:
        """(B, 3, H, W) -> one map at the network's stride."""
        return self.read(self.module, images)


def encoder(name: str) -> nn.Module:
    """Our encoder, read at its coarsest feature."""
    return Read(create_encoder(name), lambda body, x: body(x)[-1])


def timm_encoder(name: str) -> nn.Module:
    """Timm's own feature extractor, read at its coarsest feature."""
    return Read(timm.create_model(name, pretrained=False, features_only=True), lambda body, x: body(x)[-1])


def torchvision_network(name: str) -> nn.Module:
    """Torchvision's network, read before the resizing to the image size, which ours leave to the caller too."""
    network = getattr(segmentation, name)(weights=None, weights_backbone=None, num_classes=19)
    single = name.startswith("deeplab")  # LR-ASPP's classifier reads two features
    return Read(network, lambda n, x: n.classifier(n.backbone(x)["out"] if single else n.backbone(x)))


SEGFORMER = {
    "b0": {"hidden_sizes": [32, 64, 160, 256], "depths": [2, 2, 2, 2], "decoder_hidden_size": 256},
    "b2": {"hidden_sizes": [64, 128, 320, 512], "depths": [3, 4, 6, 3], "decoder_hidden_size": 768},
}
"""What tells the sizes of transformers' SegFormer apart."""


def transformers_network(name: str) -> nn.Module:
    """SegFormer of the package transformers, from a configuration."""
    from transformers import SegformerConfig, SegformerForSemanticSegmentation

    sizes = SEGFORMER[name.removeprefix("segformer-")]
    network = SegformerForSemanticSegmentation(SegformerConfig(num_labels=19, **sizes))
    return Read(network, lambda n, x: n(x).logits)


def smp_network(name: str) -> nn.Module:
    """A network of segmentation_models_pytorch, without the resizing at its end."""
    import segmentation_models_pytorch as smp

    kind, _, encoder_name = name.partition("-")
    strides = {"encoder_output_stride": 8} if kind.startswith("DeepLab") else {}
    network = getattr(smp, kind)(encoder_name, encoder_weights=None, classes=19, **strides)
    return Read(network, lambda n, x: n.segmentation_head[0](n.decoder(n.encoder(x))))


@dataclass(frozen=True)
class Pair:
    """One of ours ("encoder NAME" or a network's name), its peer, and how the two differ beside the code."""

    ours: str
    peer: str | None = None
    difference: str = ""

    @property
    def name(self) -> str:
        """Both sides."""
        return self.ours if self.peer is None else f"{self.ours} / {self.peer}"

    def build(self, name: str) -> nn.Module:
        """Build either side by its name here."""
        kind, _, rest = name.rpartition(" ")
        builders = {"encoder": encoder, "timm": timm_encoder, "torchvision": torchvision_network}
        builders |= {"transformers": transformers_network, "smp": smp_network}
        return builders[kind](rest) if kind else create_network(name, num_classes=19)


PAIRS = (
    Pair("encoder resnet50_v1c", "timm resnet50c", "none: the same layers"),
    Pair("dlv3p-resnet50_v1c_d8", "torchvision deeplabv3_resnet50", f"{OTHER_HEAD}; ours adds a stride-4 feature"),
    Pair("dlv2red-resnet101_v1c_d8", "torchvision deeplabv3_resnet101", OTHER_HEAD),
    Pair("adaptsegnet_resnet101", "torchvision deeplabv3_resnet101", OTHER_HEAD),
    Pair("light_fpn-mobilenetv2", "torchvision lraspp_mobilenet_v3_large", "another encoder and head, like purpose"),
    Pair("encoder mit_b2", "timm pvt_v2_b2", "the closest relative: other MLP ratios in the first two stages"),
    Pair("segformer-mit_b0", "transformers segformer-b0", "none: as many parameters"),
    Pair("segformer-mit_b0", "smp Segformer-mit_b0", "another head on the same encoder"),
    Pair("segformer-mit_b2", "transformers segformer-b2", "none: as many parameters"),
    Pair(
        "dlv3p-resnet50_v1c_d8", "smp DeepLabV3Plus-resnet50", "another stem and head widths, the same kind of network"
    ),
    Pair("daformer-mit_b5"),
    Pair("streets"),
)


OURS = list(dict.fromkeys(pair.ours for pair in PAIRS))
