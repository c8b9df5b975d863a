"""Where training would end: the share p(z+|z) of the own view in the optimum, by formula and on a circle.

Dscl sheet, section 2.2: 1 / (|P| + 1) for SCL, alpha for DSCL. That holds where cosines are free. They are not: with
all vectors of length 1, exp(cosine / tau) lies between exp(-1 / tau) and exp(1 / tau), and N other pictures keep at
least N exp(-1 / tau). :func:`best_own` is the optimum under this bound.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from udalib.core.errors import ConfigError
from udalib.ops.decoupled_contrast import Positives, contrast_loss, positive_weights


def best_own(count: int, negatives: int, *, alpha: float, temperature: float, positives: Positives) -> float:
    """Best p(z+|z) of one anchor with ``count`` pictures of its class and ``negatives`` others, all free on the sphere.

    Others lie opposite to the anchor. Of z+ and P the kind whose entries weigh more lies on it, at exp(1 / tau); for
    the other the loss asks p = w, which fixes its cosine unless that leaves [-1, 1].

    >>> round(best_own(50, 1000, alpha=0.1, temperature=0.07, positives="decoupled"), 3)
    0.1
    >>> round(best_own(50, 1000, alpha=0.1, temperature=0.07, positives="alike"), 3)
    0.02

    Raises:
        ConfigError: a negative number of pictures, or alpha or temperature out of range.
    """
    _check(count, negatives, alpha, temperature)
    own, other = _weights(count, alpha, positives)
    top, low = math.exp(1 / temperature), math.exp(-1 / temperature)
    rest = negatives * low
    numbers = ((1, own), (count, other)) if own >= other else ((count, other), (1, own))
    (high_count, _), (low_count, low_weight) = numbers
    total = (high_count * top + rest) / (1 - low_count * low_weight)
    free = min(max(low_weight * total, low), top)
    everything = high_count * top + low_count * free + rest
    return (top if own >= other else free) / everything


@dataclass(frozen=True)
class Settled:
    """One anchor's surroundings after training on a circle.

    Attributes:
        angles: (1 + count + negatives,), between each entry and the anchor, in radians: z+, then P, then the others.
        probability: (1 + count + negatives,), of each.
        count: |P|.
    """

    angles: Tensor
    probability: Tensor
    count: int


def settle(
    count: int,
    negatives: int,
    *,
    seed: int,
    alpha: float = 0.1,
    temperature: float = 0.1,
    positives: Positives = "decoupled",
    steps: int = 60,
) -> Settled:
    """Let all entries turn on a circle around a fixed anchor until its loss stops falling (L-BFGS, ``steps`` at most).

    Raises:
        ConfigError: see :func:`best_own`.
    """
    _check(count, negatives, alpha, temperature)
    random = torch.Generator().manual_seed(seed)
    entries = 1 + count + negatives
    angles = (0.2 + 2.7 * torch.rand(entries, generator=random, dtype=torch.float64)).requires_grad_()
    labels = torch.tensor([0] * (2 + count) + [1] * negatives)
    optimizer = torch.optim.LBFGS([angles], max_iter=steps, line_search_fn="strong_wolfe")

    def features() -> Tensor:
        around = torch.cat([angles.new_zeros(1), angles])
        return torch.stack([around.cos(), around.sin()], dim=1)

    def closure() -> Tensor:
        optimizer.zero_grad()
        loss = contrast_loss(features(), labels, 1, temperature=temperature, alpha=alpha, positives=positives)
        loss.backward()  # type: ignore[no-untyped-call]
        return loss

    optimizer.step(closure)  # type: ignore[no-untyped-call]
    found = angles.detach()
    return Settled(found, (found.cos() / temperature).softmax(0), count)


def _weights(count: int, alpha: float, positives: Positives) -> tuple[float, float]:
    """Of z+, and of each of P (0 if there is none)."""
    weight = positive_weights(torch.zeros(2 + count, dtype=torch.int64), 1, alpha, positives)[0, 1:].tolist()
    return weight[0], weight[1] if count else 0.0


def _check(count: int, negatives: int, alpha: float, temperature: float) -> None:
    if count < 0 or negatives < 0:
        raise ConfigError(f"|P| = {count} and {negatives} others; a number of pictures is 0 or more.")
    if not 0 <= alpha <= 1 or temperature < 0.005:
        raise ConfigError(f"alpha {alpha} must lie in [0, 1] and the temperature {temperature} not fall below 0.005.")
