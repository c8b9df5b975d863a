"""The first steps of a recipe's training, looked at on their way: for questions that a whole run does not answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, TypeVar

import torch

from udalib.core.errors import ConfigError
from udalib.methods.base import Method
from udalib.recipes import get_recipe
from udalib.recipes.build import build_method, build_stream
from udalib.recipes.runner import start_network

T = TypeVar("T")


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
) -> list[tuple[int, T]]:
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
    torch.manual_seed(seed)
    method = build_method(recipe, prepare=lambda network: start_network(recipe, network, None)).train()
    schedule = replace(recipe.schedule.build(total=total), warmup=warmup)
    streams = {s.name: build_stream(s, recipe.label_space, seed) for s in recipe.streams}
    batches = {key: stream.batches() for key, stream in streams.items()}
    seen = []
    for t in range(steps + 1):
        if t % every == 0:
            seen.append((t, look(method)))
        for group in (g for optimizer in method.optimizers().values() for g in optimizer.param_groups):
            group["lr"] = schedule(recipe.optimizer.lr, t)
        method.step({key: stream.finish(next(batches[key]), "cpu", t) for key, stream in streams.items()}, t)
    return seen
