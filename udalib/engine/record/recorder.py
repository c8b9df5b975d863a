"""What the loop leaves in the run folder; nothing without a run, and only the first process writes."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from udalib.engine.config import TrainConfig
from udalib.engine.record.checkpoint import Checkpoint, save_checkpoint, save_weights
from udalib.engine.record.energy import EnergyMeter
from udalib.engine.record.logs import MetricsFile, ScalarBoard
from udalib.engine.record.machine import describe_device, peak_memory_mib
from udalib.engine.record.run import Run


class Recorder:
    """Metrics, scalars, checkpoints and ``run.json`` of one call of ``Trainer.fit``.

    Args:
        run: the run of the process that writes it, None in the others.
        device: whose peak memory is recorded.
    """

    def __init__(self, run: Run | None, device: torch.device) -> None:
        self.run, self.device = run, device
        self._metrics: MetricsFile | None = None
        self._board: ScalarBoard | None = None
        self._meter: EnergyMeter | None = None
        self._joules_before: float | None = 0.0

    def open(self, config: TrainConfig, processes: int, checkpoint: Checkpoint | None) -> None:
        """Take the folder; cut ``metrics.jsonl`` back to the checkpoint."""
        if self.run is None:
            return
        self.run.open(describe_device(self.device, processes), vars(config))
        self._meter = EnergyMeter(self.device)
        self._joules_before = (self.run.value("energy") or {}).get("joules") if checkpoint else 0.0
        self._metrics = MetricsFile(self.run.metrics, checkpoint.metrics_position if checkpoint else 0)
        self._board = ScalarBoard(self.run.folder, checkpoint.iteration if checkpoint else 0)

    def write(self, iteration: int, kind: str, values: Mapping[str, Any]) -> None:
        """Append a line to ``metrics.jsonl`` and its numbers to TensorBoard."""
        plain = {key: _plain(value) for key, value in values.items()}
        if self._meter is not None:
            self._meter.joules()  # a CPU's counter is full after tens of minutes: it is read between checkpoints too
        if self._metrics is not None:
            self._metrics.write({"iteration": iteration, "kind": kind, **plain})
        self.scalars(iteration, plain)

    def scalars(self, iteration: int, values: Mapping[str, Any]) -> None:
        """Numbers for TensorBoard only (speeds, which differ from run to run)."""
        if self._board is not None:
            self._board.write(iteration, {k: v for k, v in values.items() if isinstance(v, int | float)})

    def save(self, checkpoint: Checkpoint) -> None:
        """Write ``last.ckpt`` and bring ``run.json`` up to it."""
        if self.run is None or self._metrics is None:
            return
        checkpoint.metrics_position = self._metrics.sync()
        save_checkpoint(self.run.checkpoint, checkpoint)
        self.run.update(
            iteration=checkpoint.iteration,
            wall_time_s=round(checkpoint.elapsed, 2),
            iterations_per_second=round(checkpoint.iteration / max(checkpoint.elapsed, 1e-9), 3),
            peak_memory_mib=peak_memory_mib(self.device),
            best=checkpoint.best,
            energy=self._energy(),
        )

    def _energy(self) -> dict[str, Any] | None:
        """Of the first process's device, so far; None unless every sitting of the run was measured."""
        joules = self._meter.joules() if self._meter is not None else None
        if self._meter is None or joules is None or self._joules_before is None:
            return None
        return {"joules": round(self._joules_before + joules, 1), "source": self._meter.source}

    def save_best(self, method: nn.Module, best: Mapping[str, Any]) -> None:
        """Write ``best.safetensors``."""
        if self.run is not None:
            save_weights(self.run.weights, method, best)

    def finish(self, results: Mapping[str, Any]) -> None:
        """Record the end and the results."""
        if self.run is not None:
            self.run.finish({key: _plain(value) for key, value in results.items()})

    def interrupt(self, iteration: int) -> None:
        """Record a stop by a signal."""
        if self._metrics is not None and self.run is not None:
            self.run.interrupt(iteration)

    def fail(self, error: BaseException) -> None:
        """Record an error, if the folder was taken: a refused resume leaves the earlier record as it was."""
        if self._metrics is not None and self.run is not None:
            self.run.fail(error)

    def close(self) -> None:
        """Close the files."""
        for file in (self._metrics, self._board):
            if file is not None:
                file.close()


def _plain(value: Any) -> Any:
    """JSON has no NaN: what is not finite becomes None."""
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
