"""Cheap uniform numbers for the layout of a scene, the same on every machine."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import numpy as np

T = TypeVar("T")
_BLOCK = 512


class Dice:
    """Choices from one NumPy generator, drawn in blocks: a scalar costs a list pop instead of a NumPy call.

    Only comparisons and IEEE arithmetic follow a draw, so that every choice is exact on every machine.
    """

    __slots__ = ("_generator", "_pool")

    def __init__(self, generator: np.random.Generator) -> None:
        self._generator = generator
        self._pool: list[float] = []

    def random(self) -> float:
        """Uniform number in [0, 1)."""
        if not self._pool:
            self._pool = self._generator.random(_BLOCK).tolist()
        return self._pool.pop()

    def uniform(self, low: float, high: float) -> float:
        """Uniform number in [low, high)."""
        return low + (high - low) * self.random()

    def span(self, bounds: tuple[float, float]) -> float:
        """Uniform number between the two ``bounds``."""
        return bounds[0] + (bounds[1] - bounds[0]) * self.random()

    def chance(self, probability: float) -> bool:
        """Return True with the given probability."""
        return self.random() < probability

    def below(self, n: int) -> int:
        """Uniform integer in 0 .. n-1."""
        return int(self.random() * n)

    def pick(self, items: Sequence[T]) -> T:
        """One of ``items``, all equally likely."""
        return items[int(self.random() * len(items))]

    def count(self, mean: float) -> int:
        """Integer with the given mean: a binomial of three trials for each expected hit (exact on every machine)."""
        trials = max(2, int(3 * mean + 0.999))
        return sum(self.random() * trials < mean for _ in range(trials))
