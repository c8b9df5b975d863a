"""Momentum SGD that updates a tensor several times a step, as AdaptSegNet's published code did by accident."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer


class RepeatedSGD(Optimizer):
    """SGD with momentum in which each group repeats its update ``visits`` times a step with the same gradient.

    The published generator of backbone parameters yields a tensor once for each module that encloses it, and the SGD of
    that time updated it as often, with one momentum buffer (AdaptSegNet sheet, section 6). One visit is
    ``d = g + wd p; v = momentum v + d (v = d the very first time); p = p - lr v``, from the already moved p.

    Group options: ``lr``, ``momentum``, ``weight_decay``, ``visits`` (1 is ordinary SGD), ``inplace_decay`` (True: d
    replaces g for the rest of the step, so that the decay accumulates, the behaviour of PyTorch at that time),
    ``fresh_start`` (True: in a tensor's very first step every visit starts from an empty buffer, v = d, and the last d
    stays). What today's PyTorch makes of a tensor listed k times is ``inplace_decay=False, fresh_start=True``.
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float,
        momentum: float = 0.9,
        weight_decay: float = 0.0,
        *,
        visits: int = 1,
        inplace_decay: bool = True,
        fresh_start: bool = False,
    ) -> None:
        defaults = {"lr": lr, "momentum": momentum, "weight_decay": weight_decay}
        repeats = {"visits": visits, "inplace_decay": inplace_decay, "fresh_start": fresh_start}
        super().__init__(params, {**defaults, **repeats})

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """One step; parameters without a gradient are left alone. The gradients themselves are not changed."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            self._step_group(group)
        return loss

    def _step_group(self, group: dict[str, Any]) -> None:
        params: list[Tensor] = [p for p in group["params"] if p.grad is not None]
        gradients: list[Tensor] = [p.grad for p in params if p.grad is not None]
        if not params:
            return
        fresh = group.get("fresh_start", False)  # absent in checkpoints of before the option
        new = {p for p in params if fresh and "momentum_buffer" not in self.state[p]}
        for _ in range(group["visits"]):
            direction = list(torch._foreach_add(gradients, params, alpha=group["weight_decay"]))
            buffers = self._momentum(params, direction, group["momentum"], new)
            torch._foreach_add_(params, buffers, alpha=-group["lr"])
            if group["inplace_decay"]:
                gradients = direction

    def _momentum(
        self, params: list[Tensor], direction: list[Tensor], momentum: float, new: set[Tensor]
    ) -> list[Tensor]:
        for p, d in zip(params, direction, strict=True):
            buffer = None if p in new else self.state[p].get("momentum_buffer")
            self.state[p]["momentum_buffer"] = d.clone() if buffer is None else buffer.mul_(momentum).add_(d)
        return [self.state[p]["momentum_buffer"] for p in params]
