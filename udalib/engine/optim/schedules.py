"""Learning-rate schedules: pure functions of the base rate and the iteration, so that resuming needs no state."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, Protocol

from udalib.core.errors import ConfigError


class Schedule(Protocol):
    """Maps the base learning rate of a parameter group and an iteration (from 0) to the rate of that iteration."""

    def __call__(self, base_lr: float, iteration: int) -> float:
        """Rate of ``iteration``."""


@dataclass(frozen=True)
class Constant:
    """The base rate at every iteration."""

    def __call__(self, base_lr: float, iteration: int) -> float:
        """Return ``base_lr``."""
        return base_lr


@dataclass(frozen=True)
class Poly:
    """Polynomial decay ``(base - min_lr) (1 - t / total)^power + min_lr``; ``min_lr`` from ``total`` on.

    Power 0.9 is DeepLab's and AdaptSegNet's, power 1 SegFormer's and DAFormer's. ``min_lr`` is one absolute number for
    all groups, as in the published code: above a group's base rate it makes that rate rise.

    >>> Poly(total=100, power=1.0)(0.2, 50)
    0.1
    """

    total: int
    power: float = 0.9
    min_lr: float = 0.0

    def __post_init__(self) -> None:
        _check_positive("total", self.total)

    def __call__(self, base_lr: float, iteration: int) -> float:
        """Rate of ``iteration`` (0 <= iteration; values past ``total`` count as ``total``)."""
        remaining = float((1 - min(iteration, self.total) / self.total) ** self.power)
        return float((base_lr - self.min_lr) * remaining + self.min_lr)


@dataclass(frozen=True)
class WarmupPoly:
    """Warm-up times polynomial decay, the schedule of DAFormer (power 1, 1500 iterations, ratio 1e-6).

    In the first ``warmup`` iterations the decayed rate is multiplied by a factor that rises from ``ratio`` to 1:
    ``linear`` 1 - (1 - t / warmup)(1 - ratio), ``exp`` ratio^(1 - t / warmup), ``constant`` ratio. The factor acts on
    the rate that already decays, so the end of the warm-up lies below the base rate: 6e-5 gives 5.775e-5 at t = 1500
    of 40000.

    >>> WarmupPoly(total=40000, power=1.0)(6e-5, 1500)
    5.775e-05
    """

    total: int
    power: float = 1.0
    min_lr: float = 0.0
    warmup: int = 1500
    ratio: float = 1e-6
    mode: Literal["linear", "exp", "constant"] = "linear"

    def __post_init__(self) -> None:
        _check_positive("total", self.total)
        if self.warmup < 0 or not 0 < self.ratio <= 1:
            raise ConfigError(
                f"warm-up of {self.warmup} iterations from ratio {self.ratio}: the number of iterations must be 0 or "
                "more and the ratio in (0, 1]."
            )
        if self.mode not in ("linear", "exp", "constant"):
            raise ConfigError(f"unknown warm-up mode {self.mode!r}; choose linear, exp or constant.")

    def __call__(self, base_lr: float, iteration: int) -> float:
        """Rate of ``iteration``."""
        return Poly(self.total, self.power, self.min_lr)(base_lr, iteration) * self._factor(iteration)

    def _factor(self, iteration: int) -> float:
        if iteration >= self.warmup:
            return 1.0
        left = 1 - iteration / self.warmup
        factors = {"linear": 1 - left * (1 - self.ratio), "exp": self.ratio**left, "constant": self.ratio}
        return float(factors[self.mode])


@dataclass(frozen=True)
class Exponential:
    """Exponential decay ``base exp(-decay t / total)``, the schedule of RobustNet and Pin the Memory.

    ``total`` is a fixed horizon there (120000, decay 9), whatever the length of training. ``delay`` holds the base rate
    for the first iterations, which do not count, where a method does not train in them.

    >>> round(Exponential(total=120000)(0.01, 1), 8)
    0.00999925
    """

    total: int
    decay: float = 9.0
    delay: int = 0

    def __post_init__(self) -> None:
        _check_positive("total", self.total)
        if self.delay < 0:
            raise ConfigError(f"delay is {self.delay}; a schedule cannot begin before iteration 0.")

    def __call__(self, base_lr: float, iteration: int) -> float:
        """Rate of ``iteration``."""
        return base_lr * math.exp(-self.decay * max(0, iteration - self.delay) / self.total)


def _check_positive(name: str, value: int) -> None:
    if value < 1:
        raise ConfigError(f"{name} is {value}; the schedule needs at least one iteration.")
