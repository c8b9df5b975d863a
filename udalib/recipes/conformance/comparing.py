"""What the checks share: their error, what one iteration leaves behind, and how two of those are compared."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from udalib.core.draws import Draws
from udalib.core.errors import UdalibError
from udalib.core.types import Batch, Logs
from udalib.methods import LocalRuntime, Method

State = dict[str, Tensor]


class ConformanceError(UdalibError, AssertionError):
    """A method does not keep what every method promises; the message says what, and how to mend it."""


def expect(condition: bool, message: str) -> None:
    """Raise :class:`ConformanceError` with ``message`` unless ``condition`` holds."""
    if not condition:
        raise ConformanceError(message)


class Watched(LocalRuntime):
    """A local runtime that remembers what a step asked of it.

    Attributes:
        asked: (kind of draws, purpose, iteration) of each call.
        averaged: values handed to :meth:`average`, in order.
    """

    def __init__(self, seed: int = 0) -> None:
        self.seed = seed
        self.asked: list[tuple[str, str, int]] = []
        self.averaged: list[Tensor] = []

    def draws(self, purpose: str, iteration: int, samples: int) -> Draws:
        """See :meth:`udalib.methods.Runtime.draws`."""
        self.asked.append(("draws", purpose, iteration))
        return super().draws(purpose, iteration, samples)

    def shared_draws(self, purpose: str, iteration: int) -> Draws:
        """See :meth:`udalib.methods.Runtime.shared_draws`."""
        self.asked.append(("shared_draws", purpose, iteration))
        return super().shared_draws(purpose, iteration)

    def average(self, tensor: Tensor) -> Tensor:
        """See :meth:`udalib.methods.Runtime.average`."""
        self.averaged.append(tensor.detach().clone())
        return super().average(tensor)


@dataclass
class Moment:
    """What one iteration left behind.

    Attributes:
        logs: as returned.
        state: copies of all parameters and buffers, persistent or not.
        gradients: copies of those that the optimisers stepped with, by parameter; the last ones where they step twice.
        updates: number of steps of each optimiser.
        asked: the draws that a :class:`Watched` runtime was asked for.
    """

    logs: Logs
    state: State
    gradients: State
    updates: dict[str, int]
    asked: list[tuple[str, str, int]]


def iterate(method: Method, batches: Mapping[str, Batch], iteration: int) -> Moment:
    """Run one step of ``method`` and say what it left behind."""
    asked: list[tuple[str, str, int]] = getattr(method.runtime, "asked", [])
    earlier = len(asked)
    with _watched_updates(method) as (gradients, updates):
        logs = method.step(batches, iteration)
    return Moment(logs, state_of(method), gradients, updates, asked[earlier:])


def state_of(method: nn.Module) -> State:
    """Copies of all buffers and parameters of ``method`` by name."""
    return {name: value.detach().clone() for name, value in (*method.named_buffers(), *method.named_parameters())}


def held(method: Method) -> dict[str, list[Tensor]]:
    """The parameters of each optimiser of ``method``."""
    return {name: [p for g in o.param_groups for p in g["params"]] for name, o in method.optimizers().items()}


@contextmanager
def _watched_updates(method: Method) -> Iterator[tuple[State, dict[str, int]]]:
    """Note the gradients with which the optimisers of ``method`` step, and how often they do."""
    gradients: State = {}
    updates = dict.fromkeys(method.optimizers(), 0)
    names = {id(p): name for name, p in method.named_parameters()}

    def watch(key: str, optimizer: Optimizer) -> Any:
        def note(*_: Any) -> None:
            updates[key] += 1
            for p in (p for group in optimizer.param_groups for p in group["params"] if p.grad is not None):
                gradients[names.get(id(p), "?")] = p.grad.detach().clone()

        return optimizer.register_step_pre_hook(note)

    hooks = [watch(key, optimizer) for key, optimizer in method.optimizers().items()]
    try:
        yield gradients, updates
    finally:
        for hook in hooks:
            hook.remove()


def modes_of(method: nn.Module) -> dict[str, bool]:
    """Training or evaluation mode of each submodule."""
    return {name: module.training for name, module in method.named_modules()}


def random_states() -> dict[str, Any]:
    """The global random states of torch, NumPy and Python."""
    return {
        "torch": torch.random.get_rng_state().tolist(),
        "NumPy": repr(np.random.get_state()),  # noqa: NPY002 - the state that nobody is to draw from
        "Python": random.getstate(),
    }


def unequal(got: Mapping[str, Any], want: Mapping[str, Any]) -> list[str]:
    """Names whose values are not the same bit for bit, or that only one side has."""
    return [name for name in {**want, **got} if name not in got or name not in want or not _same(got[name], want[name])]


def _same(a: Any, b: Any) -> bool:
    if isinstance(a, Tensor) and isinstance(b, Tensor):
        return torch.equal(a, b)
    if isinstance(a, list | tuple) and isinstance(b, list | tuple):  # boxes: one tensor a sample
        return len(a) == len(b) and all(map(_same, a, b))
    return bool(a == b)


def far(got: State, want: State, share: float) -> list[str]:
    """Names whose values differ by more than rounding: by ``share`` of the tensor's largest entry.

    A hundredth of the same share of the largest entry of all tensors is rounding too: a tensor that is zero but for
    rounding has nothing to be measured by.
    """
    floor = 1e-2 * share * max((_largest(value) for value in want.values()), default=0.0)
    names = [name for name in {**want, **got} if name not in got or name not in want]
    both = [name for name in want if name in got]
    return names + [n for n in both if _largest(got[n] - want[n]) > share * _largest(want[n]) + floor]


def _largest(value: Tensor) -> float:
    return float(value.abs().max()) if value.numel() else 0.0


def not_finite(values: Mapping[str, Any]) -> list[str]:
    """Names of numbers and tensors that hold a NaN or an infinity."""
    return [
        name
        for name, value in values.items()
        if not (bool(torch.isfinite(value).all()) if isinstance(value, Tensor) else math.isfinite(value))
    ]


def listed(names: list[str]) -> str:
    """The first names of a list, for a message."""
    return ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")
