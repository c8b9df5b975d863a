"""Schedules that warm up linearly and then fall in steps or along half a cosine."""

from __future__ import annotations

import math
from dataclasses import dataclass

from udalib.core.errors import ConfigError


@dataclass(frozen=True)
class WarmupSteps:
    """The rate times ``gamma`` at each milestone; for ``warmup`` iterations it rises linearly from ``ratio`` of it.

    GKGNet: ten-fold less at epochs 10 and 50, warm-up of 5 epochs from 1e-3 (gkgnet sheet, section 5). The second stage
    of DSCL: milestones 20 and 30, no warm-up (dscl sheet, section 5).

    >>> WarmupSteps(milestones=(20, 30))(10.0, 25)
    1.0
    """

    milestones: tuple[int, ...] = ()
    gamma: float = 0.1
    warmup: int = 0
    ratio: float = 1e-3

    def __post_init__(self) -> None:
        if list(self.milestones) != sorted(set(self.milestones)) or min(self.milestones, default=0) < 0:
            raise ConfigError(f"milestones are {self.milestones}; list iterations in ascending order.")
        _check_warmup(self.warmup)
        if not 0 <= self.ratio <= 1:
            raise ConfigError(f"the warm-up starts from {self.ratio} of the rate; give a number in [0, 1].")

    def __call__(self, base_lr: float, iteration: float) -> float:
        """Rate of ``iteration``."""
        rate = base_lr * self.gamma ** sum(iteration >= milestone for milestone in self.milestones)
        if iteration >= self.warmup:
            return rate
        return rate * (1 - (1 - iteration / self.warmup) * (1 - self.ratio))


@dataclass(frozen=True)
class WarmupCosine:
    """From 0 linearly to the base rate in ``warmup`` iterations, then along half a cosine to 0 at ``total``.

    The first stage of DSCL: 10 of 200 epochs, by fractions of an epoch (dscl sheet, section 5).

    >>> WarmupCosine(total=200, warmup=10)(0.1, 105)
    0.05
    """

    total: int
    warmup: int = 0

    def __post_init__(self) -> None:
        _check_warmup(self.warmup)
        if self.total <= self.warmup:
            raise ConfigError(f"a warm-up of {self.warmup} iterations leaves nothing of {self.total}; shorten it.")

    def __call__(self, base_lr: float, iteration: float) -> float:
        """Rate of ``iteration``, which may be a fraction."""
        if iteration < self.warmup:
            return base_lr * iteration / self.warmup
        share = (min(iteration, self.total) - self.warmup) / (self.total - self.warmup)
        return base_lr * 0.5 * (1 + math.cos(math.pi * share))


def _check_warmup(warmup: int) -> None:
    if warmup < 0:
        raise ConfigError(f"the warm-up has {warmup} iterations; give 0 or more.")
