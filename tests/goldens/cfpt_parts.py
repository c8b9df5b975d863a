"""What the golden handlers of CFPT share."""

from __future__ import annotations

from collections.abc import Iterator

from eln_parts import within
from harness import Check
from torch import nn


def gradients(module: nn.Module, norms: dict[str, float], limits: dict[str, float]) -> Iterator[Check]:
    """The gradient norm of every listed parameter; a frozen or unused one counts as 0."""
    found = dict(module.named_parameters())
    for name, want in norms.items():
        gradient = found[name].grad
        yield within(f"gradient of {name}", 0.0 if gradient is None else gradient.norm(), want, limits)
