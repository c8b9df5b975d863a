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
    replaces g for the rest of the step, so that the decay accumulates, the behaviour of PyTorch at that time).
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
    ) -> None:
        defaults = {"lr": lr, "momentum": momentum, "weight_decay": weight_decay}
        super().__init__(params, {**defaults, "visits": visits, "inplace_decay": inplace_decay})

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
        for _ in range(group["visits"]):
            direction = list(torch._foreach_add(gradients, params, alpha=group["weight_decay"]))
            buffers = self._momentum(params, direction, group["momentum"])
            torch._foreach_add_(params, buffers, alpha=-group["lr"])
            if group["inplace_decay"]:
                gradients = direction

    def _momentum(self, params: list[Tensor], direction: list[Tensor], momentum: float) -> list[Tensor]:
        for p, d in zip(params, direction, strict=True):
            buffer = self.state[p].get("momentum_buffer")
            self.state[p]["momentum_buffer"] = d.clone() if buffer is None else buffer.mul_(momentum).add_(d)
        return [self.state[p]["momentum_buffer"] for p in params]
