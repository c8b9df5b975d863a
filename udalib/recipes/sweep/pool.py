"""Runs as processes, several at a time: a crash costs one run, and Ctrl-C lets every run save itself."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO

from udalib.recipes.sweep.tasks import Task

AGAIN = "the same command goes on from the last checkpoint"


@dataclass(frozen=True)
class Worker:
    """A process that runs one task, and what it prints."""

    task: Task
    process: subprocess.Popen[bytes]
    output: IO[bytes]

    def failure(self) -> str | None:
        """Why it ended without finishing the run: the signal that killed it, or the last line it printed."""
        self.output.seek(0)
        return failure_of(self.process.returncode, self.output.read().decode(errors="replace"))


Launch = Callable[[Task], Worker]
Done = Callable[[Task, str | None], None]
"""Is told of a task that ended, and why it failed if it did."""


def failure_of(code: int, output: str) -> str | None:
    """Why a process that printed ``output`` and ended with ``code`` failed, in words; None if it did not."""
    if code == 0:
        return None
    if code < 0:
        return f"killed by {signal.Signals(-code).name}; {AGAIN}"
    lines = output.strip().splitlines()
    return lines[-1].strip().removeprefix("error: ") if lines else f"exit code {code}"


def start_run(task: Task) -> Worker:
    """Start ``udalib run`` for one task."""
    return start_module(task, ["udalib.cli", "run", *task.arguments])


def start_module(task: Task, words: Sequence[str]) -> Worker:
    """Start ``python -m WORDS`` for a task: one thread, in a session of its own (the terminal's Ctrl-C reaches it
    through us, once).
    """
    output = tempfile.TemporaryFile()  # noqa: SIM115  # lives as long as the worker
    process = subprocess.Popen(
        [sys.executable, "-m", *words],
        stdout=output,
        stderr=subprocess.STDOUT,
        env={**os.environ, **worker_environment()},
        start_new_session=True,
    )
    return Worker(task, process, output)


def worker_environment() -> dict[str, str]:
    """One thread a worker, and PyTorch's huge pages, which give the same numbers with fewer page faults."""
    return {**dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1"), "THP_MEM_ALLOC_ENABLE": "1"}


def run_all(tasks: Sequence[Task], jobs: int, done: Done, launch: Launch = start_run) -> None:
    """Keep ``jobs`` workers busy and tell ``done`` of each task that ended, with the reason if it failed.

    A task waits for the run it starts from, and fails with it. Whatever stops this loop stops the workers too: each
    finishes its iteration and saves a checkpoint.
    """
    backlog, running = Backlog(tasks, done), list[Worker]()
    try:
        while backlog.waiting or running:
            for task in backlog.ready([w.task for w in running])[: jobs - len(running)]:
                backlog.waiting.remove(task)
                running.append(launch(task))
            time.sleep(0.1)
            for worker in [w for w in running if w.process.poll() is not None]:
                running.remove(worker)
                backlog.end(worker.task, worker.failure())
    finally:
        for worker in running:
            worker.process.send_signal(signal.SIGINT)
        for worker in running:
            worker.process.wait()


class Backlog:
    """Tasks that wait for their turn; one waits for the run that it starts from as well, and fails with it.

    Args:
        tasks: all of them.
        done: is told of each that ended, with the reason if it failed.
    """

    def __init__(self, tasks: Sequence[Task], done: Done) -> None:
        self.waiting = list(tasks)
        self._done = done

    def ready(self, running: Sequence[Task]) -> list[Task]:
        """Those whose start is neither waiting nor among ``running``."""
        unfinished = {task.folder for task in [*self.waiting, *running]}
        return [task for task in self.waiting if task.start not in unfinished]

    def end(self, task: Task, failure: str | None) -> None:
        """Say that ``task`` ended; with a failure, all that start from it end as well."""
        self._done(task, failure)
        for child in [each for each in self.waiting if failure and each.start == task.folder]:
            self.waiting.remove(child)
            self.end(child, "the run that it starts from failed")


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
