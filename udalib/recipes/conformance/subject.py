"""What is checked: a method with batches of its own streams, and the runs that several checks look at."""

from __future__ import annotations

import copy
import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from udalib.core.seeding import seeded
from udalib.core.types import Batch
from udalib.methods import Method
from udalib.models.dropping import drop_nothing
from udalib.models.norm import batch_norms
from udalib.recipes.conformance.comparing import (
    Moment,
    State,
    Watched,
    expect,
    iterate,
    modes_of,
    random_states,
    state_of,
)

STEPS = 3
"""Iterations of the unbroken run; the state is saved before the last."""


@dataclass(frozen=True)
class Subject:
    """A method to check.

    Attributes:
        make: seed of the initial weights -> a fresh method in training mode.
        batches: those of :data:`STEPS` iterations, by stream; an even number of samples each.
        name: for messages.
        classes: C of the prediction; None = whatever it has.
    """

    make: Callable[[int], Method]
    batches: Sequence[Mapping[str, Batch]]
    name: str = "method"
    classes: int | None = None

    def batch(self, iteration: int) -> dict[str, Batch]:
        """A copy of the batches of ``iteration``."""
        return copy.deepcopy(dict(self.batches[iteration]))

    @cached_property
    def unbroken(self) -> Unbroken:
        """The method trained for :data:`STEPS` iterations."""
        method = self.make(0)
        method.runtime = Watched()
        run = Unbroken(method, state_of(method))
        for i in range(STEPS):
            if i == STEPS - 1:
                run.saved = save(method)
            streams = Streams(self.batch(i), type(method).__name__)
            with seeded(i):
                run.moments.append(iterate(method, streams, i))
            run.read |= streams.read
        return run

    @cached_property
    def settled(self) -> Settled:
        """The method after iteration 0 without dropout, its BatchNorm frozen then, and what the step did around it."""
        method, batches = self.make(0), self.batch(0)
        method.runtime = Watched()
        drop_nothing(method)
        for layer in batch_norms(method):
            layer.momentum = 1.0  # statistics of a batch, not those of a network that has seen nothing
        modes, states = modes_of(method), random_states()
        iterate(method, batches, 0)
        run = Settled(method, (modes, modes_of(method)), (states, random_states()), batches)
        for layer in batch_norms(method):
            layer.eval()
        return run

    @cached_property
    def whole(self) -> Whole:
        """Iteration 1 of the settled method on a batch whose samples have the same labels, in one piece."""
        method, runtime = copy.deepcopy(self.settled.method), Watched()
        batches = {name: _alike(batch) for name, batch in self.batch(1).items()}
        method.runtime = runtime
        return Whole(batches, iterate(method, batches, 1), runtime.averaged)


@dataclass
class Unbroken:
    """A run of some iterations: the method after it, its state before it, what was read, and the saved state."""

    method: Method
    start: State
    moments: list[Moment] = field(default_factory=list)
    saved: bytes = b""
    read: set[str] = field(default_factory=set)


@dataclass
class Settled:
    """A method after one step; modes and random states before and after it, and the batches it was given."""

    method: Method
    modes: tuple[dict[str, bool], dict[str, bool]]
    random: tuple[dict[str, Any], dict[str, Any]]
    batches: dict[str, Batch]


@dataclass
class Whole:
    """An iteration in one piece: its batches, what it left behind, and the values it averaged over processes."""

    batches: dict[str, Batch]
    moment: Moment
    averaged: list[Tensor]


class Streams(Mapping[str, Batch]):
    """The declared streams' batches; remembers which were read, and refuses any other."""

    def __init__(self, batches: Mapping[str, Batch], title: str) -> None:
        self._batches, self._title = batches, title
        self.read: set[str] = set()

    def __getitem__(self, name: str) -> Batch:
        expect(
            name in self._batches,
            f"the step of {self._title} reads the stream {name!r}, which it does not declare; add it to `streams` "
            f"(now {', '.join(map(repr, self._batches)) or 'none'}).",
        )
        self.read.add(name)
        return self._batches[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._batches)

    def __len__(self) -> int:
        return len(self._batches)


def save(method: Method) -> bytes:
    """State of ``method`` and its optimisers as the trainer's checkpoint holds it."""
    file = io.BytesIO()
    optimizers = {name: optimizer.state_dict() for name, optimizer in method.optimizers().items()}
    torch.save({"method": method.state_dict(), "optimizers": optimizers}, file)
    return file.getvalue()


def _alike(batch: Batch) -> Batch:
    """``batch`` in which everything but the images is that of the first sample."""
    size = len(batch["image"])

    def first(value: Any) -> Any:
        if isinstance(value, Tensor) and len(value) == size:
            return value[:1].expand_as(value).clone()
        return [value[0]] * size if isinstance(value, list) and len(value) == size else value

    return type(batch)({key: value if key == "image" else first(value) for key, value in batch.items()})
