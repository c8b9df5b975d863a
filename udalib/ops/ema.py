"""The mean teacher: an exponential moving average of a student's parameters."""

from __future__ import annotations

import copy
from typing import TypeVar

import torch
from torch import Tensor, nn

M = TypeVar("M", bound=nn.Module)


def make_teacher(student: M) -> M:
    """A copy of ``student`` (parameters and buffers) whose parameters require no gradient."""
    return copy.deepcopy(student).requires_grad_(False)


def ema_decay(iteration: int, alpha: float) -> float:
    """Share of the old teacher at ``iteration``: min(1 - 1 / (t + 1), alpha) (DAFormer, and DACS before it).

    0 at t = 0 (a plain copy), 1/2, 2/3, ...: an average of all students so far until the cap ``alpha`` is reached.

    >>> [round(ema_decay(t, 0.999), 3) for t in (0, 1, 2, 9999)]
    [0.0, 0.5, 0.667, 0.999]
    """
    return min(1 - 1 / (iteration + 1), alpha)


@torch.no_grad()
def update_teacher(teacher: nn.Module, student: nn.Module, iteration: int | None, alpha: float = 0.999) -> None:
    """Move the parameters of ``teacher`` towards those of ``student`` with the decay of :func:`ema_decay`.

    Call it at the START of iteration t, with the student as the step of t - 1 left it; with ``iteration`` None the
    decay is ``alpha`` whenever. Only parameters move: buffers, so BatchNorm's running statistics, are the teacher's own
    (daformer sheet, 5.1). Parameters are matched by name.

    Raises:
        ValueError: teacher and student have different parameters.
    """
    old, new = dict(teacher.named_parameters()), dict(student.named_parameters())
    if old.keys() != new.keys():
        raise ValueError(f"teacher and student differ in the parameters {sorted(old.keys() ^ new.keys())[:6]}")
    targets: list[Tensor] = list(old.values())
    sources: list[Tensor] = [new[name].detach() for name in old]
    if iteration == 0:
        torch._foreach_copy_(targets, sources)
    else:
        # Products first, then one sum, rounded as in the published code: a lerp or a fused multiply-add is off by
        # several 1e-5 where teacher and student nearly cancel. Costs one temporary copy of the parameters.
        decay = alpha if iteration is None else ema_decay(iteration, alpha)
        torch._foreach_mul_(targets, decay)
        torch._foreach_add_(targets, list(torch._foreach_mul(sources, 1 - decay)))
