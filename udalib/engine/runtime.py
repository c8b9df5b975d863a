"""Lightning Fabric underneath: which devices, how many processes, and how a step's gradients become one update."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

from udalib.core.draws import Draws
from udalib.core.errors import ConfigError
from udalib.engine.config import TrainConfig


def make_fabric(config: TrainConfig) -> Any:
    """Build the (not yet launched) ``lightning.fabric.Fabric`` for ``config``.

    Alone it takes ``config.devices``; under torchrun or srun it takes the number of processes from there.
    """
    from lightning.fabric import Fabric  # here, because importing lightning takes seconds

    nodes, devices = process_layout(os.environ, config.devices)
    kind, _, index = config.device.partition(":")
    accelerators = {"auto": "auto", "cpu": "cpu", "cuda": "cuda", "gpu": "cuda", "mps": "mps"}
    if kind not in accelerators or (index and (kind not in ("cuda", "gpu") or not index.isdigit())):
        raise ConfigError(f"device is {config.device!r}; choose auto, cpu, cuda, cuda:N or mps.")
    if kind in ("cuda", "gpu") and not torch.cuda.is_available():
        raise ConfigError(f"device is {config.device!r}, but torch sees no GPU; use --device cpu or auto.")
    if config.precision == "16-mixed" and not torch.cuda.is_available():
        raise ConfigError("precision 16-mixed needs a GPU; on the CPU choose bf16-mixed or 32-true.")
    if index and (nodes, devices) != (1, 1):
        raise ConfigError(f"device {config.device!r} names one GPU, but {nodes * devices} processes are asked for.")
    if config.sync_batchnorm and (kind == "cpu" or not torch.cuda.is_available()):
        raise ConfigError("sync_batchnorm needs GPUs; set it to False.")
    picked: int | list[int] = [int(index)] if index else devices
    accelerator = accelerators[kind]
    if accelerator == "auto" and not torch.cuda.is_available() and not torch.backends.mps.is_available():
        accelerator = "cpu"
    return Fabric(accelerator=accelerator, devices=picked, num_nodes=nodes, precision=config.precision)


def process_layout(environment: Mapping[str, str], devices: int) -> tuple[int, int]:
    """(number of machines, processes on each) from the variables of torchrun or srun, else (1, ``devices``).

    >>> process_layout({"TORCHELASTIC_RUN_ID": "x", "WORLD_SIZE": "8", "LOCAL_WORLD_SIZE": "4"}, 1)
    (2, 4)
    >>> process_layout({}, 2)
    (1, 2)
    """
    if "TORCHELASTIC_RUN_ID" in environment:
        world, local = int(environment["WORLD_SIZE"]), int(environment["LOCAL_WORLD_SIZE"])
        return world // local, local
    tasks, job = int(environment.get("SLURM_NTASKS", "1")), environment.get("SLURM_JOB_NAME", "")
    if tasks > 1 and "SLURM_PROCID" in environment and job not in ("bash", "interactive"):
        machines = int(environment.get("SLURM_NNODES", "1"))
        return machines, tasks // machines
    return 1, devices


class FabricRuntime:
    """The :class:`udalib.methods.Runtime` of a training run.

    Networks are not wrapped in DistributedDataParallel: it allows one forward and backward per update, and adversarial
    or meta-learning steps need other orders. Instead :meth:`optimizer_step` averages the gradients of that optimiser's
    parameters over the processes in one all-reduce per dtype. The price is that communication does not overlap
    the backward pass. Which parameters receive gradients must be the same in every process.

    BatchNorm statistics are each process's own (``sync_batchnorm`` shares them on GPUs); those of process 0 are saved
    and evaluated. A mean over valid pixels is averaged over processes and micro-batches as it is, so
    ignored pixels weigh a little differently there than in one big batch, as everywhere with data parallelism.

    Args:
        fabric: a launched Fabric.
        clip: largest gradient norm over one optimiser's parameters; None = no clipping.
        accumulate: micro-batches in one iteration.
        half: float16 on a GPU, where losses are scaled; one scale for all optimisers, adapted once an iteration.
        seed: of the run, for what the method draws.
    """

    def __init__(
        self, fabric: Any, *, clip: float | None = None, accumulate: int = 1, half: bool = False, seed: int = 0
    ) -> None:
        self.fabric = fabric
        self.clip = clip
        self.accumulate = accumulate
        self.seed = seed
        self._micro = 0
        self._stash: dict[int, list[Tensor | None]] = {}
        self._stepped: set[int] = set()
        self._agreed: set[int] = set()
        self._update_due = False
        self.scaler = torch.amp.GradScaler(fabric.device.type, enabled=half)

    def begin(self, micro: int) -> None:
        """Announce micro-batch ``micro`` of an iteration (called by the trainer)."""
        self._micro = micro
        self._stepped.clear()

    @property
    def is_first(self) -> bool:
        """True in the first micro-batch of an iteration."""
        return self._micro == 0

    @property
    def is_accumulating(self) -> bool:
        """True in every micro-batch of an iteration but the last."""
        return self._micro < self.accumulate - 1

    def draws(self, purpose: str, iteration: int, samples: int) -> Draws:
        """See :meth:`udalib.methods.Runtime.draws`."""
        first = (self.fabric.global_rank * self.accumulate + self._micro) * samples
        return Draws.for_batch(self.seed, f"method/{purpose}", iteration, range(first, first + samples))

    def shared_draws(self, purpose: str, iteration: int) -> Draws:
        """See :meth:`udalib.methods.Runtime.shared_draws`."""
        return Draws.for_batch(self.seed, f"method/{purpose}", iteration, [-1])

    def end_iteration(self) -> None:
        """Adapt the loss scale once an iteration, so that all optimisers of one iteration share one scale."""
        if self._update_due:
            self.scaler.update()
        self._update_due = False

    def autocast(self) -> AbstractContextManager[Any]:
        """Context of the run's precision."""
        context: AbstractContextManager[Any] = self.fabric.autocast()
        return context

    def backward(self, loss: Tensor) -> None:
        """Backward of ``loss`` over the number of micro-batches, times the loss scale in float16."""
        self.scaler.scale(loss / self.accumulate if self.accumulate > 1 else loss).backward()  # type: ignore[no-untyped-call]

    def zero_grad(self, optimizer: Optimizer) -> None:
        """Set gradients to None; those of earlier micro-batches are kept aside and come back in the step."""
        optimizer.zero_grad(set_to_none=True)

    def optimizer_step(self, optimizer: Optimizer) -> None:
        """Keep the gradients aside in every micro-batch but the last; there add, average, clip and step."""
        if self.accumulate > 1 and not self._collect(optimizer):
            return
        parameters = [p for p in _parameters(optimizer) if p.grad is not None]
        if self.fabric.world_size > 1:
            self._agree(optimizer, len(parameters))
            average_tensors([p.grad for p in parameters if p.grad is not None], self.fabric.world_size)
        if self.clip is not None:
            self.scaler.unscale_(optimizer)
            torch.nn.utils.clip_grad_norm_(parameters, self.clip)
        if parameters:
            self.scaler.step(optimizer)
            self._update_due = self.scaler.is_enabled()

    def average(self, tensor: Tensor) -> Tensor:
        """Mean of ``tensor`` over processes, detached."""
        mean = tensor.detach().clone()
        if self.fabric.world_size > 1:
            average_tensors([mean], self.fabric.world_size)
        return mean

    def gather_rows(self, tensor: Tensor) -> Tensor:
        """Rows of all processes, by rank, detached; every process must bring as many."""
        rows = tensor.detach()
        if self.fabric.world_size > 1:
            rows = torch.as_tensor(self.fabric.all_gather(rows)).flatten(0, 1)
        return rows

    def any_process(self, flag: bool) -> bool:
        """True if ``flag`` is set in any process; all must call it."""
        if self.fabric.world_size == 1:
            return flag
        shared = torch.tensor(float(flag), device=self.fabric.device)
        torch.distributed.all_reduce(shared)
        return bool(shared.item())

    def gather(self, value: Any) -> list[Any]:
        """A small object of every process, by rank; all must call it."""
        if self.fabric.world_size == 1:
            return [value]
        values: list[Any] = [None] * self.fabric.world_size
        torch.distributed.all_gather_object(values, value)
        return values

    def _collect(self, optimizer: Optimizer) -> bool:
        """Add this micro-batch's gradients to the stash; in the last one hand the sum back and return True."""
        if id(optimizer) in self._stepped:
            raise ConfigError(
                "this method steps one optimiser more than once an iteration, which gradient accumulation cannot "
                "split; set accumulate to 1."
            )
        self._stepped.add(id(optimizer))
        parameters = _parameters(optimizer)
        before = self._stash.pop(id(optimizer), None)
        if before is not None and not self.is_first:
            for parameter, earlier in zip(parameters, before, strict=True):
                if earlier is not None:
                    parameter.grad = earlier if parameter.grad is None else parameter.grad.add_(earlier)
        if self.is_accumulating:
            self._stash[id(optimizer)] = [p.grad for p in parameters]
            optimizer.zero_grad(set_to_none=True)
        return not self.is_accumulating

    def _agree(self, optimizer: Optimizer, count: int) -> None:
        """Once for each optimiser: stop if processes hold different numbers of gradients, which would hang later."""
        if id(optimizer) in self._agreed:
            return
        counts = self.fabric.all_gather(torch.tensor(count, device=self.fabric.device)).tolist()
        if len(set(counts)) > 1:
            raise ConfigError(
                f"processes hold gradients for different numbers of parameters ({counts}); the training step must use "
                "the same parameters in every process."
            )
        self._agreed.add(id(optimizer))


