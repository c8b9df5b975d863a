"""Subjects from recipes: the plainest recipe of a method, made small, with batches of its own streams."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from torch import nn

from udalib.core.seeding import seeded
from udalib.core.types import Batch
from udalib.data import label_space
from udalib.methods import Method
from udalib.models import SegmentationNetwork
from udalib.recipes.build import build_method, build_stream
from udalib.recipes.conformance.comparing import ConformanceError
from udalib.recipes.conformance.subject import STEPS, Subject
from udalib.recipes.registry import RECIPES, get_recipe, list_recipes
from udalib.recipes.spec.datasets import WORLD
from udalib.recipes.spec.overrides import apply_overrides
from udalib.recipes.spec.serialise import flatten
from udalib.recipes.spec.specs import Recipe, SamplerSpec

SAMPLES = 2
SHARPER = 10.0
"""Factor on the classifiers of a fresh network, which is sure of nothing: thresholds of confidence then let some
pixels pass."""


class Unlabelled(dict[str, Any]):
    """A batch of target images without their labels, which no method of adaptation may see."""

    def __missing__(self, key: str) -> Any:
        raise ConformanceError(
            f"the step reads {key!r} of a stream of unlabelled images, which has {', '.join(self)}; labels of the "
            "target are for oracles, which read no other stream."
        )


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


def _sharpen(network: SegmentationNetwork) -> None:
    """Multiply the weights of the classifiers by :data:`SHARPER`."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d) and module.out_channels == network.num_classes:
            module.weight.data.mul_(SHARPER)
