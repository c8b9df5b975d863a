"""What a report needs of run folders: which runs there are, which finished, and what they measured."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from udalib.core.errors import DataError, UdalibError
from udalib.engine.config import MEANING
from udalib.engine.record.reading import RunRecord, read_run
from udalib.recipes.spec.serialise import fingerprint, from_plain
from udalib.recipes.spec.specs import Published
from udalib.recipes.spec.tasks import TASKS, Task

RUN_FILE = "run.json"


@dataclass(frozen=True)
class Entry:
    """One run, as a line of a report.

    Attributes:
        folder: the run folder.
        recipe: its name; preset beside it, and those overrides that change the numbers.
        seed: of the run.
        finished: False = not a result, and ``reason`` says why.
        identity: fingerprint of everything that changes the numbers except the seed; runs with equal ones are repeats.
        metrics: "evaluation/key" to value, as the evaluator gave them (fractions, not percent).
        device: in words.
        precision: of the forward passes.
        iterations: budget of training.
        start: recipe whose run this one went on from, "" for none; that run's iterations and time are not in these.
        batch: global batch size of each stream, in words.
        seconds: wall time of training, None if unknown.
        ended: when it finished, as a sortable text.
        published: numbers of others that the recipe answers to.
        monitor: the evaluation that stands first.
        tasks: evaluation to the name of its task; one that is not in it is of segmentation.
    """

    folder: Path
    recipe: str
    preset: str = ""
    overrides: Mapping[str, Any] = field(default_factory=dict)
    seed: int = 0
    finished: bool = False
    reason: str = ""
    identity: str = ""
    metrics: Mapping[str, Any] = field(default_factory=dict)
    device: str = "unknown"
    precision: str = ""
    iterations: int = 0
    start: str = ""
    batch: str = ""
    seconds: float | None = None
    ended: str = ""
    published: tuple[Published, ...] = ()
    monitor: str = ""
    tasks: Mapping[str, str] = field(default_factory=dict)

    def task(self, evaluation: str) -> Task:
        """What an evaluation is about."""
        return TASKS.get(self.tasks.get(evaluation, "segmentation"))

    def evaluations(self) -> list[str]:
        """Names of the evaluations that have the score of their task, the monitored one first."""
        names = dict.fromkeys(key.partition("/")[0] for key in self.metrics)
        scored = [name for name in names if f"{name}/{self.task(name).score}" in self.metrics]
        return sorted(scored, key=lambda name: name != self.monitor)


def find_folders(places: Iterable[str | os.PathLike[str]]) -> list[Path]:
    """Run folders (those that hold a run.json) at or under ``places``, sorted, each once.

    Raises:
        DataError: a place does not exist.
    """
    found: set[Path] = set()
    for place in map(Path, places):
        if not place.exists():
            raise DataError(f"there is no folder {place}; `udalib run` makes run folders, --out says where.")
        start = place.parent if place.name == RUN_FILE else place
        found.update(path.parent for path in start.rglob(RUN_FILE))
    return sorted(found)


def read_entries(places: Iterable[str | os.PathLike[str]]) -> list[Entry]:
    """Read every run at or under ``places``; one that cannot be read becomes an entry that is not finished."""
    return [read_entry(folder) for folder in find_folders(places)]


def read_entry(folder: Path) -> Entry:
    """Read one run folder; what is wrong with it ends up in the ``reason`` of an entry that is not finished."""
    try:
        return _entry(read_run(folder))
    except UdalibError as error:
        return Entry(folder, folder.name, reason=str(error))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        reason = f"{RUN_FILE} is not what udalib writes ({type(error).__name__}: {error}); repeat the run."
        return Entry(folder, folder.name, reason=reason)


def _entry(record: RunRecord) -> Entry:
    data, recipe = record.data, record.data["recipe"]
    finished = record.status == "finished"
    config = data.get("config", {})
    evaluations = recipe.get("evaluations", [])
    return Entry(
        folder=record.folder,
        recipe=str(data["name"]),
        preset=str(recipe.get("preset", "")),
        overrides={key: value for key, value in data.get("overrides", {}).items() if _changes_numbers(key)},
        seed=int(data["seed"]),
        finished=finished,
        reason="" if finished else _reason(record),
        identity=fingerprint([data["name"], recipe]),
        metrics=_flat_subsets(record.results) if finished else {},
        device=_device(data.get("device", {})),
        precision=str(config.get("precision", "")),
        iterations=int(config.get("iterations", 0)),
        start=str((recipe.get("start") or {}).get("recipe", "")),
        batch=" + ".join(f"{stream['batch_size']} {stream['name']}" for stream in recipe.get("streams", [])),
        seconds=_seconds(data),
        ended=str(data.get("ended", "")),
        published=from_plain(tuple[Published, ...], recipe.get("published", []), "published"),
        monitor=str(evaluations[0]["name"]) if evaluations else "",
        tasks={str(each["name"]): str(each["task"]) for each in evaluations if "task" in each},
    )


def _changes_numbers(path: str) -> bool:
    section, _, name = path.partition(".")
    return not path.endswith(".workers") and (section != "train" or name in MEANING)


def _reason(record: RunRecord) -> str:
    if record.status == "failed":
        error = record.data.get("error", {})
        return f"failed: {error.get('type', 'error')}: {error.get('message', '')}"
    iteration = record.data.get("iteration")
    return record.status if iteration is None else f"{record.status} at iteration {iteration}"


def _flat_subsets(results: Mapping[str, Any]) -> dict[str, Any]:
    flat = dict(results)
    for key, value in results.items():
        if key.endswith("/subsets") and isinstance(value, Mapping):
            flat.update({f"{key}/{name}": score for name, score in value.items()})
    return flat


def _device(device: Mapping[str, Any]) -> str:
    if not device:
        return "unknown"
    processes, threads = int(device.get("processes", 1)), device.get("threads")
    words = f"{processes} x {device.get('name')}" if processes > 1 else str(device.get("name"))
    if device.get("type") == "cpu":
        return f"CPU {words}, {threads} thread{'s' if threads != 1 else ''}"
    return words


def _seconds(data: Mapping[str, Any]) -> float | None:
    if data.get("wall_time_s") is not None:
        return float(data["wall_time_s"])
    if data.get("started") and data.get("ended"):
        return (datetime.fromisoformat(data["ended"]) - datetime.fromisoformat(data["started"])).total_seconds()
    return None
