"""Decoder and encoder pairs with published weights or results, so that they are listed; any other pair works too."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from udalib.models.mit import MIT_CONFIGS
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


for _encoder in MIT_CONFIGS:
    NETWORKS.add(f"segformer-{_encoder}", partial(segformer, _encoder))
    NETWORKS.add(f"daformer-{_encoder}", partial(combine, "daformer", _encoder))
NETWORKS.add("upernet-mit_b5", partial(combine, "upernet", "mit_b5"))
