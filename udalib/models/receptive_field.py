"""What a network looks at: effective receptive fields and attention maps, for pictures."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from udalib.core.errors import ConfigError
from udalib.models.encoders.mit_blocks import Attention, Size


def effective_receptive_field(network: nn.Module, images: Tensor, position: tuple[float, float] = (0.5, 0.5)) -> Tensor:
    """How strongly every input pixel moves the output at one position: non-negative float32 (H, W), maximum 1.

    The gradient of the output channels at ``position``, summed with alternating signs, with respect to the image; its
    magnitude is summed over the colour channels and averaged over the batch (Luo et al., "Understanding the Effective
    Receptive Field in Deep Convolutional Neural Networks", NeurIPS 2016). Every module's mode is restored afterwards
    and no parameter gets a gradient.

    Args:
        network: (B, 3, H, W) -> (B, C, h, w), or a list of maps, of which the last is taken (encoders).
        images: float (B, 3, H, W).
        position: (row, column) in the output as fractions of its height and width, in [0, 1].

    Raises:
        ConfigError: for a position outside [0, 1].
    """
    if not all(0.0 <= fraction <= 1.0 for fraction in position):
        raise ConfigError(f"position must be two fractions in [0, 1] (row, column), got {position}.")
    modes = [(module, module.training) for module in network.modules()]
    network.eval()
    try:
        with torch.enable_grad():
            leaf = images.detach().clone().requires_grad_(True)
            output = network(leaf)
            output = output[-1] if isinstance(output, (list, tuple)) else output
            row, column = (min(int(f * n), n - 1) for f, n in zip(position, output.shape[-2:], strict=True))
            # Signs, because channels that end in a LayerNorm sum to a constant: the gradient of that is rounding.
            signs = 1.0 - 2.0 * (torch.arange(output.shape[1], device=output.device) % 2)
            (gradient,) = torch.autograd.grad((output[:, :, row, column] * signs).sum(), leaf)
    finally:
        for module, training in modes:
            module.training = training
    field = gradient.abs().sum(1).mean(0).float()
    return field / field.max().clamp_min(torch.finfo(torch.float32).tiny)


@torch.no_grad()
def attention_maps(encoder: nn.Module, images: Tensor, stage: int, block: int) -> tuple[Tensor, Size, Size]:
    """Attention of one block of a MiT encoder.

    Args:
        encoder: a :class:`udalib.models.encoders.mit.MixTransformer`.
        images: what the encoder takes, normalised float (B, 3, H, W).
        stage: 1 to 4.
        block: index within the stage, from 0; negative counts from the end.

    Returns:
        Weights (B, heads, N, M), rows sum to 1; the (rows, columns) of the N queries; those of the M reduced keys.

    Raises:
        ConfigError: if the encoder has no such block.
    """
    blocks = dict(encoder.named_children()).get(f"block{stage}")
    if not isinstance(blocks, nn.ModuleList) or not -len(blocks) <= block < len(blocks):
        had = f"stage {stage} has {len(blocks)} blocks" if isinstance(blocks, nn.ModuleList) else "it has no such stage"
        raise ConfigError(f"cannot show stage {stage}, block {block} of {type(encoder).__name__}: {had}.")
    attention = blocks[block].get_submodule("attn")
    if not isinstance(attention, Attention):
        raise ConfigError(f"stage {stage}, block {block} of {type(encoder).__name__} has no MiT attention.")
    seen: list[tuple[Tensor, Size]] = []
    hook = attention.register_forward_pre_hook(lambda _module, inputs: _remember(seen, inputs))
    try:
        encoder(images)
    finally:
        hook.remove()
    tokens, size = seen[0]
    keys = (size[0] // attention.reduction, size[1] // attention.reduction)
    return attention.weights(tokens, size), size, keys


def _remember(seen: list[tuple[Tensor, Size]], inputs: tuple[Any, ...]) -> None:
    seen.append((inputs[0], inputs[1]))