def _parameters(optimizer: Optimizer) -> list[Tensor]:
    return [p for group in optimizer.param_groups for p in group["params"]]


@torch.no_grad()
def average_tensors(tensors: Iterable[Tensor], world_size: int) -> None:
    """Replace each tensor by its mean over processes, in place: one all-reduce per dtype."""
    for group in _by_dtype(tensors):
        flat = torch.cat([t.reshape(-1) for t in group])
        torch.distributed.all_reduce(flat)
        _scatter(flat.div_(world_size), group)


@torch.no_grad()
def broadcast_tensors(tensors: Iterable[Tensor]) -> None:
    """Replace each tensor by process 0's, in place: one broadcast per dtype."""
    for group in _by_dtype(tensors):
        flat = torch.cat([t.reshape(-1) for t in group])
        torch.distributed.broadcast(flat, src=0)
        _scatter(flat, group)


def _by_dtype(tensors: Iterable[Tensor]) -> list[list[Tensor]]:
    groups: dict[torch.dtype, list[Tensor]] = {}
    for tensor in tensors:
        groups.setdefault(tensor.dtype, []).append(tensor)
    return list(groups.values())


def _scatter(flat: Tensor, tensors: list[Tensor]) -> None:
    parts = torch.split(flat, [t.numel() for t in tensors])
    torch._foreach_copy_(tensors, [part.view(t.shape) for part, t in zip(parts, tensors, strict=True)])
