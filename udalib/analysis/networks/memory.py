"""What a training pass costs whatever the device: the numbers it keeps for the backward pass, and its time."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn


class PassCost(NamedTuple):
    """Cost of a forward and backward pass.

    Attributes:
        kept: numbers (elements of float32) that the forward pass keeps for the backward pass, weights not counted: what
            grows with the images, and the larger part of a GPU's memory.
        seconds: CPU time of this process for both, all threads together.
    """

    kept: int
    seconds: float


def pass_cost(run: Callable[[], Tensor], network: nn.Module, repeats: int = 1) -> PassCost:
    """Cost of ``run``, which gives a scalar loss, and of its backward; leaves ``network`` without gradients.

    The time is that of the fastest of ``repeats``.
    """
    return min((_pass_cost(run, network) for _ in range(repeats)), key=lambda cost: cost.seconds)


def forward_cost(run: Callable[[], Any], repeats: int = 1) -> PassCost:
    """Cost of ``run`` without a backward pass, which keeps nothing; the fastest of ``repeats``."""
    seconds = []
    for _ in range(repeats):
        start = time.process_time()
        with torch.no_grad():
            run()
        seconds.append(time.process_time() - start)
    return PassCost(0, min(seconds))


def _pass_cost(run: Callable[[], Tensor], network: nn.Module) -> PassCost:
    weights = {p.untyped_storage().data_ptr() for p in network.parameters()}
    held: dict[int, int] = {}

    def keep(x: Any) -> Any:
        storage = x.untyped_storage()
        if storage.data_ptr() not in weights:
            held[storage.data_ptr()] = storage.nbytes() // 4
        return x

    start = time.process_time()
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda x: x):
        loss = run()
    loss.backward()  # type: ignore[no-untyped-call]
    seconds = time.process_time() - start
    network.zero_grad(set_to_none=True)
    return PassCost(sum(held.values()), seconds)
