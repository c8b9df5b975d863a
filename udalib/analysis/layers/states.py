"""The states between the layers of a stack, recorded while the network runs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from udalib.analysis.layers.stacks import Stack, find_stack
from udalib.core.errors import ConfigError


def layer_states(network: nn.Module, run: Callable[[], Any], *, stack: str | Stack | None = None) -> Tensor:
    """States (N+1, B, ...) of a stack during ``run``: the input of its first layer, then each layer's output.

    The last one is before any norm that follows the stack (painters sheet, section 3). Inside
    :func:`~udalib.analysis.layers.planned.planned` these are the states at the positions of the layers, whatever runs
    there.

    Args:
        network: holds the stack.
        run: calls the network once, for instance ``lambda: network(images)``; gradients are not recorded.
        stack: as for :func:`~udalib.analysis.layers.planned.planned`.

    Raises:
        ConfigError: ``run`` did not run every layer once.
    """
    found = stack if isinstance(stack, Stack) else find_stack(network, stack)
    states: list[Tensor] = []

    def keep(value: Any) -> None:
        states.append((value[0] if isinstance(value, tuple) else value).detach())

    hooks = [found.layers[0].register_forward_pre_hook(lambda _module, inputs: keep(inputs))]
    hooks += [layer.register_forward_hook(lambda _module, _inputs, output: keep(output)) for layer in found.layers]
    try:
        with torch.no_grad():
            run()
    finally:
        for hook in hooks:
            hook.remove()
    if len(states) != len(found) + 1:
        raise ConfigError(
            f"stack {found.name!r} of {len(found)} layers gave {len(states)} states where one pass gives "
            f"{len(found) + 1}; run the whole network exactly once."
        )
    return torch.stack(states)
