"""The loss of a two-domain discriminator, and the switch that keeps one player's gradients from the other.

Tsai et al., "Learning to Adapt Structured Output Space for Semantic Segmentation", CVPR 2018 (adaptsegnet sheet, 4).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from udalib.core.errors import ConfigError
from udalib.ops.losses import at_least_float32

GanLoss = Literal["vanilla", "ls"]

SOURCE, TARGET = 0.0, 1.0
"""Label of each domain for the discriminator, by the published code (the paper writes it the other way round)."""


def gan_loss(verdict: Tensor, domain: float, kind: GanLoss = "vanilla") -> Tensor:
    """Criterion of a discriminator's raw output, averaged over all positions and samples.

    Args:
        verdict: raw logits of any shape; 16-bit input is computed in float32.
        domain: the label to be told, :data:`SOURCE` (0) or :data:`TARGET` (1).
        kind: "vanilla" is binary cross-entropy with logits, "ls" the squared distance of the RAW output to the label.

    Returns:
        Scalar. An undecided vanilla discriminator gives log 2 = 0.69 for either label.

    >>> round(float(gan_loss(torch.zeros(1, 1, 2, 4), SOURCE)), 4), float(gan_loss(torch.zeros(1), TARGET, "ls"))
    (0.6931, 1.0)
    """
    check_gan(kind)
    verdict = at_least_float32(verdict)
    label = torch.full_like(verdict, domain)
    return F.mse_loss(verdict, label) if kind == "ls" else F.binary_cross_entropy_with_logits(verdict, label)


def check_gan(kind: str) -> None:
    """Raise :class:`ConfigError` for an unknown kind of adversarial loss."""
    if kind not in ("vanilla", "ls"):
        raise ConfigError(f"unknown adversarial loss {kind!r}; choose vanilla or ls.")


@contextmanager
def frozen(module: nn.Module) -> Iterator[None]:
    """Gradients pass through ``module`` but do not reach its parameters; afterwards all is as it was."""
    flags = [(p, p.requires_grad) for p in module.parameters()]
    for parameter, _ in flags:
        parameter.requires_grad_(False)
    try:
        yield
    finally:
        for parameter, flag in flags:
            parameter.requires_grad_(flag)
