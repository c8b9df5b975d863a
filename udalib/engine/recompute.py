"""Activation checkpointing: blocks keep their input alone and are computed again in the backward pass.

Chen et al., "Training Deep Nets with Sublinear Memory Cost", 2016. The numbers stay the same: random layers draw the
same again. A block with BatchNorm would count its batch twice in the running statistics, so only stacks of blocks
without one are wrapped: those of transformers and of ConvNeXt.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.utils.checkpoint import checkpoint

from udalib.core.errors import ConfigError


def recompute_blocks(method: nn.Module) -> int:
    """Wrap the ``forward`` of every trained block of ``method``, in place; parameters keep their names.

    Returns:
        How many blocks were wrapped.

    Raises:
        ConfigError: there is none.
    """
    blocks = list(stacked_blocks(method))
    if not blocks:
        raise ConfigError(
            "activation_checkpointing finds no stack of blocks without BatchNorm in these networks; set it to false, "
            "or take a transformer or a ConvNeXt as the encoder."
        )
    for block in blocks:
        block.forward = partial(checkpoint, block.forward, use_reentrant=False)
    return len(blocks)


def stacked_blocks(module: nn.Module) -> Iterator[nn.Module]:
    """Outermost blocks that are trained: two or more of one class in a row, each of several layers."""
    for child in module.children():
        row = list(child.children()) if isinstance(child, nn.ModuleList | nn.Sequential) else []
        alike = len(row) > 1 and len({type(block) for block in row}) == 1
        if alike and all(map(_can_be_repeated, row)):
            yield from row
        else:
            yield from stacked_blocks(child)


def _can_be_repeated(block: nn.Module) -> bool:
    composed = len(list(block.children())) > 1
    trained = any(parameter.requires_grad for parameter in block.parameters())
    return composed and trained and not any(isinstance(layer, _BatchNorm) for layer in block.modules())
