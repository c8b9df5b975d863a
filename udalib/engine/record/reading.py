"""Reading run folders: a run without an end is never shown as a result."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from udalib.core.errors import UdalibError
from udalib.core.files import read_json
from udalib.engine.record.logs import read_metrics

STATUSES = ("running", "finished", "failed", "interrupted")


@dataclass(frozen=True)
class RunRecord:
    """What a run folder says, for reports.

    Attributes:
        folder: the run folder.
        data: contents of ``run.json``.
        status: "running", "finished", "failed" or "interrupted"; a run whose process is gone counts as interrupted.
    """

    folder: Path
    data: Mapping[str, Any]
    status: str

    @property
    def results(self) -> Mapping[str, Any]:
        """Final evaluation of a finished run, {"evaluator/key": value}.

        Raises:
            UdalibError: the run is not finished; a failed or running one has no result.
        """
        if self.status != "finished":
            reason = self.data.get("error", {}).get("message", "")
            reason = f": {reason}" if reason else ""
            raise UdalibError(f"{self.folder} has no result: the run is {self.status}{reason}.")
        results: Mapping[str, Any] = self.data["results"]
        return results

    def metrics(self) -> list[dict[str, Any]]:
        """Lines of ``metrics.jsonl``."""
        return read_metrics(self.folder / "metrics.jsonl")


def read_run(folder: str | os.PathLike[str]) -> RunRecord:
    """Read one run folder; raises :class:`UdalibError` if it is none."""
    path = Path(folder) / "run.json"
    if not path.is_file():
        raise UdalibError(f"{folder} is no run folder (it has no run.json); check the path.")
    data = read_run_file(path)
    status = data.get("status")
    if status not in STATUSES:
        raise UdalibError(f"{path} has status {status!r}; it was not written by udalib.")
    gone = status == "running" and data.get("host") == socket.gethostname() and not _alive(data.get("pid"))
    return RunRecord(Path(folder), data, "interrupted" if gone else str(status))


def find_runs(root: str | os.PathLike[str], *, finished_only: bool = False) -> list[RunRecord]:
    """Every run folder under ``root``, sorted by path."""
    records = [read_run(path.parent) for path in sorted(Path(root).rglob("run.json"))]
    return [r for r in records if r.status == "finished"] if finished_only else records


def read_run_file(path: Path) -> dict[str, Any]:
    """The object in the run.json ``path``; :class:`UdalibError` if it is damaged or something else."""
    return read_json(path, "the record of a run", "Delete the folder, restore the file, or choose another folder.")


def _alive(pid: object) -> bool:
    if not isinstance(pid, int):
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True
