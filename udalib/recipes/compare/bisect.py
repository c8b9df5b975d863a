"""Which difference explains the gap: the miniature of one run, repeated with each part of the other in turn.

Every difference is tried from both ends, put into the first run and taken out of the second, because two differences
may matter only together; all runs share their seeds, so effects are paired.
"""

from __future__ import annotations

import dataclasses
import os
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from udalib.core.errors import ConfigError, UdalibError
from udalib.engine.config import MEANING
from udalib.engine.record.reading import RunRecord
from udalib.recipes.compare.pair import Pair
from udalib.recipes.compare.units import Unit, differing_units
from udalib.recipes.registry import get_recipe
from udalib.recipes.runner import execute, from_record, record
from udalib.recipes.spec.specs import Recipe
from udalib.recipes.spec.tasks import TASKS

Scores = tuple[float, ...]
"""Score by seed, in percent."""


@dataclass(frozen=True)
class Toggle:
    """A difference, and what it does in the miniature.

    Attributes:
        unit: the difference.
        into_first: score with it put into the first run, less the first run's, by seed, in percent points.
        out_of_second: the second run's score, less that with the difference taken out of it.
        refused: why it could not be exchanged alone, "" if it could from at least one end.
    """

    unit: Unit
    into_first: Scores
    out_of_second: Scores
    refused: str = ""

    @property
    def effect(self) -> float:
        """Mean over both ends and the seeds; 0 for a difference that could not be exchanged."""
        return statistics.fmean([*self.into_first, *self.out_of_second] or [0.0])


@dataclass(frozen=True)
class Bisection:
    """The gap of two miniatures and what each difference does to it, the largest effect first.

    Attributes:
        metric: "evaluation/key" of the score.
        preset: of the miniature.
        seeds: of every run.
        first: scores of the first run's miniature by seed, in percent.
        second: the same of the second's.
        toggles: one a difference.
        lost: differences of the runs that their miniatures do not have.
    """

    metric: str
    preset: str
    seeds: tuple[int, ...]
    first: Scores
    second: Scores
    toggles: tuple[Toggle, ...]
    lost: tuple[Unit, ...]

    @property
    def gap(self) -> float:
        """Mean of the second run's miniature less the first's, in percent points."""
        return statistics.fmean(self.second) - statistics.fmean(self.first)


def bisect(
    pair: Pair,
    *,
    preset: str = "quick",
    seeds: Sequence[int] = (0, 1, 2),
    overrides: Mapping[str, Any] | None = None,
    device: str = "auto",
    out: str | os.PathLike[str] | None = None,
    told: Callable[[str], None] = lambda _: None,
) -> Bisection:
    """Run the miniatures of two runs and of every mixture that differs from one of them in a single part.

    Args:
        pair: the two runs; their recipes are taken anew by name, with the overrides that each run was given.
        preset: scale of the miniature.
        seeds: of every run; effects are paired over them.
        overrides: set in both miniatures, after the runs' own (``train.iterations=100``).
        device: auto, cpu, cuda, cuda:N or mps.
        out: folder that holds the run folders; finished ones are read, so a stopped bisection goes on.
        told: gets a line before each run.

    Raises:
        UnknownNameError: a recipe of the runs is not known any more.
        ConfigError: the miniatures do not differ, are not scored alike, or ``seeds`` is empty.
    """
    if not seeds:
        raise ConfigError("a bisection needs at least one seed, for example --seeds 0 1 2.")
    first, second = (miniature(run, preset, overrides or {}, device) for run in (pair.first, pair.second))
    metric = _metric(first, second)
    units = _differences(first, second)

    def scores(recipe: Recipe, title: str) -> Scores:
        return _scores(recipe, seeds, metric, out, lambda seed: told(f"{title}, seed {seed}"))

    both = scores(first, "the first run's miniature"), scores(second, "the second run's miniature")
    toggles = [_toggle(unit, (first, second), both, scores) for unit in units]
    titles = {unit.title for unit in units}
    return Bisection(
        metric=metric,
        preset=preset,
        seeds=tuple(seeds),
        first=both[0],
        second=both[1],
        toggles=tuple(sorted(toggles, key=lambda t: (bool(t.refused), -abs(t.effect), t.unit.title))),
        lost=tuple(unit for unit in pair.units if unit.title not in titles),
    )


def miniature(run: RunRecord, preset: str, overrides: Mapping[str, Any], device: str = "auto") -> Recipe:
    """Return the recipe of a run at another preset, with the run's own overrides and then ``overrides``."""
    recipe = get_recipe(str(run.data["name"]), preset, {**run.data.get("overrides", {}), **overrides})
    return dataclasses.replace(recipe, train=dataclasses.replace(recipe.train, device=device))


def _metric(first: Recipe, second: Recipe) -> str:
    """Name of the score that both recipes are judged by; :class:`ConfigError` if they are not judged alike."""
    if first.evaluations[:1] != second.evaluations[:1]:
        raise ConfigError(
            f"{first.name} and {second.name} are not scored on the same images in the same way, so their gap has no "
            "meaning; compare runs whose first evaluation is the same."
        )
    spec = first.evaluations[0]
    return f"{spec.name}/{TASKS.get(spec.task).score}"


def _differences(first: Recipe, second: Recipe) -> list[Unit]:
    """Differences of two miniatures; :class:`ConfigError` if there is none."""
    units = differing_units(record(first), record(second))
    if not units:
        raise ConfigError(
            f"the two runs do not differ at preset {first.preset}: what differs is not part of the recipe, or the "
            "preset sets it in both. Choose another --preset, or look at the differences without --bisect."
        )
    return units


def _toggle(
    unit: Unit,
    recipes: tuple[Recipe, Recipe],
    both: tuple[Scores, Scores],
    scores: Callable[[Recipe, str], Scores],
) -> Toggle:
    """Try one difference from both ends."""
    effects: list[Scores] = []
    refused = ""
    for end, value, word, sign in ((0, unit.second, "first run with", 1), (1, unit.first, "second run without", -1)):
        try:
            mixed = _like(recipes[end], from_record(unit.put(record(recipes[end]), value)))
            got = scores(mixed, f"the {word} {unit.title}")
            effects.append(tuple(sign * (a - b) for a, b in zip(got, both[end], strict=True)))
        except UdalibError as error:
            effects.append(())
            refused = str(error)
    return Toggle(unit, effects[0], effects[1], "" if any(effects) else refused)


def _like(model: Recipe, recipe: Recipe) -> Recipe:
    """Give ``recipe``, rebuilt from a record, those settings of training that no record has."""
    kept = {key: getattr(recipe.train, key) for key in MEANING if key != "seed"}
    return dataclasses.replace(recipe, train=dataclasses.replace(model.train, **kept))


def _scores(
    recipe: Recipe,
    seeds: Sequence[int],
    metric: str,
    out: str | os.PathLike[str] | None,
    told: Callable[[int], None],
) -> Scores:
    found = []
    for seed in seeds:
        told(seed)
        seeded = dataclasses.replace(recipe, train=dataclasses.replace(recipe.train, seed=seed, progress=False))
        found.append(100 * float(execute(seeded, out=out).results[metric]))
    return tuple(found)
