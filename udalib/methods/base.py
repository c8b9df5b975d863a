"""What a method is: its networks, its optimisers and one training step; and what it may ask of whoever runs it."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any, ClassVar, Protocol, runtime_checkable

from torch import Tensor, nn
from torch.optim import Optimizer

from udalib.core.draws import Draws
from udalib.core.types import Batch, Judgement, Logs
from udalib.ops import pseudo_labels


@runtime_checkable
class Runtime(Protocol):
    """What a training step asks of its surroundings, so that the same step runs alone, mixed precision or distributed.

    Gradients are averaged over processes in :meth:`optimizer_step` and nowhere else. A step is therefore free to run
    any number of forward and backward passes in any order (adversarial pairs, meta-learning), which a network
    wrapped in DistributedDataParallel is not.
    """

    @property
    def is_accumulating(self) -> bool:
        """True in every micro-batch of an iteration but the last."""

    @property
    def is_first(self) -> bool:
        """True in the first micro-batch of an iteration: the place for what is done once an iteration (EMA)."""

    def draws(self, purpose: str, iteration: int, samples: int) -> Draws:
        """Random choices for each of the ``samples`` of this micro-batch.

        A function of the run's seed, ``purpose``, the iteration and the sample's place in the global batch, so that
        two processes, or two micro-batches, draw what one big batch draws, and a resumed run what an unbroken one does.
        """

    def shared_draws(self, purpose: str, iteration: int) -> Draws:
        """Random choices for the whole batch: one generator, the same in every process and micro-batch."""

    def autocast(self) -> AbstractContextManager[Any]:
        """Context in which forward passes run in the precision of the run."""

    def backward(self, loss: Tensor) -> None:
        """Add the gradients of a scalar ``loss``, scaled for mixed precision and gradient accumulation."""

    def optimizer_step(self, optimizer: Optimizer) -> None:
        """Average the gradients of the parameters of ``optimizer`` over processes, clip if asked, and step."""

    def zero_grad(self, optimizer: Optimizer) -> None:
        """Forget the gradients of the parameters of ``optimizer``."""

    def average(self, tensor: Tensor) -> Tensor:
        """Return the mean of ``tensor`` over processes (for statistics, prototypes; outside autograd)."""

    def gather_rows(self, tensor: Tensor) -> Tensor:
        """Return the rows (B, ...) of all processes, by rank: (processes * B, ...) (for queues; outside autograd)."""


class LocalRuntime:
    """One process, full precision, no accumulation: what a notebook needs to call ``method.step`` by hand.

    Attributes:
        seed: of the random choices.
    """

    is_accumulating = False
    is_first = True
    seed = 0

    def draws(self, purpose: str, iteration: int, samples: int) -> Draws:
        """See :meth:`Runtime.draws`."""
        return Draws.for_batch(self.seed, f"method/{purpose}", iteration, range(samples))

    def shared_draws(self, purpose: str, iteration: int) -> Draws:
        """See :meth:`Runtime.shared_draws`."""
        return Draws.for_batch(self.seed, f"method/{purpose}", iteration, [-1])

    def autocast(self) -> AbstractContextManager[Any]:
        """Return an empty context."""
        return nullcontext()

    def backward(self, loss: Tensor) -> None:
        """Call ``loss.backward()``."""
        loss.backward()  # type: ignore[no-untyped-call]

    def optimizer_step(self, optimizer: Optimizer) -> None:
        """Call ``optimizer.step()``."""
        optimizer.step()

    def zero_grad(self, optimizer: Optimizer) -> None:
        """Set the gradients to None."""
        optimizer.zero_grad(set_to_none=True)

    def average(self, tensor: Tensor) -> Tensor:
        """Return ``tensor``."""
        return tensor

    def gather_rows(self, tensor: Tensor) -> Tensor:
        """Return ``tensor``."""
        return tensor


class Method(nn.Module):
    """Base of every method: networks as submodules, optimisers, one training step, one prediction.

    Everything that must survive a resume is a parameter or a buffer (teacher, memory, queue, counters), because the
    trainer saves ``state_dict()`` and the optimisers, nothing else. Of several processes the first one's buffers are
    saved and handed to the others, so a queue must be gathered over processes if each is to keep its own part.

    Attributes:
        streams: names of the data streams that :meth:`step` reads; a recipe that lacks one fails before loading.
        runtime: see :class:`Runtime`; the trainer replaces the default.
        untrained: beginnings of the names of parameters that an optimiser holds and no step trains.
        batch_wise: what in a step is over all samples at hand by design (a contrastive term, say), so that processes
            and micro-batches do not give the gradients of one batch; "" = nothing.
        phases: options that say for how many iterations a part of the step waits; all 0 = everything from the start.
    """

    streams: tuple[str, ...] = ()
    untrained: tuple[str, ...] = ()
    batch_wise: str = ""
    phases: tuple[str, ...] = ()
    runtime: Runtime
    #: short title for tables and pictures
    title: ClassVar[str] = ""

    def __init__(self) -> None:
        super().__init__()
        self.runtime = LocalRuntime()

    def optimizers(self) -> dict[str, Optimizer]:
        """Optimisers by name; the names key the schedules. Empty for a method without gradients."""
        raise NotImplementedError(f"{type(self).__name__} must define optimizers()")

    def step(self, batches: Mapping[str, Batch], iteration: int) -> Logs:
        """Run one training iteration.

        Args:
            batches: stream name to batch; ``image`` float32 (B, 3, H, W) in [0, 1], ``label`` int64 (B, H, W).
            iteration: 0-based number of the iteration, the same for all micro-batches of an accumulated one.

        Returns:
            Scalars by name, tensors left on the device (no ``.item()``); ``loss`` is shown in the progress bar.
        """
        raise NotImplementedError(f"{type(self).__name__} must define step()")

    def predict(self, images: Tensor) -> Tensor:
        """Logits (B, C, H, W) for images (B, 3, H, W) in [0, 1], at their size; eval mode is set by the caller."""
        raise NotImplementedError(f"{type(self).__name__} must define predict()")

    def predict_clip(self, clip: Batch) -> Tensor:
        """Logits (B, C, H, W) of the last frame of clips; unless a method reads the others, of that frame alone.

        Args:
            clip: ``frames`` float (B, T, 3, H, W) in [0, 1]; ``flow_backward`` (B, T - 1, 2, H, W) if there is any.
        """
        return self.predict(clip["frames"][:, -1])

    def judge(self, images: Tensor) -> Judgement:
        """Predicted classes of images (B, 3, H, W) in [0, 1], and which are taken to be wrong; eval mode as above.

        Unless a method has a judge of its own: those less sure than :data:`SURE`, for segmentation.
        """
        return judge_by_confidence(self.predict(images), SURE)

    def forward(self, images: Tensor) -> Tensor:
        """Same as :meth:`predict`."""
        return self.predict(images)


SURE = 0.9
"""Largest soft-max above which a predicted class counts as right where nothing else judges it."""


def judge_by_confidence(logits: Tensor, threshold: float) -> Judgement:
    """Reject the pixels of ``logits`` (B, C, H, W) whose largest soft-max does not exceed ``threshold``."""
    label, confidence = pseudo_labels(logits)
    return Judgement(label, 1 - confidence, confidence <= threshold)


def count_parameters(module: nn.Module) -> int:
    """Number of parameters of ``module`` that a gradient may reach.

    >>> count_parameters(nn.Linear(3, 2))
    8
    """
    return sum(p.numel() for p in module.parameters() if p.requires_grad)
