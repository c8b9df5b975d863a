"""Where one query of a Mix Transformer looks, as maps."""

from __future__ import annotations

from torch import Tensor, nn

from udalib.core.errors import ConfigError
from udalib.models import attention_maps


def query_attention(
    encoder: nn.Module, images: Tensor, stage: int, block: int = -1, query: tuple[float, float] = (0.5, 0.5)
) -> Tensor:
    """Attention of one query token of the first image: (heads, h, w), each head's map sums to 1.

    Args:
        encoder: a MiT encoder.
        images: normalised batch (B, 3, H, W).
        stage: 1 to 4.
        block: index within the stage; -1 is its last block.
        query: (x, y) of the query in fractions of width and height.

    (h, w) is the reduced map of the keys: the stage's map divided by its reduction (8, 4, 2, 1).
    """
    if not all(0 <= part <= 1 for part in query):
        raise ConfigError(f"the query point is (x, y) in fractions of the image, each in [0, 1]; got {query}.")
    weights, (height, width), keys = attention_maps(encoder, images[:1], stage, block)
    row, column = min(int(query[1] * height), height - 1), min(int(query[0] * width), width - 1)
    return weights[0, :, row * width + column].reshape(-1, *keys)
