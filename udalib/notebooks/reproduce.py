"""Reproduce a table: every row and seed driven through a notebook, several at a time; what is done is not repeated."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from udalib.core.errors import ConfigError, UdalibError
from udalib.core.files import take_lock
from udalib.core.paths import runs_root
from udalib.notebooks.drive import find_reproduction, is_driven
from udalib.notebooks.execute import require_papermill
from udalib.recipes import Report, read_entries, summarise
from udalib.recipes.sweep.pool import Done, run_all, start_module, terminated_like_interrupted
from udalib.recipes.sweep.ray_pool import RayOptions, run_all_on_ray
from udalib.recipes.sweep.tasks import STALE, Task, is_finished, is_stale, make_task, with_starts
from udalib.recipes.tables import Row


@dataclass(frozen=True)
class Reproduction:
    """What became of a table.

    Attributes:
        report: of the runs that finished.
        failed: run title to reason.
    """

    report: Report
    failed: Mapping[str, str]


def plan(
    rows: Sequence[Row],
    seeds: Sequence[int],
    preset: str,
    overrides: Sequence[str] = (),
    *,
    device: str = "auto",
    out: Path | None = None,
) -> dict[str, tuple[Task, ...]]:
    """Runs by row title; an unknown recipe, preset or parameter raises before anything runs."""
    if not seeds:
        raise ConfigError("--seeds is empty; give at least one, for example --seeds 0 1 2.")
    return {
        row.title: tuple(make_task(row.recipe, seed, preset, overrides, device=device, out=out) for seed in seeds)
        for row in rows
    }


def reproduce(
    tasks: Mapping[str, Sequence[Task]],
    *,
    jobs: int = 1,
    out: Path | None = None,
    told: Callable[[str], None] = lambda _: None,
    cluster: RayOptions | None = None,
    store: str = "",
) -> Reproduction:
    """Run what is missing of ``tasks`` (see :func:`plan`) and report all of it.

    Args:
        tasks: runs by row title.
        jobs: runs at a time.
        out: folder of the run folders; one sweep at a time works in it.
        told: gets a line when a run ends.
        cluster: a Ray cluster that does the work, instead of processes here; its resources bound the runs at a time.
        store: address that gets a copy of every executed notebook, see :func:`udalib.notebooks.drive.put`.

    Raises:
        ConfigError: another sweep works in the same folder, or a package is missing.
    """
    require_papermill()
    notebook = find_reproduction()
    work = [task for seeds in zip(*tasks.values(), strict=True) for task in seeds]  # seed by seed: rows fill evenly
    failed: dict[str, str] = {}

    def done(task: Task, failure: str | None) -> None:
        if failure is None:
            told(f"{task.title}: finished, {task.folder}")
        else:
            failed[task.title] = failure
            told(f"{task.title}: failed: {failure}")

    with _locked(out or runs_root()):
        missing, unusable = remaining(work)
        failed.update(unusable)
        before = sum(task not in missing and task.title not in failed for task in work)
        told(f"{len(work)} runs in {len(tasks)} rows, {before} done before, {len(missing)} to do")
        extra = ["--notebook", str(notebook), *(["--store", store] if store else [])]
        _work_off(missing, extra, jobs, done, cluster)
    folders = [task.folder for task in work if task.title not in failed and is_finished(task)]
    return Reproduction(summarise(read_entries(folders)), failed)


def remaining(work: Sequence[Task]) -> tuple[list[Task], dict[str, str]]:
    """What is to be done for ``work``, the runs it starts from included, and what cannot be: run title to reason."""
    every = with_starts(work)
    unusable = {task.title: reason for task in every if (reason := _unusable(task)) is not None}
    return [task for task in every if task.title not in unusable and not is_driven(task)], unusable


def _work_off(tasks: Sequence[Task], extra: list[str], jobs: int, done: Done, cluster: RayOptions | None) -> None:
    """Drive every task with ``extra`` arguments, by processes here or on a cluster."""

    def words(task: Task) -> list[str]:
        return ["udalib.notebooks.drive", *task.arguments, *extra]

    with terminated_like_interrupted():
        if cluster is not None:
            run_all_on_ray(tasks, jobs, words, done, cluster)
        else:
            run_all(tasks, jobs, done, lambda task: start_module(task, words(task)))


def _unusable(task: Task) -> str | None:
    """Why what lies in the run folder can neither be used nor gone on from; None if it can, or if nothing is there."""
    try:
        return STALE if is_finished(task) and is_stale(task) else None
    except UdalibError as error:  # a damaged run.json
        return str(error)


@contextmanager
def _locked(root: Path) -> Iterator[None]:
    """Hold the folder of the runs for one sweep."""
    try:
        root.mkdir(parents=True, exist_ok=True)
        lock = take_lock(
            root / ".sweep.lock",
            f"another sweep works in {root}; wait for it, stop it, or give another folder with --out.",
        )
    except OSError as error:
        raise UdalibError(f"could not write {root}: {error.strerror}. Choose another folder with --out.") from error
    try:
        yield
    finally:
        lock.close()
