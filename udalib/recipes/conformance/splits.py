"""Checks of a batch in parts: two processes, and two micro-batches, give the gradients of the whole batch.

Both compare an iteration after the first, when a mean teacher and its student differ, with BatchNorm on its running
statistics and without dropout, which differ between a batch and its parts by design. Both give all samples the first
one's labels, because a mean over valid pixels, boxes or things is averaged over the parts as it is
(:class:`udalib.engine.runtime.FabricRuntime`).
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, BrokenBarrierError

import torch
from torch import Tensor
from torch.nn.modules.batchnorm import _BatchNorm
from torch.optim import Optimizer

from udalib.core.draws import Draws
from udalib.core.types import Batch
from udalib.engine import TrainConfig
from udalib.engine.runtime import FabricRuntime, make_fabric
from udalib.engine.setup import split_batch
from udalib.methods import LocalRuntime, Method
from udalib.recipes.conformance.comparing import Moment, State, expect, far, iterate, listed, unequal
from udalib.recipes.conformance.subject import Subject

ROUNDING = 3e-4
"""Share of a tensor's largest gradient. A sum over samples in another order is off by some 1e-6 in float32, and by more
where terms cancel: the largest seen is 3e-5 (mic-hrda). A wrong factor or another draw is off by 1e-1 and more."""

PATIENCE = 120.0
"""Seconds after which one process no longer waits for the other."""


class Meeting:
    """Where two threads that stand for two processes exchange tensors."""

    def __init__(self) -> None:
        self.barrier = Barrier(2, timeout=PATIENCE)
        self._brought: list[tuple[str, Sequence[Tensor]]] = [("", ()), ("", ())]

    def mean(self, rank: int, purpose: str, tensors: Sequence[Tensor]) -> list[Tensor]:
        """Means of what both bring, see :meth:`exchange`."""
        return [(a + b) / 2 for a, b in zip(*self.exchange(rank, purpose, tensors), strict=True)]

    def exchange(self, rank: int, purpose: str, tensors: Sequence[Tensor]) -> tuple[Sequence[Tensor], Sequence[Tensor]]:
        """What both bring, by rank; both must come for the same purpose, with tensors of the same shapes."""
        self._brought[rank] = (purpose, tensors)
        self.barrier.wait()
        (one, first), (two, second) = self._brought
        self.barrier.wait()
        expect(one == two, f"two processes part: one comes to {one}, the other to {two}.")
        shapes = [[tuple(t.shape) for t in brought] for brought in (first, second)]
        expect(shapes[0] == shapes[1], f"two processes bring other shapes to {one}, so that they would hang.")
        return first, second


class Process(LocalRuntime):
    """The runtime of one of two processes."""

    def __init__(self, rank: int, meeting: Meeting) -> None:
        self.rank, self.meeting = rank, meeting

    def draws(self, purpose: str, iteration: int, samples: int) -> Draws:
        """See :meth:`udalib.methods.Runtime.draws`."""
        positions = range(self.rank * samples, (self.rank + 1) * samples)
        return Draws.for_batch(self.seed, f"method/{purpose}", iteration, positions)

    def average(self, tensor: Tensor) -> Tensor:
        """See :meth:`udalib.methods.Runtime.average`."""
        return self.meeting.mean(self.rank, "average()", [tensor.detach()])[0]

    def gather_rows(self, tensor: Tensor) -> Tensor:
        """See :meth:`udalib.methods.Runtime.gather_rows`."""
        return torch.cat([rows for (rows,) in self.meeting.exchange(self.rank, "gather_rows()", [tensor.detach()])])

    def optimizer_step(self, optimizer: Optimizer) -> None:
        """See :meth:`udalib.methods.Runtime.optimizer_step`."""
        parameters = [p for group in optimizer.param_groups for p in group["params"] if p.grad is not None]
        means = self.meeting.mean(self.rank, "optimizer_step()", [p.grad for p in parameters])
        for parameter, mean in zip(parameters, means, strict=True):
            parameter.grad = mean
        optimizer.step()


class MicroBatches(FabricRuntime):
    """The trainer's runtime with two micro-batches, each told the averages of the whole batch, one after the other."""

    def __init__(self, averaged: Sequence[Tensor]) -> None:
        super().__init__(make_fabric(TrainConfig(iterations=1, device="cpu", progress=False)), accumulate=2)
        self._averaged = averaged
        self._coming: Iterator[Tensor] = iter(())

    def begin(self, micro: int) -> None:
        """See :meth:`udalib.engine.runtime.FabricRuntime.begin`."""
        super().begin(micro)
        self._coming = iter(self._averaged)

    def average(self, tensor: Tensor) -> Tensor:
        """What the whole batch averaged in this place."""
        whole = next(self._coming, None)
        expect(
            whole is not None and whole.shape == tensor.shape,
            f"average() gets {tuple(tensor.shape)} of a part of a batch and "
            f"{'nothing' if whole is None else tuple(whole.shape)} of the whole; the shape of what processes share "
            "may not depend on the samples.",
        )
        assert whole is not None
        return whole.clone()


