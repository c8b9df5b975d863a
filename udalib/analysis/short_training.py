"""The first steps of a recipe's training, looked at on their way: for questions that a whole run does not answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, TypeVar

from udalib.core.errors import ConfigError
from udalib.core.seeding import seeded
from udalib.engine.optim.build import set_learning_rates
from udalib.engine.optim.schedules import Schedule
from udalib.methods.base import Method
from udalib.recipes import Recipe, get_recipe
from udalib.recipes.build import build_method, build_stream
from udalib.recipes.runner import start_network

T = TypeVar("T")
Seen = list[tuple[int, T]]
"""Iterations, and what was seen at each."""


def first_steps(
    name: str,
    preset: str,
    look: Callable[[Method], T],
    *,
    seed: int,
    steps: int,
    every: int,
    warmup: int,
    total: int = 1000,
    overrides: Mapping[str, Any] | None = None,
) -> Seen[T]:
    """Train the recipe ``name`` for its first ``steps`` on the CPU; (iteration, what ``look`` sees) every so often.

    The method starts from the network that the recipe names, its learning rate follows the recipe's schedule over
    ``total`` iterations with ``warmup`` of them as warm-up. ``look`` must leave the method as it is.

    Raises:
        ConfigError: the recipe starts from no other run, or there are no steps.
    """
    recipe = get_recipe(name, preset, dict(overrides or {}))
    if recipe.start is None or steps < 1 or every < 1:
        raise ConfigError(f"{name} must start from a trained network, for one step or more; got {steps} by {every}.")
    recipe = replace(recipe, train=replace(recipe.train, seed=seed, device="cpu"))
    schedule = replace(recipe.schedule.build(total=total), warmup=warmup)
    with seeded(seed):
        method = build_method(recipe, prepare=lambda network: start_network(recipe, network, None)).train()
        return _look_on(recipe, method, schedule, look, range(0, steps + 1, every))


def _look_on(recipe: Recipe, method: Method, schedule: Schedule, look: Callable[[Method], T], when: range) -> Seen[T]:
    """Train up to the last iteration of ``when`` and look at each of them, before its step."""
    streams = {s.name: build_stream(s, recipe.label_space, recipe.train.seed) for s in recipe.streams}
    batches = {key: stream.batches() for key, stream in streams.items()}
    seen = []
    for t in range(when.stop):
        if t in when:
            seen.append((t, look(method)))
        for optimizer in method.optimizers().values():
            set_learning_rates(optimizer, schedule, t)
        method.step({key: stream.finish(next(batches[key]), "cpu", t) for key, stream in streams.items()}, t)
    return seen
