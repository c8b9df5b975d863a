"""One run of a sweep: what it is, where it goes, what must run before it, whether it is done."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from udalib.core.errors import UdalibError
from udalib.engine.record.reading import read_run
from udalib.recipes.registry import get_recipe
from udalib.recipes.report.records import read_entry
from udalib.recipes.runner import finished_results, from_record, record, run_folder
from udalib.recipes.spec.overrides import parse_assignments
from udalib.recipes.spec.specs import Recipe

STALE = "its folder holds a run of another version of the recipe; remove it or give another folder of runs"
"""What to say of a task whose run :func:`is_stale`."""
OUTSIDE = ("world", "start_fingerprint")
"""What :func:`record` adds to the recipe's own parameters."""


@dataclass(frozen=True)
class Task:
    """One run.

    Attributes:
        recipe: with its preset, overrides, seed and device.
        folder: the run folder.
        overrides: as typed.
        out: folder of the run folders, None for the usual one.
        start: folder of the run that it starts from.
    """

    recipe: Recipe
    folder: Path
    overrides: tuple[str, ...] = ()
    out: Path | None = None
    start: Path | None = None

    @property
    def title(self) -> str:
        """As it is named in messages and records."""
        return f"{self.recipe.name} seed {self.recipe.train.seed}"

    @property
    def arguments(self) -> list[str]:
        """What to type behind ``udalib run``, without a progress bar."""
        train = self.recipe.train
        words = [self.recipe.name, "--preset", self.recipe.preset, "--seeds", str(train.seed), "--device", train.device]
        words += ["--out", str(self.out)] if self.out else []
        return [*words, "--set", *self.overrides, "train.progress=no"]


def make_task(
    name: str,
    seed: int,
    preset: str = "laptop",
    overrides: Sequence[str] = (),
    *,
    device: str = "auto",
    out: Path | None = None,
) -> Task:
    """One run of a recipe, with the place of the run that it starts from, if any; unknown names raise here."""
    recipe = get_recipe(name, preset, parse_assignments(overrides))
    recipe = replace(recipe, train=replace(recipe.train, seed=seed, device=device))
    start = make_task(recipe.start.recipe, seed, preset, device=device, out=out).folder if recipe.start else None
    return Task(recipe, run_folder(recipe, out), tuple(overrides), out, start)


def with_starts(work: Sequence[Task]) -> list[Task]:
    """``work`` and, before it, the runs that it starts from and that are not part of it."""
    folders = {each.folder for each in work}
    starts = {each.start: _start_of(each) for each in work if each.recipe.start and each.start not in folders}
    return [*with_starts(list(starts.values())), *work] if starts else list(work)


def _start_of(task: Task) -> Task:
    assert task.recipe.start is not None
    train = task.recipe.train
    return make_task(task.recipe.start.recipe, train.seed, task.recipe.preset, device=train.device, out=task.out)


def unfinished(work: Iterable[Task]) -> list[Task]:
    """Those of ``work`` whose run folder holds no results."""
    return [task for task in work if not is_finished(task)]


def is_finished(task: Task) -> bool:
    """True if the run folder holds results."""
    return finished_results(task.folder) is not None


def is_stale(task: Task) -> bool:
    """True if those results belong to another version of the recipe, or of one that it starts from."""
    return not same_recipe(read_run(task.folder).data["recipe"], task.recipe)


def same_recipe(before: Mapping[str, Any], recipe: Recipe) -> bool:
    """Whether ``before``, the record of a recipe, and ``recipe`` give the same numbers."""
    try:
        filled = record(from_record(before))  # a parameter that is newer than the run had its default then
    except UdalibError:
        return False
    outside = {key: before.get(key) for key in OUTSIDE}
    wanted = {**dict.fromkeys(OUTSIDE), **record(recipe)}
    return bool(json.loads(json.dumps({**filled, **outside})) == json.loads(json.dumps(wanted)))


def why_unfinished(task: Task) -> str:
    """What the run folder says, in words."""
    return read_entry(task.folder).reason if (task.folder / "run.json").exists() else "there is no such run"
