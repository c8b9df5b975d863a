"""Attention weights of a Mix Transformer, read while it runs."""

from __future__ import annotations

import torch
from torch import Tensor

from udalib.core.errors import ConfigError
from udalib.models.mit import MixTransformer
from udalib.models.mit_blocks import Attention


@torch.no_grad()
def attention_maps(
    encoder: MixTransformer, images: Tensor, *, stage: int, block: int = -1, query: tuple[float, float] = (0.5, 0.5)
) -> Tensor:
    """Where one query token of the first image looks: (heads, h, w), each head's map sums to 1.

    Args:
        encoder: a MiT encoder.
        images: normalised batch (B, 3, H, W); only the first image is shown.
        stage: 1 to 4.
        block: index within the stage; -1 is its last block.
        query: (x, y) of the query in fractions of width and height.

    (h, w) is the reduced map of the keys: the stage's map divided by its reduction (8, 4, 2, 1).
    """
    if not 1 <= stage <= len(encoder.channels):
        raise ConfigError(f"stage must be 1 to {len(encoder.channels)}, got {stage}.")
    seen: list[tuple[Tensor, tuple[int, int]]] = []
    module = _attention(encoder, stage, block)
    hook = module.register_forward_pre_hook(lambda _, inputs: seen.append((inputs[0][:1], inputs[1])))
    try:
        encoder(images[:1])
    finally:
        hook.remove()
    tokens, (height, width) = seen[0]
    row = min(int(query[1] * height), height - 1)
    column = min(int(query[0] * width), width - 1)
    weights = module.weights(tokens, (height, width))[0, :, row * width + column]
    return weights.reshape(module.heads, height // module.reduction, width // module.reduction)


def _attention(encoder: MixTransformer, stage: int, block: int) -> Attention:
    blocks = list(encoder.get_submodule(f"block{stage}").children())
    if not -len(blocks) <= block < len(blocks):
        raise ConfigError(f"stage {stage} has {len(blocks)} blocks, so block must be below that; got {block}.")
    module = blocks[block].get_submodule("attn")
    if not isinstance(module, Attention):
        raise ConfigError(f"block {block} of stage {stage} holds {type(module).__name__}, not MiT attention.")
    return module
