"""The loop behind :class:`udalib.engine.trainer.Trainer`: iterations, logs, evaluations, checkpoints, the end."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any, NoReturn

import torch
from torch import Tensor

from udalib.core.seeding import derive_seed
from udalib.core.types import Batch
from udalib.engine.config import TrainConfig
from udalib.engine.optim.build import set_learning_rates
from udalib.engine.progress import Progress
from udalib.engine.record.checkpoint import Checkpoint, load_checkpoint, refuse_changes, restore
from udalib.engine.record.logs import LogWindow, NonFiniteError
from udalib.engine.record.recorder import Recorder
from udalib.engine.record.run import Run
from udalib.engine.runtime import FabricRuntime, broadcast_tensors
from udalib.engine.setup import (
    modes_kept,
    non_finite_weight,
    prepare,
    split_batch,
    to_channels_last,
    torch_settings,
)
from udalib.engine.stop import EvaluationStopped, RunInterrupted, StopSignal, interrupted


class Loop:
    """State of one call of ``Trainer.fit`` in one process."""

    def __init__(
        self,
        config: TrainConfig,
        run: Run | None,
        fabric: Any,
        method: Any,
        streams: Mapping[str, Any],
        evaluators: Mapping[str, Any],
        schedules: Mapping[str, Any],
    ) -> None:
        self.config, self.run, self.fabric, self.method = config, run, fabric, method
        self.streams = {name: streams[name] for name in method.streams}
        self.evaluators, self.schedules = evaluators, schedules
        self.optimizers: dict[str, torch.optim.Optimizer] = method.optimizers()
        for group in (group for optimizer in self.optimizers.values() for group in optimizer.param_groups):
            group.setdefault("initial_lr", group["lr"])
        self.rank, self.world_size, self.device = fabric.global_rank, fabric.world_size, fabric.device
        half = config.precision == "16-mixed" and fabric.device.type == "cuda"
        self.runtime = FabricRuntime(
            fabric, clip=config.clip, accumulate=config.accumulate, half=half, seed=config.seed
        )
        self.window = LogWindow(lenient=half)
        self.recorder = Recorder(run if self.rank == 0 else None, self.device)
        self.stop = StopSignal()
        self.iteration, self.evaluated, self.elapsed = 0, True, 0.0
        self.results: dict[str, Any] = {}
        self.best: dict[str, Any] | None = None

    def run_to_end(self) -> dict[str, Any]:
        """Resume if there is something to resume, train, record the end; return the last evaluation."""
        with torch_settings(self.config), self.stop:
            try:
                if not self._begin():
                    return self.results
                self._train()
                self.recorder.finish(self.results)
            except RunInterrupted:
                raise
            except KeyboardInterrupt:  # the second Ctrl-C: no time to save
                self.recorder.interrupt(self.iteration)
                raise
            except BaseException as error:
                self.recorder.fail(error)
                raise
            finally:
                self.recorder.close()
        return self.results

    def _begin(self) -> bool:
        """Put method and state where the run stands; False if the run is finished already."""
        self.method.runtime = self.runtime
        prepare(self.method, self.config, self.device, self.world_size)
        checkpoint = self._resume(self.run) if self.run is not None and self.run.resumable else None
        if checkpoint is not None and self.run is not None and self.run.finished:
            return False
        self.recorder.open(self.config, self.world_size, checkpoint)
        self.fabric.barrier()
        self.started = time.monotonic()
        return True

    def _resume(self, run: Run) -> Checkpoint:
        checkpoint = load_checkpoint(run.checkpoint)
        refuse_changes("setting", checkpoint.config, self.config.meaning(), run.remedy)
        restore(checkpoint, self.method, self.optimizers, run.checkpoint)
        if checkpoint.scaler:
            self.runtime.scaler.load_state_dict(checkpoint.scaler)
        if self.rank < len(checkpoint.pending):
            self.window.restore(checkpoint.pending[self.rank])
        self.iteration, self.evaluated, self.elapsed = checkpoint.iteration, checkpoint.evaluated, checkpoint.elapsed
        self.results, self.best = checkpoint.results, checkpoint.best
        return checkpoint

    def _train(self) -> None:
        total, start = self.config.iterations, self.iteration
        if not self.evaluated:
            self._evaluate()
        iterators = {n: s.batches(start, self.rank, self.world_size) for n, s in self.streams.items()}
        title = self.run.folder.name if self.run is not None else type(self.method).__name__
        self.method.train()
        with Progress(total, start=start, title=title, shown=self.config.progress and self.rank == 0) as progress:
            while self.iteration < total:
                self._iterate(iterators)
                progress.advance()
                self._after(progress)
        self._save()

    def _iterate(self, iterators: Mapping[str, Iterator[Batch]]) -> None:
        i, place = self.iteration, (self.rank, self.world_size)
        batches = {n: self.streams[n].finish(self._next(it), self.device, i, *place) for n, it in iterators.items()}
        if self.config.channels_last:
            to_channels_last(batches)
        # One seed for each iteration instead of stored random states: dropout resumes exactly, at any iteration.
        torch.manual_seed(derive_seed("iteration", self.config.seed, i, self.rank))
        for name, schedule in self.schedules.items():
            set_learning_rates(self.optimizers[name], schedule, i)
        for micro, part in enumerate(split_batch(batches, self.config.accumulate)):
            self.runtime.begin(micro)
            self.window.add(i, self.method.step(part, i))
        self.runtime.end_iteration()
        self.iteration = i + 1

    def _next(self, iterator: Iterator[Batch]) -> Batch:
        try:
            return next(iterator)
        except RuntimeError:
            if self.stop.received is not None and self.world_size == 1:
                self._interrupt()  # Ctrl-C reaches the loader's processes too, and ends them
            raise

    def _after(self, progress: Progress) -> None:
        n, last = self.iteration, self.iteration == self.config.iterations
        if last or n % self.config.log_every == 0:
            self._log(progress)
        due = bool(self.evaluators) and (last or _divides(self.config.evaluate_every, n))
        if self._stop_requested():
            self.evaluated = not due
            self._interrupt()
        if due:
            self._evaluate()
        if not last and _divides(self.config.checkpoint_every, n):
            self._save()

    def _log(self, progress: Progress) -> None:
        self._check_finite(weights=False)
        means = self.window.flush(self.world_size, self.device)
        progress.show({"loss": means["loss"]} if "loss" in means else dict(list(means.items())[:1]))
        rates = {f"lr/{name}": o.param_groups[0]["lr"] for name, o in self.optimizers.items()}
        self.recorder.write(self.iteration, "train", {**means, **rates})
        self.recorder.scalars(self.iteration, {"iterations_per_second": self.iteration / self._seconds()})

    def _check_finite(self, *, weights: bool) -> None:
        """Stop every process if a scalar since the last flush (or a weight) of any process is not finite."""
        problem = self.window.problem()
        if weights and problem is None and (name := non_finite_weight(self.method)) is not None:
            problem = NonFiniteError.of(f"the weight {name}", "NaN or infinite", self.iteration - 1)
        if self.runtime.any_process(problem is not None):
            raise problem or NonFiniteError("a term became NaN or infinite in another process, which names it.")

    def _evaluate(self) -> None:
        self._share_buffers()
        found: dict[str, Any] = {}
        fabric = self.fabric if self.world_size > 1 else None
        try:
            with modes_kept(self.method), torch.no_grad():
                self.method.eval()
                for name, evaluator in self.evaluators.items():
                    values = evaluator.evaluate(partial(self._answer, evaluator.asks), self.device, fabric)
                    found.update({f"{name}/{key}": value for key, value in values.items()})
        except EvaluationStopped:
            self.evaluated = False
            self._interrupt()
        self.results, self.evaluated = found, True
        self.recorder.write(self.iteration, "evaluation", found)
        self._keep_best()

    def _answer(self, asks: str, images: Any) -> Any:
        """What the method's function ``asks`` says of ``images`` (or of clips, a batch); logits come as float32."""
        if self.stop.received is not None and self.world_size == 1:
            raise EvaluationStopped
        if self.config.channels_last and isinstance(images, Tensor):
            images = images.contiguous(memory_format=torch.channels_last)
        with self.runtime.autocast():
            answer = getattr(self.method, asks)(images)
        return answer.float() if isinstance(answer, Tensor) else answer

    def _keep_best(self) -> None:
        name, evaluator = next(iter(self.evaluators.items()))
        metric = self.config.monitor or f"{name}/{evaluator.score}"
        value = self.results.get(metric)
        if value is not None and (self.best is None or value > self.best["value"]):
            self.best = {"metric": metric, "value": float(value), "iteration": self.iteration}
            self.recorder.save_best(self.method, self.best)

    def _share_buffers(self) -> None:
        """Give every process the buffers (BatchNorm statistics) of process 0, which are the ones that are saved."""
        if self.world_size > 1:
            broadcast_tensors(self.method.buffers())

    def _seconds(self) -> float:
        return self.elapsed + time.monotonic() - self.started

    def _save(self) -> None:
        if self.run is None:
            return
        self._check_finite(weights=True)
        self._share_buffers()
        checkpoint = Checkpoint(
            iteration=self.iteration,
            method=self.method.state_dict(),
            optimizers={name: o.state_dict() for name, o in self.optimizers.items()},
            scaler=self.runtime.scaler.state_dict(),
            pending=self.runtime.gather(self.window.entries()),
            evaluated=self.evaluated,
            results=self.results,
            best=self.best,
            elapsed=self._seconds(),
            config=self.config.meaning(),
        )
        self.recorder.save(checkpoint)

    def _stop_requested(self) -> bool:
        """One process stops at once; several agree at the next line of the log, where they wait anyway."""
        if self.world_size == 1:
            return self.stop.received is not None
        return self.iteration % self.config.log_every == 0 and self.runtime.any_process(self.stop.received is not None)

    def _interrupt(self) -> NoReturn:
        self._save()
        self.recorder.interrupt(self.iteration)
        raise interrupted(self.run, self.iteration, self.config.iterations, self.stop.received)


def _divides(every: int | None, iteration: int) -> bool:
    return every is not None and iteration % every == 0
