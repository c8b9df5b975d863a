"""Runs kept in an earlier record: what was measured elsewhere, or before, is extended instead of repeated."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from udalib.core.errors import ConfigError
from udalib.core.files import read_json
from udalib.engine.record.reading import read_run
from udalib.recipes.report.records import Entry, read_entry
from udalib.recipes.runner import record
from udalib.recipes.sweep.tasks import Task, same_recipe

FIELDS = ("preset", "overrides", "seed", "metrics", "device", "precision", "iterations", "start", "batch", "seconds")
FIELDS += ("ended", "monitor", "tasks")
"""What a record keeps of an entry."""
BESIDE = ("versions", "peak_memory_mib", "started")
"""And of its run.json."""


@dataclass(frozen=True)
class Measured:
    """One finished run: its line of the report, and what the record keeps of it."""

    entry: Entry
    plain: Mapping[str, Any]


def measured(task: Task) -> Measured:
    """The finished run in the folder of ``task``."""
    data, entry = read_run(task.folder).data, read_entry(task.folder)
    entry = replace(entry, metrics={key: _rounded(value) for key, value in entry.metrics.items()})
    plain = {"recipe": entry.recipe, **{name: getattr(entry, name) for name in FIELDS}}
    return Measured(entry, {**plain, **{key: data.get(key) for key in BESIDE}, "machine": data["device"]})


def kept_runs(places: Iterable[Path], work: Iterable[Task]) -> dict[Path, Measured]:
    """Runs of ``work``, by folder, that one of the records at ``places`` holds, made by the same recipe.

    Raises:
        ConfigError: a record cannot be read, or is of a version that kept no runs.
    """
    found: dict[Path, Measured] = {}
    for place in places:
        kept = read_json(place, "a record of effects", "Repeat the command without --extend.", ConfigError)
        if "recipes" not in kept:
            raise ConfigError(
                f"{place} keeps no single runs; it is older than --extend. Repeat the command without it."
            )
        runs = {(run["recipe"], run["seed"]): run for run in kept["runs"]}
        for task in work:
            run = runs.get((task.recipe.name, task.recipe.train.seed))
            if run is not None and same_recipe(kept["recipes"][task.recipe.name], task.recipe):
                found.setdefault(task.folder, Measured(_entry(task, run), run))
    return found


def recipes_of(work: Iterable[Task]) -> dict[str, Any]:
    """What the recipes of ``work`` are, by name, for :func:`kept_runs` to compare with."""
    return {task.recipe.name: record(task.recipe) for task in work}


def _entry(task: Task, run: Mapping[str, Any]) -> Entry:
    fields = {name: run[name] for name in FIELDS}
    return Entry(task.folder, task.recipe.name, finished=True, published=task.recipe.published, **fields)


def _rounded(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _rounded(item) for key, item in value.items()}
    return round(value, 5) if isinstance(value, float) else value
