"""From the scalars of a step to ``metrics.jsonl``: no waiting for the device in between, no NaN unnoticed."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeAlias

import torch
from torch import Tensor

from udalib.core.errors import CheckpointError, UdalibError
from udalib.core.types import Logs
from udalib.engine.runtime import average_tensors

Entry: TypeAlias = tuple[int, dict[str, float]]


class NonFiniteError(UdalibError):
    """A loss term or a weight became NaN or infinite; the message names it."""

    @classmethod
    def of(cls, name: str, value: float | str, iteration: int) -> NonFiniteError:
        """Build the error for a term ``name`` in 0-based ``iteration``."""
        return cls(
            f"{name} became {value} in iteration {iteration}; training stopped. The last checkpoint is from before. "
            "Usual remedies: a lower learning rate, gradient clipping (clip=1.0), precision 32-true or bf16-mixed "
            "instead of 16-mixed; check labels and images with `udalib data check`."
        )


class LogWindow:
    """Scalars since the last line in ``metrics.jsonl``, kept on the device until :meth:`flush`.

    Args:
        lenient: accept non-finite values as long as one iteration in the window was finite: in float16 the loss
            scaler skips an overflowed update and goes on. Means are then over the finite values.
    """

    def __init__(self, *, lenient: bool = False) -> None:
        self.lenient = lenient
        self._device: list[tuple[int, tuple[str, ...], Tensor]] = []
        self._host: list[Entry] = []

    def add(self, iteration: int, logs: Logs) -> None:
        """Take the logs of one step without waiting for the device; tensors must be scalars."""
        on_device = {k: v.detach().float() for k, v in logs.items() if isinstance(v, Tensor) and v.device.type != "cpu"}
        on_host = {k: float(v) for k, v in logs.items() if k not in on_device}
        if on_device:
            self._device.append((iteration, tuple(on_device), torch.stack([v.reshape(()) for v in on_device.values()])))
        if on_host:
            self._host.append((iteration, on_host))

    def entries(self) -> list[Entry]:
        """Everything taken since the last flush, on the host (waits for the device); also what a checkpoint stores."""
        for iteration, names, values in self._device:
            self._host.append((iteration, dict(zip(names, values.tolist(), strict=True))))
        self._device.clear()
        return self._host

    def restore(self, entries: list[Entry]) -> None:
        """Go on from the entries of a checkpoint."""
        self._host = [(iteration, dict(values)) for iteration, values in entries]

    def problem(self) -> NonFiniteError | None:
        """The error that names the first non-finite term and its iteration, if there is one."""
        entries = self.entries()
        bad = [(i, k, v) for i, values in entries for k, v in values.items() if not math.isfinite(v)]
        if self.lenient:
            fine = {k for _, values in entries for k, v in values.items() if math.isfinite(v)}
            bad = [(i, k, v) for i, k, v in bad if k not in fine]
        if not bad:
            return None
        iteration, name, value = min(bad, key=lambda item: item[0])
        return NonFiniteError.of(name, value, iteration)

    def flush(self, world_size: int = 1, device: torch.device | None = None) -> dict[str, float]:
        """Mean of each term over its finite values since the last flush and over processes; empties the window."""
        sums: dict[str, list[float]] = {}
        for _, values in self.entries():
            for name, value in values.items():
                if math.isfinite(value):
                    total = sums.setdefault(name, [0.0, 0.0])
                    total[0] += value
                    total[1] += 1.0
        self._host = []
        means = {name: total / count for name, (total, count) in sums.items()}
        if world_size == 1 or not means:
            return means
        shared = torch.tensor([means[name] for name in sorted(means)], device=device)
        average_tensors([shared], world_size)
        return dict(zip(sorted(means), shared.tolist(), strict=True))


class MetricsFile:
    """``metrics.jsonl``: one JSON object a line, appended; cut back to a checkpoint's position on resume.

    Lines hold no times and no machine names: a resumed run writes the same bytes as an unbroken one.
    """

    def __init__(self, path: Path, position: int = 0) -> None:
        self.path = path
        size = path.stat().st_size if path.exists() else 0
        if size < position:
            raise CheckpointError(
                f"{path} has {size} bytes, but the checkpoint was written at {position}: lines were removed. Restore "
                "the file, or start again without resuming."
            )
        try:
            if size > position:
                os.truncate(path, position)
            self._file = path.open("ab")
        except OSError as error:
            raise _unwritable(path, error) from error

    def write(self, record: Mapping[str, Any]) -> None:
        """Append one line and hand it to the operating system at once."""
        line = json.dumps(record, allow_nan=False) + "\n"
        try:
            self._file.write(line.encode())
            self._file.flush()
        except OSError as error:
            raise _unwritable(self.path, error) from error

    def sync(self) -> int:
        """Force the lines to disk; return the position after them, for the checkpoint."""
        try:
            os.fsync(self._file.fileno())
        except OSError as error:
            raise _unwritable(self.path, error) from error
        return self._file.tell()

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def _unwritable(path: Path, error: OSError) -> UdalibError:
    return UdalibError(
        f"could not write {path}: {error.strerror or error}. Free disk space or choose a folder you may write to; the "
        "last checkpoint is intact, so the same command resumes."
    )


def read_metrics(path: str | os.PathLike[str]) -> list[dict[str, Any]]:
    """Lines of a ``metrics.jsonl``; a torn last line (the writer was killed) is left out, a missing file is empty."""
    path = Path(path)
    if not path.exists():
        return []
    *lines, tail = path.read_bytes().split(b"\n")
    del tail  # what follows the last newline: empty, or torn
    records: list[dict[str, Any]] = []
    for number, line in enumerate(lines, 1):
        try:
            records.append(json.loads(line))
        except ValueError as error:
            raise UdalibError(
                f"{path}, line {number} is not JSON ({error}); delete that line or repeat the run."
            ) from error
    return records


class ScalarBoard:
    """TensorBoard scalars in the run folder when tensorboard is installed, else nothing."""

    def __init__(self, folder: Path | None, start: int = 0) -> None:
        self._writer: Any = None
        if folder is None:
            return
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError:
            return
        self._writer = SummaryWriter(str(folder / "tensorboard"), purge_step=start + 1)

    def write(self, iteration: int, scalars: Mapping[str, float]) -> None:
        """Write ``scalars`` at ``iteration``."""
        if self._writer is not None:
            for name, value in scalars.items():
                self._writer.add_scalar(name, value, iteration)

    def close(self) -> None:
        """Close the event file."""
        if self._writer is not None:
            self._writer.close()
