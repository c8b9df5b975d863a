"""Where each kind of name in a recipe is looked up."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from udalib.core.errors import unknown_name
from udalib.core.registry import Registry
from udalib.data import SequentialSampler, ShuffleSampler
from udalib.engine.schedules import Constant, Poly, WarmupPoly
from udalib.methods.registry import METHODS
from udalib.models.registry import NETWORKS, combine, list_networks

SCHEDULES: Registry[Callable[..., Any]] = Registry("schedule")
SCHEDULES.add("constant", Constant)
SCHEDULES.add("poly", Poly)
SCHEDULES.add("warmup_poly", WarmupPoly)

SAMPLERS: Registry[Callable[..., Any]] = Registry("sampler")
"""Builders ``(dataset, seed, **options) -> Sampler``."""


@SAMPLERS.register("shuffle")
def _shuffle(dataset: Any, seed: int) -> ShuffleSampler:
    return ShuffleSampler(len(dataset), seed)


@SAMPLERS.register("sequential")
def _sequential(dataset: Any, seed: int) -> SequentialSampler:
    return SequentialSampler(len(dataset))


def schedule_factory(name: str) -> Callable[..., Any]:
    """Return the class of the schedule ``name``."""
    return SCHEDULES.get(name)


def sampler_factory(name: str) -> Callable[..., Any]:
    """Return the builder ``(dataset, seed, **options)`` of the sampler ``name``."""
    return SAMPLERS.get(name)


def method_factory(name: str) -> Callable[..., Any]:
    """Return the class of the method ``name``."""
    return METHODS.get(name)


def network_factory(name: str) -> Callable[..., Any]:
    """Return the builder of a registered network, or of a "decoder-encoder" pair."""
    return NETWORKS.get(name) if name in list_networks() else partial(combine)
