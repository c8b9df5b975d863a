"""Published snapshots of Pin the Memory: their names, and the items that they keep beside the state dict."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from udalib.core.errors import CheckpointError
from udalib.models.memory import ClassMemory
from udalib.models.network import SegmentationNetwork
from udalib.models.weights.files import find_weights, read_pickle
from udalib.models.weights.load import LoadReport, load_published

ITEMS = "decoder.memory.m_items"
STEM = {"layer0.0.": "encoder.conv1.", "layer0.1.": "encoder.bn1."}
STAGES = tuple(f"layer{stage}." for stage in range(1, 5))


def our_name(published: str) -> str:
    """Our name for a published one.

    >>> our_name("module.layer0.1.bias"), our_name("layer4.2.conv3.weight"), our_name("memory.clsfier.bias")
    ('encoder.bn1.bias', 'encoder.layer4.2.conv3.weight', 'decoder.memory.clsfier.bias')
    """
    name = published.removeprefix("module.")
    for theirs, ours in STEM.items():
        if name.startswith(theirs):
            return ours + name.removeprefix(theirs)
    return ("encoder." if name.startswith(STAGES) else "decoder.") + name


def load_pin_checkpoint(
    network: SegmentationNetwork,
    checkpoint: str | os.PathLike[str] | Mapping[str, Any],
    items: Tensor | None = None,
) -> LoadReport:
    """Load a published snapshot completely: networks from its ``state_dict``, items from its ``memory``.

    The published code skips what does not fit, and goes on with random items where there are none; we refuse both.

    Args:
        network: with decoder "pin_v3plus" or "pin_v2", with or without memory.
        checkpoint: the file (read without running code from it), or its dict.
        items: (C, D) unit vectors in place of the snapshot's own.

    Raises:
        CheckpointError: the file is unusable, anything does not fit, or the items are missing or of another shape.
    """
    whole = checkpoint if isinstance(checkpoint, Mapping) else read_pickle(find_weights(checkpoint))
    state = whole.get("state_dict") if isinstance(whole, Mapping) else None
    if not isinstance(state, Mapping):
        found = sorted(map(str, whole)) if isinstance(whole, Mapping) else type(whole).__name__
        raise CheckpointError(f"a published snapshot is a dict with 'state_dict' and 'memory'; this one is {found}.")
    renamed = {our_name(str(name)): value for name, value in state.items()}
    memory = getattr(network.decoder, "memory", None)
    if isinstance(memory, ClassMemory):
        renamed[ITEMS] = _items(whole, memory, items)
    return load_published(network, renamed, prefix="", strict=True)


def _items(whole: Mapping[str, Any], memory: ClassMemory, given: Tensor | None) -> Tensor:
    items = whole.get("memory") if given is None else given
    shape = tuple(memory.m_items.shape)
    if not isinstance(items, Tensor):
        raise CheckpointError(
            f"the snapshot has {sorted(map(str, whole))} and no tensor 'memory': its items, {shape}, are lost, and "
            "without them every pixel reads nothing. Take another snapshot, or hand the items over as `items`."
        )
    if tuple(items.shape) != shape or not bool(torch.isfinite(items).all()):
        raise CheckpointError(f"memory items of {tuple(items.shape)}; expected finite ones of {shape}.")
    return items


def refuse_without_items(state: Mapping[str, Any], name: str) -> None:
    """Raise :class:`CheckpointError` if ``state``, one of ours, lacks the entry ``name`` with the items."""
    if name not in state:
        raise CheckpointError(
            f"this checkpoint has no memory items ({name}), without which every pixel reads nothing. It was written "
            "for a network without memory, or stripped: take the whole last.ckpt of a run with memory, or train anew. "
            "A published snapshot is loaded with udalib.models.load_pin_checkpoint."
        )
