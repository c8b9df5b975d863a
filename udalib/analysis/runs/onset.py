"""When each class is learned: IoU by class along a run, and whether the runs that learn it late end lower in it."""

from __future__ import annotations

import itertools
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from udalib.core.errors import ConfigError, DataError
from udalib.engine.record.reading import read_run

THRESHOLD = 10.0
"""IoU in percent above which a class counts as learned."""
MAX_RUNS = 7
"""The exact permutation test goes through n! orders of the seeds; more runs than this are refused."""
Numbers = NDArray[np.float64]


@dataclass(frozen=True)
class ClassCurves:
    """IoU of every class at every evaluation of one run.

    Attributes:
        recipe: its name.
        seed: of the run.
        iterations: after which it was evaluated, ascending.
        iou: class name to percent, one value an evaluation; None where the class neither occurs nor is predicted.
    """

    recipe: str
    seed: int
    iterations: tuple[int, ...]
    iou: Mapping[str, tuple[float | None, ...]]

    def onset(self, name: str, threshold: float = THRESHOLD) -> float:
        """Iteration of the first evaluation with an IoU above ``threshold``; infinite if there is none.

        >>> ClassCurves("a", 0, (100, 200, 300), {"bus": (0.0, 10.0, 12.5)}).onset("bus")
        300.0
        """
        passed = (i for i, value in zip(self.iterations, self.iou[name], strict=True) if (value or 0.0) > threshold)
        return float(next(passed, math.inf))

    def final(self, name: str) -> float:
        """IoU of the last evaluation in percent; nan if it has none."""
        last = self.iou[name][-1]
        return math.nan if last is None else float(last)

    def to_dict(self) -> dict[str, Any]:
        """As JSON values; :func:`curves_of` reads them."""
        iou = {name: list(values) for name, values in self.iou.items()}
        return {"recipe": self.recipe, "seed": self.seed, "iterations": list(self.iterations), "iou": iou}


def class_curves(folder: str | os.PathLike[str], evaluation: str = "target") -> ClassCurves:
    """Read the evaluations named ``evaluation`` from the run in ``folder`` (``train.evaluate_every`` makes many).

    Raises:
        DataError: the run has fewer than two, which is no curve.
    """
    run, key = read_run(folder), f"{evaluation}/iou"
    lines = {line["iteration"]: line[key] for line in run.metrics() if key in line}
    if len(lines) < 2:
        raise DataError(
            f"the run in {folder} has {len(lines)} evaluation(s) {evaluation!r}, and a curve needs two or more; train "
            "it with train.evaluate_every set to a part of its iterations."
        )
    order = sorted(lines)
    iou = {name: tuple(_percent(lines[i][name]) for i in order) for name in lines[order[0]]}
    return ClassCurves(run.data["name"], run.data["seed"], tuple(order), iou)


def curves_of(record: Mapping[str, Any], recipe: str | None = None) -> list[ClassCurves]:
    """Runs in a record of ``benchmarks/class_onset.py``, those of one ``recipe`` or all, in its order."""
    return [
        ClassCurves(run["recipe"], run["seed"], tuple(run["iterations"]), {n: tuple(v) for n, v in run["iou"].items()})
        for run in record["runs"]
        if recipe in (None, run["recipe"])
    ]


def early_and_late(
    runs: Sequence[ClassCurves], name: str, threshold: float = THRESHOLD
) -> tuple[list[ClassCurves], list[ClassCurves]]:
    """Split the runs where a class is learned: no later than their median, and later.

    Where the median is the latest of them, early means before it. All are early if they learn the class at once, and
    all are late if none ever does.
    """
    onsets = [run.onset(name, threshold) for run in runs]
    middle = sorted(onsets)[(len(onsets) - 1) // 2]
    if math.isinf(middle) or (middle == max(onsets) and middle > min(onsets)):
        is_early = [onset < middle for onset in onsets]
    else:
        is_early = [onset <= middle for onset in onsets]
    early, late = ([run for run, e in zip(runs, is_early, strict=True) if e is kind] for kind in (True, False))
    return early, late


@dataclass(frozen=True)
class OnsetCorrelation:
    """Do runs that learn a class late end lower in it?

    Attributes:
        by_class: rank correlation (Spearman) of onset and final IoU over the runs; only classes with differing onsets.
        mean: over these classes, below 0 if late means low; nan if there is no class.
        p: one-sided, exact: share of the orders of the runs' finals (of all classes together) with a mean as low.
    """

    by_class: dict[str, float]
    mean: float
    p: float


def onset_correlation(runs: Sequence[ClassCurves], threshold: float = THRESHOLD) -> OnsetCorrelation:
    """Correlate, over runs of ONE recipe, the iteration at which a class is learned with its final IoU.

    A class that is never learned counts as later than all evaluations. A run that learns a class late also has less
    time left for it, so a correlation below 0 is no proof that the delay itself does harm.

    Raises:
        ConfigError: fewer than 3 or more than 7 runs, or runs of several recipes.
    """
    if not 3 <= len(runs) <= MAX_RUNS or len({run.recipe for run in runs}) != 1:
        recipes = ", ".join(sorted({run.recipe for run in runs})) or "none"
        raise ConfigError(
            f"a rank correlation needs 3 to {MAX_RUNS} runs of one recipe; got {len(runs)} of the recipe(s) {recipes}."
        )
    onsets = {name: [run.onset(name, threshold) for run in runs] for name in runs[0].iou}
    finals = {name: [run.final(name) for run in runs] for name in onsets}
    names = [n for n in onsets if len(set(onsets[n])) > 1 and len(set(finals[n])) > 1 and np.isfinite(finals[n]).all()]
    if not names:
        return OnsetCorrelation({}, math.nan, 1.0)
    late = np.array([_standard_ranks(onsets[name]) for name in names])
    high = np.array([_standard_ranks(finals[name]) for name in names])
    by_class = (late * high).mean(axis=1)
    means = [(late * high[:, list(order)]).mean() for order in itertools.permutations(range(len(runs)))]
    p = float(np.mean(np.array(means) <= by_class.mean() + 1e-12))
    return OnsetCorrelation(dict(zip(names, by_class.tolist(), strict=True)), float(by_class.mean()), p)


def _standard_ranks(values: Sequence[float]) -> Numbers:
    """Ranks (ties share theirs) with mean 0 and variance 1; the mean product of two is Spearman's coefficient."""
    from scipy.stats import rankdata  # type: ignore[import-untyped]  # here, for its import time

    ranks = np.asarray(rankdata(values), dtype=np.float64)
    return np.asarray((ranks - ranks.mean()) / ranks.std(), dtype=np.float64)


def _percent(value: float | None) -> float | None:
    return None if value is None else round(100 * value, 2)
