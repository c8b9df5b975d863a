"""Runs of recipes as processes, several at a time: a crash costs one run, and Ctrl-C lets every run save itself."""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from udalib.core.errors import UdalibError
from udalib.engine.record.reading import read_run
from udalib.recipes import Recipe
from udalib.recipes.report.records import read_entry
from udalib.recipes.runner import finished_results, from_record, record

OUTSIDE = ("world", "start_fingerprint")
"""What :func:`record` adds to the recipe's own parameters."""


@dataclass(frozen=True)
class Task:
    """One run: recipe with its seed, run folder, overrides as typed, and the folder of the run that it starts from."""

    recipe: Recipe
    folder: Path
    overrides: tuple[str, ...] = ()
    start: Path | None = None

    @property
    def title(self) -> str:
        """As it is named in messages and records."""
        return f"{self.recipe.name} seed {self.recipe.train.seed}"


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


@dataclass(frozen=True)
class Worker:
    """A process that runs one task, and what it prints."""

    task: Task
    process: subprocess.Popen[bytes]
    output: IO[bytes]

    def failure(self) -> str | None:
        """Why it ended without finishing the run: the signal that killed it, or the last line it printed."""
        code = self.process.returncode
        if code == 0:
            return None
        if code < 0:
            return f"killed by {signal.Signals(-code).name}; the same command goes on from the last checkpoint"
        self.output.seek(0)
        lines = self.output.read().decode(errors="replace").strip().splitlines()
        return lines[-1].strip().removeprefix("error: ") if lines else f"exit code {code}"


def start(task: Task, options: argparse.Namespace) -> Worker:
    """Start ``udalib run`` for one task in a session of its own: the terminal's Ctrl-C reaches it through us, once."""
    words = [sys.executable, "-m", "udalib.cli", "run", task.recipe.name, "--preset", options.preset]
    words += ["--seeds", str(task.recipe.train.seed), "--device", options.device]
    words += ["--out", str(options.runs)] if options.runs else []
    words += ["--set", *task.overrides, "train.progress=no"]
    settings = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    settings |= {"THP_MEM_ALLOC_ENABLE": "1"}  # PyTorch's huge pages: the same numbers with fewer page faults
    output = tempfile.TemporaryFile()  # noqa: SIM115  # lives as long as the worker
    process = subprocess.Popen(
        words, stdout=output, stderr=subprocess.STDOUT, env={**os.environ, **settings}, start_new_session=True
    )
    return Worker(task, process, output)


def run_all(tasks: list[Task], options: argparse.Namespace, done: Callable[[Task, str | None], None]) -> None:
    """Keep ``options.jobs`` workers busy and tell ``done`` of each task that ended, with the reason if it failed.

    A task waits for the run it starts from, and fails with it. Whatever stops this loop stops the workers too: each
    finishes its iteration and saves a checkpoint.
    """
    waiting, running, failed = list(tasks), list[Worker](), set[Path]()

    def end(task: Task, failure: str | None) -> None:
        failed.update([task.folder] if failure else [])
        done(task, failure)

    try:
        while waiting or running:
            while doomed := [t for t in waiting if t.start in failed]:
                waiting.remove(doomed[0])
                end(doomed[0], "the run that it starts from failed")
            unfinished = {t.folder for t in waiting} | {w.task.folder for w in running}
            for task in [t for t in waiting if t.start not in unfinished][: options.jobs - len(running)]:
                waiting.remove(task)
                running.append(start(task, options))
            time.sleep(0.1)
            for worker in [w for w in running if w.process.poll() is not None]:
                running.remove(worker)
                end(worker.task, worker.failure())
    finally:
        for worker in running:
            worker.process.send_signal(signal.SIGINT)
        for worker in running:
            worker.process.wait()


@contextmanager
def terminated_like_interrupted() -> Iterator[None]:
    """Let SIGTERM do what Ctrl-C does."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
