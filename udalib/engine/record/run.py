"""Writing the run folder: ``run.json``, next to ``metrics.jsonl``, ``last.ckpt`` and ``best.safetensors``."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from udalib.core.errors import UdalibError
from udalib.core.files import take_lock, write_json
from udalib.engine.record.checkpoint import refuse_changes
from udalib.engine.record.machine import now, versions
from udalib.engine.record.provenance import git_state
from udalib.engine.record.reading import read_run_file


class Run:
    """Writer of one run folder. Making one touches nothing; the trainer opens it in the first process only.

    Args:
        folder: where the run lives; seen by all processes.
        name: the recipe's name, for tables.
        recipe: the complete recipe as JSON values; a run only resumes with an equal one.
        overrides: what the user changed in it, as given.
        seed: run seed.
        resume: go on from ``last.ckpt`` if there is one; False starts again and removes the earlier record.
        resume_command: what to type to resume, shown after Ctrl-C and kept as the run's command.
    """

    def __init__(
        self,
        folder: str | os.PathLike[str],
        *,
        name: str = "",
        recipe: Mapping[str, Any] | None = None,
        overrides: Mapping[str, Any] | None = None,
        seed: int = 0,
        resume: bool = True,
        resume_command: str = "repeat the same command",
    ) -> None:
        self.folder = Path(folder)
        self.resume = resume
        self.resume_command = resume_command
        asked = {"name": name, "recipe": recipe or {}, "overrides": overrides or {}, "seed": seed}
        self._asked: dict[str, Any] = json.loads(json.dumps(asked | {"command": resume_command}))
        self._data: dict[str, Any] = {}
        self._lock: Any = None

    @property
    def checkpoint(self) -> Path:
        """Path of ``last.ckpt``."""
        return self.folder / "last.ckpt"

    @property
    def weights(self) -> Path:
        """Path of ``best.safetensors``."""
        return self.folder / "best.safetensors"

    @property
    def metrics(self) -> Path:
        """Path of ``metrics.jsonl``."""
        return self.folder / "metrics.jsonl"

    @property
    def resumable(self) -> bool:
        """True if training would go on from a checkpoint."""
        return self.resume and self.checkpoint.exists()

    @property
    def finished(self) -> bool:
        """True if ``run.json`` says so."""
        path = self.folder / "run.json"
        return path.exists() and read_run_file(path).get("status") == "finished"

    @property
    def remedy(self) -> str:
        """What to do when the run cannot be resumed because something changed."""
        return f"Undo the change, choose another folder than {self.folder}, or start again without resuming."

    def describe(self, **values: Any) -> None:
        """Add what else ``run.json`` shall say of the run (its data, ...); call it before the run is opened."""
        self._asked.update(json.loads(json.dumps(values)))

    def check_unchanged(self) -> None:
        """Raise :class:`CheckpointError` naming what differs from the recipe and seed of the folder."""
        if self.resumable and (self.folder / "run.json").exists():
            before = read_run_file(self.folder / "run.json")
            refuse_changes("seed", {"seed": before.get("seed")}, {"seed": self._asked["seed"]}, self.remedy)
            refuse_changes("recipe", before.get("recipe", {}), self._asked["recipe"], self.remedy)

    def open(self, device: Mapping[str, Any], config: Mapping[str, Any]) -> None:
        """Take the folder for this process and write status "running"."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._lock = take_lock(
                self.folder / ".lock",
                f"another process is training in {self.folder}; wait for it, stop it, or choose another folder.",
            )
        except OSError as error:
            raise UdalibError(
                f"could not write the run folder {self.folder}: {error.strerror or error}. "
                "Choose a folder you may write to."
            ) from error
        before = self._before()
        for half_written in self.folder.glob(".*.tmp"):  # left by a killed process; the lock says nobody else writes
            half_written.unlink(missing_ok=True)
        if not self.resume:
            for path in (self.checkpoint, self.weights, self.metrics):
                path.unlink(missing_ok=True)
        self._data = {
            **before,
            "format": 1,
            "status": "running",
            **self._asked,
            "config": dict(config),
            "device": dict(device),
            "versions": versions(),
            "git": git_state(),
            "started": before.get("started", now()),
            "host": socket.gethostname(),
            "pid": os.getpid(),
        }
        self._write()

    def _before(self) -> dict[str, Any]:
        """What an earlier session of this run recorded, without how it ended."""
        path = self.folder / "run.json"
        if not self.resumable or not path.exists():
            return {}
        return {k: v for k, v in read_run_file(path).items() if k not in ("ended", "error", "results")}

    def update(self, **values: Any) -> None:
        """Set entries of ``run.json`` (iteration, wall_time_s, peak_memory_mib, best, ...)."""
        self._data.update(values)
        self._write()

    def value(self, key: str) -> Any:
        """Entry ``key`` of the open run's ``run.json``, None if it has none."""
        return self._data.get(key)

    def finish(self, results: Mapping[str, Any]) -> None:
        """Record the results: only now do readers show them."""
        self._end("finished", results=dict(results))

    def fail(self, error: BaseException) -> None:
        """Record that the run stopped with ``error``; its numbers are never shown as a result.

        May be called before training began (data missing, say); a folder without a record then gets one.
        """
        if not self._data and (self.folder / "run.json").exists():
            return
        if not self._data:
            self._data = {"format": 1, **self._asked, "versions": versions(), "git": git_state(), "started": now()}
        self._end("failed", error={"type": type(error).__name__, "message": str(error)})

    def interrupt(self, iteration: int) -> None:
        """Record that a signal stopped the run after ``iteration`` iterations."""
        self._end("interrupted", iteration=iteration)

    def _end(self, status: str, **values: Any) -> None:
        self._data.update(status=status, ended=now(), **values)
        self._write()
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def _write(self) -> None:
        write_json(self.folder / "run.json", self._data)
