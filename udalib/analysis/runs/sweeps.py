"""Sweeps over the weight of the adversarial loss: a JSON file of runs, read, checked and asked for its parts."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from udalib.core.errors import DataError
from udalib.core.files import read_json

METRIC = "target/miou"
MEND = "Restore the file from the repository, or write it anew with benchmarks/adversarial_sweep.py."
LOSSES = ("loss_seg_main", "loss_adv_main", "loss_d_main_source", "loss_d_main_target")


class Variant(NamedTuple):
    """What a sweep varies beside the weight: where the discriminator looks, at how many levels, with which loss.

    >>> str(Variant(space="feature")), str(Variant(levels="multi", gan="ls"))
    ('feature space, one level, vanilla', 'output space, two levels, least squares')
    """

    space: str = "output"
    levels: str = "single"
    gan: str = "vanilla"

    def __str__(self) -> str:
        levels = {"single": "one level", "multi": "two levels"}.get(self.levels, self.levels)
        return f"{self.space} space, {levels}, {'least squares' if self.gan == 'ls' else self.gan}"


CHOICES: Mapping[str, tuple[str, ...]] = {
    "space": ("output", "feature"),
    "levels": ("single", "multi"),
    "gan": ("vanilla", "ls"),
}
"""What a :class:`Variant` may hold."""


@dataclass(frozen=True)
class SweepRun:
    """One training.

    Attributes:
        variant: space, levels and adversarial loss.
        weight: lambda of the adversarial loss, >= 0.
        seed: of the run.
        iteration: iterations at which the losses were logged.
        losses: each of :data:`LOSSES` at ``iteration``.
        evaluated: iterations at which ``miou`` was measured.
        miou: mIoU on the target in percent, the last one final.
    """

    variant: Variant
    weight: float
    seed: int
    iteration: tuple[float, ...]
    losses: Mapping[str, tuple[float, ...]]
    evaluated: tuple[float, ...]
    miou: tuple[float, ...]


@dataclass(frozen=True)
class Sweep:
    """Every run of a sweep; the runs of weight 0 are stored once and belong to every variant.

    Attributes:
        runs: in the order of the file.
        reference: target mIoU in percent, one a seed, of recipes outside the sweep, such as streets/source-only.
        what: what was run, in words.
        command: what repeats it.
    """

    runs: tuple[SweepRun, ...]
    reference: Mapping[str, tuple[float, ...]]
    what: str = ""
    command: str = ""

    @property
    def weights(self) -> tuple[float, ...]:
        """Every weight in the file, ascending."""
        return tuple(sorted({run.weight for run in self.runs}))

    @property
    def variants(self) -> tuple[Variant, ...]:
        """Variants with a run of positive weight, in the order of the file."""
        return tuple(dict.fromkeys(run.variant for run in self.runs if run.weight > 0))

    def select(self, variant: Variant, weight: float) -> tuple[SweepRun, ...]:
        """Runs of one variant and weight by ascending seed; for weight 0 the control; empty if there is none."""
        found = [r for r in self.runs if r.weight == weight and (weight == 0 or r.variant == variant)]
        return tuple(sorted(found, key=lambda run: run.seed))

    def weights_of(self, variant: Variant) -> tuple[float, ...]:
        """Weights that a variant was run with, ascending, without the control's 0."""
        return tuple(sorted({r.weight for r in self.runs if r.variant == variant and r.weight > 0}))


def load_sweep(path: str | os.PathLike[str]) -> Sweep:
    """Read a sweep as ``benchmarks/adversarial_sweep.py`` writes it.

    Raises:
        DataError: the file is missing or no JSON; a run lacks something, or its lists do not fit each other; the
            message names the run.
    """
    data = read_json(path, "a sweep", MEND, DataError)
    runs, reference = data.get("runs"), data.get("reference", {})
    if not isinstance(runs, list) or not runs:
        raise DataError(f'{path} holds no sweep: it needs a list "runs" with at least one run. {MEND}')
    if not isinstance(reference, dict):
        raise DataError(f'{path}: "reference" is {type(reference).__name__}, expected an object of recipes. {MEND}')
    return Sweep(
        tuple(_run(run, f"{path}, run {index}") for index, run in enumerate(runs)),
        {str(name): _numbers(scores, METRIC, f"{path}, reference {name}") for name, scores in reference.items()},
        str(data.get("what", "")),
        str(data.get("command", "")),
    )


def _run(run: Any, place: str) -> SweepRun:
    """Check one entry of the file's "runs"."""
    if not isinstance(run, dict):
        raise DataError(f"{place} is {run!r}, expected an object. {MEND}")
    for key, allowed in CHOICES.items():
        if run.get(key) not in allowed:
            raise DataError(f'{place}: "{key}" is {run.get(key)!r}, expected one of {", ".join(allowed)}. {MEND}')
    weight, seed = run.get("lambda"), run.get("seed")
    if weight is None or not _is_number(weight) or weight < 0:
        raise DataError(f'{place}: "lambda" is {weight!r}, expected a finite number >= 0. {MEND}')
    if not isinstance(seed, int) or isinstance(seed, bool):
        raise DataError(f'{place}: "seed" is {seed!r}, expected an integer. {MEND}')
    lists = {key: _numbers(run, key, place) for key in ("iteration", "evaluated", METRIC, *LOSSES)}
    for key, axis in ((METRIC, "evaluated"), *((loss, "iteration") for loss in LOSSES)):
        if len(lists[key]) != len(lists[axis]):
            raise DataError(f'{place}: "{key}" has {len(lists[key])} values, "{axis}" {len(lists[axis])}. {MEND}')
    return SweepRun(
        Variant(run["space"], run["levels"], run["gan"]),
        float(weight),
        seed,
        lists["iteration"],
        {loss: lists[loss] for loss in LOSSES},
        lists["evaluated"],
        lists[METRIC],
    )


def _numbers(values: Any, key: str, place: str) -> tuple[float, ...]:
    """The list of finite numbers under ``key``; never empty."""
    found = values.get(key) if isinstance(values, dict) else None
    if not isinstance(found, list) or not found or not all(_is_number(value) for value in found):
        raise DataError(f'{place}: "{key}" must be a list of one or more finite numbers, got {found!r:.80}. {MEND}')
    return tuple(float(value) for value in found)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
