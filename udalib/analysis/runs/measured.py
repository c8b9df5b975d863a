"""Committed records of benchmarks (``benchmarks/results/NAME.json``), for the notebooks' text and pictures."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from udalib.core.errors import unknown_name
from udalib.core.files import read_json
from udalib.core.paths import find_in_checkout
from udalib.recipes.comparisons import list_comparisons

SCRIPTS = {
    "streets": "for r in source-only jitter adabn oracle; do udalib run streets/$r --seeds 0 1 2; done; "
    "udalib report runs/streets --format json",
    "streets-onset": "python benchmarks/class_onset.py",
    "streets-painters": "python benchmarks/painters.py --jobs 2",
    "camvid-painters": "python benchmarks/painters.py --photographs --jobs 2",
    "streets-features": "python benchmarks/features.py",
    "adversarial-sweep": "python benchmarks/adversarial_sweep.py --jobs 2",
}
"""Records that a command of their own makes; every comparison has one besides."""


def command_of(name: str) -> str:
    """What makes the record ``name`` in a checkout of the repository.

    Raises:
        UnknownNameError: nothing makes a record of this name.
    """
    made = {**SCRIPTS, **{each: f"python benchmarks/effect.py {each} --jobs 2" for each in list_comparisons()}}
    if name not in made:
        raise unknown_name("record", name, made)
    return made[name]


def find_measured(name: str) -> Path | None:
    """File of a record: beside the package's checkout, else above the working directory; None if there is none.

    Raises:
        UnknownNameError: nothing makes a record of this name.
    """
    command_of(name)
    return find_in_checkout(f"benchmarks/results/{name}.json")


def measured(name: str) -> dict[str, Any] | None:
    """The record ``name``; if there is none, None, and the command that makes it is printed."""
    file = find_measured(name)
    if file is None:
        print(f"No record {name!r} here (an installed package has none). A checkout makes it by: {command_of(name)}")
        return None
    return read_json(file, "a record of measurements", "Restore it from the repository.")


def class_scores(record: Mapping[str, Any], recipe: str, evaluation: str = "target") -> list[dict[str, float]]:
    """IoU in percent by class, one dictionary a seed, of a recipe in a record of ``benchmarks/effect.py``.

    Raises:
        UnknownNameError: the record has no such recipe.
    """
    groups = {group["recipe"]: group for group in record["groups"]}
    if recipe not in groups:
        raise unknown_name("recipe of the record", recipe, groups)
    classes = groups[recipe]["classes"][evaluation]
    seeds = range(len(groups[recipe]["seeds"]))
    return [{name: spread["values"][seed] for name, spread in classes.items()} for seed in seeds]


def find_effect(
    record: Mapping[str, Any], recipe: str, baseline: str, metric: str = "target/miou"
) -> Mapping[str, Any] | None:
    """Effect of ``recipe`` over ``baseline`` in a record; None if it was not measured."""
    wanted = {"recipe": recipe, "baseline": baseline, "metric": metric}
    found = (effect for effect in record["effects"] if all(effect[key] == wanted[key] for key in wanted))
    return next(found, None)
