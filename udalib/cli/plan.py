"""``udalib plan``."""

from __future__ import annotations

import json
from typing import Any, Literal

from tyro.conf import Positional

from udalib.cli.run import Assignments
from udalib.core.errors import UdalibError
from udalib.recipes import get_recipe, parse_assignments
from udalib.recipes.plan import CARDS, Plan, plan_recipe, ways_to_fit
from udalib.recipes.plan.text import fitting_text, plan_text, time_text


def plan(
    name: Positional[str],
    preset: str = "paper",
    set: Assignments = (),
    cards: tuple[str, ...] = tuple(CARDS.names()),
    fit: bool = False,
    format: Literal["text", "json"] = "text",
) -> int:
    """Show what a recipe takes before it is run: parameters, arithmetic, peak memory, least time on a card.

    Args:
        name: of the recipe.
        preset: quick, laptop or paper.
        set: dotted overrides, for example train.precision=bf16-mixed; `udalib show NAME` lists what can be set.
        cards: names of cards for the table of times.
        fit: try what makes it fit cards of 8, 12, 24 and 80 GB: bfloat16, micro-batches, activation checkpointing, smaller
            crops.
        format: text, or the numbers as json.
    """
    recipe = get_recipe(name, preset, parse_assignments(set))
    chosen = [CARDS.get(card) for card in cards]
    found = plan_recipe(recipe)
    if format == "json":
        seconds = {card.title: recipe.train.accumulate * card.seconds(found.work) for card in chosen}
        print(json.dumps({**numbers(found), "seconds_an_iteration": seconds}, indent=2))
        return 0
    print(plan_text(found), time_text(found, cards), sep="\n", end="", flush=True)
    if fit:
        ways: list[tuple[dict[str, Any], Plan | UdalibError]] = list(ways_to_fit(recipe))
        print("\n" + fitting_text(ways), end="")
    return 0


def numbers(found: Plan) -> dict[str, Any]:
    """The figures of a plan, memory in MiB."""
    return {
        "recipe": found.recipe.name,
        "preset": found.recipe.preset,
        "precision": found.recipe.train.precision,
        "accumulate": found.recipe.train.accumulate,
        "images": {key: list(shape) for key, shape in found.images.items()},
        "trainable_parameters": found.trainable,
        "networks_mib": found.held,
        "optimizer_states_mib": found.states,
        "peak_mib": found.peak,
        "flops": found.flops,
    }
