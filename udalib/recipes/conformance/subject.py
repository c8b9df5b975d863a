"""What is checked: a method with batches of its own streams, made from the plainest recipe that uses it."""

from __future__ import annotations

import copy
import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import torch
from torch import Tensor, nn

from udalib.core.types import Batch
from udalib.data import label_space
from udalib.methods import Method
from udalib.models import SegmentationNetwork
from udalib.recipes.build import build_method, build_stream
from udalib.recipes.conformance.comparing import (
    ConformanceError,
    Moment,
    State,
    Watched,
    batch_norms,
    drop_nothing,
    expect,
    iterate,
    modes_of,
    random_states,
    seeded,
    state_of,
)
from udalib.recipes.registry import RECIPES, get_recipe, list_recipes
from udalib.recipes.spec.datasets import WORLD
from udalib.recipes.spec.overrides import apply_overrides
from udalib.recipes.spec.serialise import flatten
from udalib.recipes.spec.specs import Recipe, SamplerSpec

STEPS = 3
"""Iterations of the unbroken run; the state is saved before the last."""

SAMPLES = 2
SHARPER = 10.0
"""Factor on the classifiers of a fresh network, which is sure of nothing: thresholds of confidence then let some
pixels pass."""


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


class Unlabelled(dict[str, Any]):
    """A batch of target images without their labels, which no method of adaptation may see."""

    def __missing__(self, key: str) -> Any:
        raise ConformanceError(
            f"the step reads {key!r} of a stream of unlabelled images, which has {', '.join(self)}; labels of the "
            "target are for oracles, which read no other stream."
        )


def save(method: Method) -> bytes:
    """State of ``method`` and its optimisers as the trainer's checkpoint holds it."""
    file = io.BytesIO()
    optimizers = {name: optimizer.state_dict() for name, optimizer in method.optimizers().items()}
    torch.save({"method": method.state_dict(), "optimizers": optimizers}, file)
    return file.getvalue()


def recipe_of(method: str) -> Recipe:
    """The plainest recipe of the registered ``method`` on the embedded world: the one of the shortest name.

    Raises:
        ConformanceError: there is none.
    """
    names = sorted(list_recipes(), key=lambda name: (len(name), name))
    found = [name for name in names if RECIPES.get(name).method.name == method and _is_embedded(RECIPES.get(name))]
    if not found:
        raise ConformanceError(
            f"no recipe on the embedded world ({WORLD}...) uses the method {method!r}, so nobody can try it without "
            "downloads; register one in udalib/recipes/zoo."
        )
    return get_recipe(found[0], "quick")


def _is_embedded(recipe: Recipe) -> bool:
    return all(stream.dataset.name.startswith(WORLD) for stream in recipe.streams)


def subject_of(recipe: Recipe) -> Subject:
    """The method of ``recipe``, with its network at random weights, on small batches of its own streams."""
    small = shrunk(recipe)

    def make(seed: int) -> Method:
        with seeded(seed):
            return build_method(small, pretrained=False, prepare=_sharpen).train()

    names = make(0).streams
    streams = {s.name: build_stream(s, small.label_space, seed=0) for s in small.streams if s.name in names}
    loaded = [{name: s.finish(s.load(i), "cpu", i) for name, s in streams.items()} for i in range(STEPS)]
    batches = [{name: _as_seen(name, batch, names) for name, batch in each.items()} for each in loaded]
    classes = small.network.channels or label_space(small.label_space).num_classes
    return Subject(make, batches, recipe.method.name, classes)


def shrunk(recipe: Recipe) -> Recipe:
    """``recipe`` from random weights, with few images in small batches, half of every (height, width), no phases."""
    phases: tuple[str, ...] = getattr(recipe.method.factory(), "phases", ())
    changes: dict[str, Any] = {f"method.{name}": 0 for name in phases}
    for path, value in flatten(recipe).items():
        if path.startswith(("streams.", "network.")) and _is_size(value):
            changes[path] = (value[0] // 2, value[1] // 2)
    for stream in recipe.streams:
        place, options = f"streams.{stream.name}", stream.dataset.accepted() or {}
        changes |= {f"{place}.batch_size": SAMPLES, f"{place}.workers": 0, f"{place}.sampler": SamplerSpec()}
        few = {"length": SAMPLES * STEPS, "cache": False}
        changes |= {f"{place}.dataset.{key}": value for key, value in few.items() if key in options}
    return apply_overrides(replace(recipe, start=None), changes)


def _is_size(value: Any) -> bool:
    """Whether ``value`` looks like a (height, width) that can be halved."""
    pair = isinstance(value, list) and len(value) == 2
    return pair and all(type(n) is int and n >= 16 and n % 2 == 0 for n in value)


def _as_seen(name: str, batch: Batch, streams: Sequence[str]) -> Batch:
    """``batch`` as a method may see it: a target that is adapted to has no labels."""
    if name == "unlabelled" or (name == "target" and "source" in streams):
        return Unlabelled({key: value for key, value in batch.items() if key != "label"})
    return batch


def _alike(batch: Batch) -> Batch:
    """``batch`` in which everything but the images is that of the first sample."""
    size = len(batch["image"])

    def first(value: Any) -> Any:
        if isinstance(value, Tensor) and len(value) == size:
            return value[:1].expand_as(value).clone()
        return [value[0]] * size if isinstance(value, list) and len(value) == size else value

    return type(batch)({key: value if key == "image" else first(value) for key, value in batch.items()})


def _sharpen(network: SegmentationNetwork) -> None:
    """Multiply the weights of the classifiers by :data:`SHARPER`."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d) and module.out_channels == network.num_classes:
            module.weight.data.mul_(SHARPER)