def check_processes(subject: Subject) -> None:
    """Two processes with half of the batch each stay alike, and step with the gradients of one with all of it."""
    one, whole = subject.settled.method, subject.whole.moment
    halves = _in_two_processes(subject, split_batch(subject.whole.batches, 2))
    names = [name for name, _ in one.named_parameters()]
    first, second = ({name: moment.state[name] for name in names} for moment in halves)
    apart = unequal(second, first)
    expect(not apart, f"two processes have other weights in {listed(apart)}; step by self.runtime.optimizer_step.")
    wrong = far(_buffers(one, halves[0]), _buffers(one, whole), ROUNDING)
    wrong += far(halves[0].gradients, whole.gradients, ROUNDING)
    _check_whole(one, wrong, "two processes with half of the batch each", "self.runtime.average")


def check_micro_batches(subject: Subject) -> None:
    """Two micro-batches add up to the gradients of one batch, where an iteration is one update of each optimiser."""
    whole = subject.whole.moment
    if any(count > 1 for count in whole.updates.values()):
        return  # the trainer refuses to accumulate then
    method = copy.deepcopy(subject.settled.method)
    method.runtime = runtime = MicroBatches(subject.whole.averaged)
    for micro, part in enumerate(split_batch(subject.whole.batches, 2)):
        runtime.begin(micro)
        moment = iterate(method, part, 1)
    frozen = {name for name, _ in method.named_parameters()} - set(whole.gradients)
    got, want = ({name: each.state[name] for name in frozen} for each in (moment, whole))
    wrong = far(got, want, ROUNDING)
    wrong += far(moment.gradients, whole.gradients, ROUNDING)
    _check_whole(method, wrong, "two micro-batches", "self.runtime.backward, zero_grad, optimizer_step and is_first")


def _check_whole(method: Method, wrong: list[str], parts: str, means: str) -> None:
    """Complain of differences that the method has not declared."""
    expect(
        not wrong or bool(method.batch_wise),
        f"{parts} give other numbers than one batch in {listed(wrong)}; use {means}, or, where a term is over all "
        "samples at hand by design, say so in `batch_wise`.",
    )


def _in_two_processes(subject: Subject, halves: Sequence[Mapping[str, Batch]]) -> list[Moment]:
    meeting = Meeting()
    methods = [copy.deepcopy(subject.settled.method) for _ in halves]

    def run(rank: int) -> Moment:
        methods[rank].runtime = Process(rank, meeting)
        try:
            moment = iterate(methods[rank], halves[rank], 1)
            meeting.mean(rank, "the end of the step", ())
        except BaseException:
            meeting.barrier.abort()
            raise
        return moment

    with ThreadPoolExecutor(2) as pool:
        runs = [pool.submit(run, rank) for rank in range(2)]
    errors = [error for each in runs if (error := each.exception()) is not None]
    for error in sorted(errors, key=lambda e: isinstance(e, BrokenBarrierError)):
        raise error
    return [each.result() for each in runs]


def _buffers(method: Method, moment: Moment) -> State:
    """Buffers of a moment but BatchNorm's, which are each process's own."""
    norms = {name for name, module in method.named_modules() if isinstance(module, _BatchNorm)}
    names = [name for name, _ in method.named_buffers() if name.rpartition(".")[0] not in norms]
    return {name: moment.state[name].float() for name in names}
