"""Run a network with another execution plan for a while; its weights are neither copied nor changed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import reduce
from typing import Any

import torch
from torch import Tensor, nn

from udalib.analysis.layers.segments import Plan, Step, positions
from udalib.analysis.layers.stacks import Stack, find_stack
from udalib.core.errors import ConfigError


@contextmanager
def planned(network: nn.Module, plan: Plan, *, stack: str | Stack | None = None) -> Iterator[Stack]:
    """Inside the context ``network`` executes ``plan``; afterwards it is as before, whatever was raised.

    Everything that calls the network sees the plan (``method.predict``, a trainer, an evaluator), and everything
    around the stack runs as always: embeddings, final norm, decoder. Contexts on different stacks may be nested. The
    mode of the network stays: probes belong in ``eval()``; in training mode each execution of a layer draws its own
    dropout, at the rate of the layer, and gradients of a layer that runs twice add up.

    Forward hooks on a layer see what runs in its place: the state after position i of the stack.

    Args:
        network: any module; from a method, the network that predicts.
        plan: for a stack of this many layers.
        stack: a name for :func:`~udalib.analysis.layers.stacks.find_stack`, or a stack that was made by hand.

    Raises:
        UnknownNameError, ConfigError: as :func:`~udalib.analysis.layers.stacks.find_stack` has them; the plan is for
            another number of layers; the stack runs under a plan already; the network is compiled. While it runs: the
            network uses a key-value cache (call it with ``use_cache=False``).
    """
    found = stack if isinstance(stack, Stack) else find_stack(network, stack)
    _check(network, found, plan)
    # Not the list of layers is replaced but what each layer does when it is called. timm calls its blocks as a
    # Sequential, iterates over them or slices them, by version and task; others iterate. All of these work, and
    # parameters, their names, the mode, the device and the state to save stay as they are.
    before = [vars(layer).get("forward") for layer in found.layers]
    stacked = _Layers([layer.forward for layer in found.layers])
    try:
        for layer, steps in zip(found.layers, positions(plan), strict=True):
            vars(layer)["forward"] = _Position(stacked, steps)
        yield found
    finally:
        for layer, own in zip(found.layers, before, strict=True):
            vars(layer).pop("forward", None)
            if own is not None:
                vars(layer)["forward"] = own


def _check(network: nn.Module, stack: Stack, plan: Plan) -> None:
    if plan.layers != len(stack):
        raise ConfigError(
            f"plan {plan.name!r} is for {plan.layers} layers, stack {stack.name!r} has {len(stack)}; make it for those."
        )
    if any(isinstance(vars(layer).get("forward"), _Position) for layer in stack.layers):
        raise ConfigError(f"stack {stack.name!r} runs under a plan already; leave that context first.")
    if any(getattr(m, "_compiled_call_impl", None) or hasattr(m, "_orig_mod") for m in network.modules()):
        raise ConfigError("a compiled network would go on running its compiled layers; apply plans before compiling.")


class _Layers:
    """The forward functions of a stack's layers, and what the last one that ran gave beside the state."""

    def __init__(self, forwards: Sequence[Callable[..., Any]]) -> None:
        self.forwards = forwards
        self.rest: tuple[Any, ...] | None = None

    def run(self, step: Step, state: Tensor, args: tuple[Any, ...], options: dict[str, Any]) -> Tensor:
        """The state after ``step``: one layer's output, or the mean of several on the same state."""
        outputs = (self._one(index, state, args, options) for index in step)
        return next(outputs) if len(step) == 1 else reduce(torch.add, outputs) / len(step)

    def _one(self, index: int, state: Tensor, args: tuple[Any, ...], options: dict[str, Any]) -> Tensor:
        output = self.forwards[index](state, *args, **options)
        # Older versions of transformers return (state, attention, ...) from a layer.
        output, self.rest = (output[0], output[1:]) if isinstance(output, tuple) else (output, None)
        return output  # type: ignore[no-any-return]


class _Position:
    """What runs where the network calls one of its layers: no, one or several steps."""

    def __init__(self, layers: _Layers, steps: Sequence[Step]) -> None:
        self.layers = layers
        self.steps = steps

    def __call__(self, state: Tensor, *args: Any, **options: Any) -> Any:
        """Next state, in the form in which the layers give it."""
        if any(hasattr(value, "get_seq_length") for value in (*args, *options.values())):
            # A cache has one slot a layer, filled in the network's own order: a plan would mix them up unnoticed.
            raise ConfigError("an execution plan cannot fill a key-value cache; call the model with use_cache=False.")
        for step in self.steps:
            state = self.layers.run(step, state, args, options)
        return state if self.layers.rest is None else (state, *self.layers.rest)
