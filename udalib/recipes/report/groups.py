"""From run folders to a report: runs that repeat each other are averaged over their seeds; the rest is listed apart."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from udalib.recipes.report.records import Entry
from udalib.recipes.spec.specs import Published


@dataclass(frozen=True)
class Spread:
    """A metric over seeds, in percent.

    ``std`` is the sample standard deviation (n - 1), None for a single seed.
    """

    values: tuple[float, ...]

    @property
    def mean(self) -> float:
        """Mean over seeds."""
        return statistics.fmean(self.values)

    @property
    def std(self) -> float | None:
        """Sample standard deviation over seeds."""
        return statistics.stdev(self.values) if len(self.values) > 1 else None

    def __str__(self) -> str:
        return f"{self.mean:.1f}" if self.std is None else f"{self.mean:.1f} ± {self.std:.1f}"


@dataclass(frozen=True)
class Group:
    """Finished runs that differ in nothing but the seed (one run a seed), and what they measured."""

    runs: tuple[Entry, ...]

    @property
    def first(self) -> Entry:
        """A run that speaks for all: recipe, preset, overrides, budget."""
        return self.runs[0]

    @property
    def label(self) -> str:
        """Recipe name, with the overrides that make it another experiment."""
        return f"{self.first.recipe} [{self.changes}]" if self.changes else self.first.recipe

    @property
    def changes(self) -> str:
        """The overrides as typed behind ``--set``, "" for a recipe as it stands."""
        return " ".join(f"{key}={value}" for key, value in self.first.overrides.items())

    @property
    def seeds(self) -> tuple[int, ...]:
        """Seeds, ascending."""
        return tuple(run.seed for run in self.runs)

    @property
    def devices(self) -> str:
        """Devices of the runs, each once."""
        return ", ".join(sorted({run.device for run in self.runs}))

    @property
    def minutes(self) -> float | None:
        """Mean wall time of a run in minutes."""
        seconds = [run.seconds for run in self.runs if run.seconds is not None]
        return statistics.fmean(seconds) / 60 if seconds else None

    @property
    def published(self) -> tuple[Published, ...]:
        """Numbers of others that the recipe answers to."""
        return self.first.published

    def evaluations(self) -> list[str]:
        """Names of the evaluations, the monitored one first."""
        return self.first.evaluations()

    def spread(self, metric: str) -> Spread | None:
        """Metric "evaluation/key" over the seeds, in percent; None unless every run has it."""
        values = [run.metrics.get(metric) for run in self.runs]
        if not values or any(not isinstance(v, int | float) for v in values):
            return None
        return Spread(tuple(100 * float(v) for v in values if v is not None))

    def scores(self) -> dict[str, Spread]:
        """The score of each evaluation (mean IoU, also over subsets; accuracy) by metric name, in their order."""
        spreads = {}
        for evaluation in self.evaluations():
            subsets = self.first.metrics.get(f"{evaluation}/subsets") or {}
            score = f"{evaluation}/{self.first.task(evaluation).score}"
            for metric in (score, *(f"{evaluation}/subsets/{name}" for name in subsets)):
                spread = self.spread(metric)
                if spread is not None:
                    spreads[metric] = spread
        return spreads

    def classes(self, evaluation: str) -> dict[str, Spread | None]:
        """IoU (accuracy) of each class in ``evaluation`` over the seeds; None for a class that does not occur."""
        key = f"{evaluation}/{self.first.task(evaluation).class_score}"
        per_run = [run.metrics.get(key) or {} for run in self.runs]
        return {name: _class_spread([iou.get(name) for iou in per_run]) for name in per_run[0]}

    def published_rows(self, evaluation: str) -> tuple[Published, ...]:
        """Those of the published numbers for ``evaluation`` that come with IoUs by class."""
        return tuple(p for p in self.published if p.classes and p.evaluation == evaluation)


def _class_spread(values: Sequence[float | None]) -> Spread | None:
    present = [100 * value for value in values if value is not None]
    return Spread(tuple(present)) if len(present) == len(values) else None


@dataclass(frozen=True)
class Report:
    """Groups of finished runs, runs that a later one of the same seed replaces, and runs that are no result."""

    groups: tuple[Group, ...]
    replaced: tuple[Entry, ...] = ()
    unfinished: tuple[Entry, ...] = ()

    def metrics(self) -> list[str]:
        """Every score that a group has, in order of appearance."""
        return list(dict.fromkeys(metric for group in self.groups for metric in group.scores()))


def summarise(records: Iterable[Entry]) -> Report:
    """Group finished runs by what they are; of two with one seed the one that finished later counts."""
    finished: dict[str, dict[int, Entry]] = {}
    replaced: list[Entry] = []
    unfinished: list[Entry] = []
    for record in sorted(records, key=lambda r: (r.recipe, r.preset, r.ended, r.folder)):
        if not record.finished:
            unfinished.append(record)
            continue
        seeds = finished.setdefault(record.identity, {})
        if record.seed in seeds:
            replaced.append(seeds[record.seed])
        seeds[record.seed] = record
    groups = [Group(tuple(seeds[s] for s in sorted(seeds))) for seeds in finished.values()]
    return Report(tuple(groups), tuple(replaced), tuple(unfinished))


def to_dict(report: Report) -> dict[str, Any]:
    """Return the report as JSON values; scores in percent."""
    return {
        "groups": [_group_dict(group) for group in report.groups],
        "replaced": [str(run.folder) for run in report.replaced],
        "unfinished": [
            {"folder": str(run.folder), "recipe": run.recipe, "seed": run.seed, "reason": run.reason}
            for run in report.unfinished
        ],
    }


def _group_dict(group: Group) -> dict[str, Any]:
    run = group.first
    return {
        "recipe": run.recipe,
        "preset": run.preset,
        "overrides": {key: str(value) for key, value in run.overrides.items()},
        "seeds": list(group.seeds),
        "device": group.devices,
        "iterations": run.iterations,
        "after": run.start,
        "batch": run.batch,
        "minutes": _rounded(group.minutes),
        "ours": {metric: _spread_dict(spread) for metric, spread in group.scores().items()},
        "classes": {
            name: {c: None if s is None else _spread_dict(s) for c, s in group.classes(name).items()}
            for name in group.evaluations()
        },
        "published": [_published_dict(p) for p in group.published],
    }


def _published_dict(number: Published) -> dict[str, Any]:
    plain: dict[str, Any] = {"value": number.value, "metric": number.metric}
    return {**plain, "source": number.source, "note": number.note, "classes": dict(number.classes)}


def _spread_dict(spread: Spread) -> Mapping[str, Any]:
    values = [_rounded(value) for value in spread.values]
    return {"mean": _rounded(spread.mean), "std": _rounded(spread.std), "values": values}


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 2)
