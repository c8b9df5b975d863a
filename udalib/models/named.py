"""Networks with a published number, and DeepLab-v3+ on any encoder, so that they are listed; any pair works too."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, cast

from udalib.models.encoders.mit import MIT_CONFIGS
from udalib.models.heads.deeplab_v3plus import DeepLabV3PlusHead
from udalib.models.network import SegmentationNetwork
from udalib.models.registry import NETWORKS, combine


def segformer(
    encoder: str, num_classes: int = 19, *, decoder_options: Mapping[str, Any] | None = None, **options: Any
) -> SegmentationNetwork:
    """SegFormer with the published decoder width: 256 channels for B0 and B1, 768 for the others."""
    width = 256 if encoder in ("mit_b0", "mit_b1") else 768
    return combine(
        "segformer", encoder, num_classes, decoder_options={"embed_dim": width, **(decoder_options or {})}, **options
    )


def deeplab_v3plus(
    num_classes: int = 19,
    *,
    encoder: str = "resnet50_v1c_d8",
    decoder_options: Mapping[str, Any] | None = None,
    **options: Any,
) -> SegmentationNetwork:
    """DeepLab-v3+ on any encoder: RGB (B, 3, H, W) in [0, 1] -> logits (B, C, h, w) at the finest feature's stride.

    A last feature of a stride above 8 is enlarged to stride 8, as the published networks have it: by 4 for a Mix
    Transformer, not at all for a ResNet dilated to stride 8; ``decoder_options`` (those of
    :class:`~udalib.models.heads.deeplab_v3plus.DeepLabV3PlusHead`) may say otherwise. ``options`` are those of
    :func:`~udalib.models.registry.combine`.
    """
    network = combine("dlv3p", encoder, num_classes, decoder_options=decoder_options, **options)
    if "top_scale" not in (decoder_options or {}):
        strides = cast(tuple[int, ...], network.encoder.strides)
        cast(DeepLabV3PlusHead, network.decoder).top_scale = max(1, strides[-1] // 8)
    return network


for _encoder in MIT_CONFIGS:
    NETWORKS.add(f"segformer-{_encoder}", partial(segformer, _encoder))
    NETWORKS.add(f"daformer-{_encoder}", partial(combine, "daformer", _encoder))
NETWORKS.add("upernet-mit_b5", partial(combine, "upernet", "mit_b5"))
NETWORKS.add("deeplab_v3plus", deeplab_v3plus)
for _encoder in ("resnet50_v1c_d8", "resnet101_v1c_d8", *MIT_CONFIGS):
    NETWORKS.add(f"dlv3p-{_encoder}", partial(deeplab_v3plus, encoder=_encoder))
for _decoder in ("dlv2red", "da", "isa"):
    NETWORKS.add(f"{_decoder}-resnet101_v1c_d8", partial(combine, _decoder, "resnet101_v1c_d8"))
