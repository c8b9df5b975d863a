"""Everything in which two run folders differ: recipe, seed, settings of training, code, data, machine."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from udalib.core.errors import UdalibError
from udalib.engine.config import MEANING
from udalib.engine.record.checkpoint import differences
from udalib.engine.record.reading import RunRecord, read_run
from udalib.recipes.compare.curves import Parting, partings
from udalib.recipes.compare.units import Unit, differing_units

BESIDE = ("seed", "config", "git", "data", "versions", "device")
"""Entries of run.json beside the recipe that are compared, those that change numbers first."""

Difference = tuple[str, Any, Any]


@dataclass(frozen=True)
class Pair:
    """Two runs and their differences.

    Attributes:
        first: the first run.
        second: the other.
        units: differences of the recipes, each exchangeable alone.
        beside: (dotted name, first, second) of everything else that differs.
        scores: (metric, first, second) of both results, as fractions; empty unless both have finished.
        partings: where the curves part, by name.
    """

    first: RunRecord
    second: RunRecord
    units: tuple[Unit, ...]
    beside: tuple[Difference, ...]
    scores: tuple[tuple[str, float, float], ...]
    partings: tuple[Parting, ...]


def compare_runs(first: str | os.PathLike[str], second: str | os.PathLike[str]) -> Pair:
    """Read two run folders and find what differs.

    Raises:
        UdalibError: a folder holds no run, or a damaged one.
    """
    one, other = read_run(first), read_run(second)
    return Pair(
        first=one,
        second=other,
        units=tuple(differing_units(recipe_of(one), recipe_of(other))),
        beside=tuple(_beside(one.data, other.data)),
        scores=tuple(_scores(one, other)),
        partings=tuple(partings(one.metrics(), other.metrics())),
    )


def recipe_of(run: RunRecord) -> Mapping[str, Any]:
    """Return the recorded recipe; a run.json without one raises :class:`UdalibError`."""
    recipe = run.data.get("recipe")
    if not isinstance(recipe, Mapping) or not recipe:
        raise UdalibError(f"{run.folder / 'run.json'} holds no recipe, so there is nothing to compare; repeat the run.")
    return recipe


def _beside(first: Mapping[str, Any], second: Mapping[str, Any]) -> list[Difference]:
    said = {f"config.{name}" for name in MEANING}  # in the recipe, and the seed by itself
    found = [d for key in BESIDE for d in differences(first.get(key, {}), second.get(key, {}), key)]
    return [d for d in found if d[0] not in said]


def _scores(first: RunRecord, second: RunRecord) -> list[tuple[str, float, float]]:
    if first.status != "finished" or second.status != "finished":
        return []
    one, other = first.results, second.results
    return [
        (key, value, other[key])
        for key, value in one.items()
        if isinstance(value, float) and isinstance(other.get(key), float)  # counts of images are whole numbers
    ]
