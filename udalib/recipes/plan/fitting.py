"""What to change so that a recipe fits a smaller card: what leaves its numbers alone first, the crop last."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import torch

from udalib.core.errors import UdalibError
from udalib.data import label_space
from udalib.engine.recompute import stacked_blocks
from udalib.recipes.networks import build_network
from udalib.recipes.plan.planning import Plan, plan_recipe
from udalib.recipes.spec.overrides import apply_overrides
from udalib.recipes.spec.serialise import flatten
from udalib.recipes.spec.specs import Recipe

CARDS_GIB = (8, 12, 24, 80)
"""Memory of the cards that are asked about."""
RESERVE = 0.9
"""Share of a card's memory that a plan may fill: the rest is for the context, scratch space and gaps."""
STEP = 32
"""Sides of smaller crops are multiples of this many pixels, the largest stride of the encoders."""


def fits(plan: Plan, gib: float) -> bool:
    """Whether ``plan`` fits a card of ``gib`` GiB with a margin."""
    return plan.peak / 1024 <= RESERVE * gib


def changes(recipe: Recipe) -> Iterator[dict[str, Any]]:
    """Overrides from the mildest on: none, bfloat16, batches in parts, activation checkpointing, then smaller crops."""
    found: dict[str, Any] = {}
    yield dict(found)
    if recipe.train.precision == "32-true":
        found["train.precision"] = "bf16-mixed"
        yield dict(found)
    whole = math.gcd(*(stream.batch_size for stream in recipe.streams))
    for parts in sorted({k for k in (2, whole) if k > 1 and whole % k == 0}):
        found["train.accumulate"] = parts * recipe.train.accumulate
        yield dict(found)
    if not recipe.train.activation_checkpointing and _has_blocks(recipe):
        found["train.activation_checkpointing"] = True
        yield dict(found)
    for share in (0.75, 0.5):
        if smaller := smaller_crops(recipe, share):
            yield {**found, **smaller}


def _has_blocks(recipe: Recipe) -> bool:
    """Whether the network has blocks that activation checkpointing can repeat."""
    classes = label_space(recipe.label_space).num_classes
    with torch.device("meta"):
        network = build_network(recipe.network, classes, pretrained=False)
    return any(True for _ in stacked_blocks(network))


def smaller_crops(recipe: Recipe, share: float) -> dict[str, Any]:
    """Overrides that scale the sides of all crops, and of a detail inside them, by ``share``."""
    scaled: dict[str, Any] = {}
    for path, value in ((path.replace(".options.", "."), value) for path, value in flatten(recipe).items()):
        crop = path.startswith("streams.") and path.endswith(("crop.size", "pad.size"))
        if (crop or path == "network.multi_resolution.detail") and value is not None:
            scaled[path] = tuple(max(int(side * share) // STEP * STEP, STEP) for side in value)
    return scaled


def ways_to_fit(
    recipe: Recipe, sizes: Sequence[float] = CARDS_GIB
) -> Iterator[tuple[dict[str, Any], Plan | UdalibError]]:
    """Plans of ``recipe`` with :func:`changes`, up to the first that fits the smallest of ``sizes``.

    What a change makes impossible is given as its error: a method that steps an optimiser twice cannot accumulate.
    """
    for overrides in changes(recipe):
        try:
            plan = plan_recipe(apply_overrides(recipe, overrides))
        except UdalibError as error:
            yield overrides, error
            continue
        yield overrides, plan
        if fits(plan, min(sizes)):
            return
