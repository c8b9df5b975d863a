"""The trainer: knows no method by name. It asks three small protocols for what it needs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Protocol

import torch
from torch import nn

from udalib.core.errors import ConfigError, unknown_name
from udalib.core.types import Batch
from udalib.engine.config import TrainConfig
from udalib.engine.loop import Loop
from udalib.engine.record.run import Run
from udalib.engine.runtime import make_fabric


class BatchStream(Protocol):
    """What the trainer needs of a stream; :class:`udalib.data.Stream` has it."""

    def batches(self, start_iteration: int, rank: int, world_size: int) -> Iterator[Batch]:
        """Endless batches from ``start_iteration`` on, this process's share, on the CPU."""

    def finish(self, batch: Batch, device: torch.device, iteration: int, rank: int, world_size: int) -> Batch:
        """The batch on ``device``, images float in [0, 1], transformed."""


class Evaluator(Protocol):
    """What the trainer needs of an evaluator.

    Attributes:
        asks: name of the method's function, from images to an answer, that :meth:`evaluate` gets.
        score: key of the metric that decides which weights are the best, unless the configuration names another.
    """

    asks: str
    score: str

    def evaluate(self, answer: Any, device: torch.device, fabric: Any = None) -> dict[str, Any]:
        """Metrics by name, the same in every process."""


class RateSchedule(Protocol):
    """What the trainer needs of a schedule."""

    def __call__(self, base_lr: float, iteration: int) -> float:
        """Learning rate of 0-based ``iteration`` for a group whose initial one is ``base_lr``."""


class Trainer:
    """Train a method, log, evaluate, checkpoint, resume.

    Args:
        config: see :class:`TrainConfig`.
        run: the folder to record in and resume from; None trains without a trace (notebooks, tests).

    Example::

        trainer = Trainer(TrainConfig(iterations=2000), Run("runs/demo"))
        results = trainer.fit(method, {"source": stream}, {"target": evaluator}, {"main": Poly(2000)})
        results["target/miou"]
    """

    def __init__(self, config: TrainConfig, run: Run | None = None) -> None:
        self.config = config
        self.run = run

    def fit(
        self,
        method: nn.Module,
        streams: Mapping[str, BatchStream],
        evaluators: Mapping[str, Evaluator] | None = None,
        schedules: Mapping[str, RateSchedule] | None = None,
    ) -> dict[str, Any]:
        """Train to the end (from the last checkpoint if the run has one) and return the last evaluation.

        The result is that of the final weights. ``best.safetensors`` keeps the weights with the best monitored value;
        where that is measured on labelled target images, choosing by it is not unsupervised adaptation, so it is
        kept for inspection and never reported as the result.

        Args:
            method: a :class:`udalib.methods.Method`; trained in place.
            streams: stream name to stream; must hold every one in ``method.streams``.
            evaluators: evaluation name to evaluator.
            schedules: optimiser name to schedule; an optimiser without one keeps its rate.

        Returns:
            {"evaluation/metric": value} of the last evaluation, {} without evaluators.

        Raises:
            RunInterrupted: Ctrl-C or SIGTERM; the run is saved.
            NonFiniteError: a loss term or weight became NaN or infinite; it is named.
            CheckpointError: the checkpoint is damaged, or of another recipe.
            ConfigError: a stream is missing, or a schedule's or the monitor's name is unknown.
        """
        evaluators, schedules = dict(evaluators or {}), dict(schedules or {})
        self._check(method, streams, evaluators, schedules)
        if self.run is not None:
            self.run.check_unchanged()
        fabric = make_fabric(self.config)

        def launched(fabric: Any) -> dict[str, Any]:
            return Loop(self.config, self.run, fabric, method, streams, evaluators, schedules).run_to_end()

        results: dict[str, Any] = fabric.launch(launched)
        return results

    def _check(
        self,
        method: Any,
        streams: Mapping[str, BatchStream],
        evaluators: Mapping[str, Evaluator],
        schedules: Mapping[str, RateSchedule],
    ) -> None:
        for name in method.streams:
            if name not in streams:
                given = ", ".join(sorted(streams)) or "none"
                raise ConfigError(f"{type(method).__name__} needs a stream {name!r}; given: {given}.")
        for name in schedules:
            if name not in method.optimizers():
                raise unknown_name("optimiser (in schedules)", name, method.optimizers())
        monitor = self.config.monitor
        if monitor is not None and monitor.partition("/")[0] not in evaluators:
            raise unknown_name("evaluation (in monitor)", monitor.partition("/")[0], evaluators)
