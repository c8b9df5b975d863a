"""Random choices of a batch as a pure function of (run seed, stream, iteration, position in the global batch)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from udalib.core.errors import ConfigError
from udalib.core.seeding import torch_generator


class Draws:
    """One CPU generator a sample, so that B processes with one sample each draw what one process with B draws.

    All results live on the CPU, one entry per sample (B,): a transform that needs them on a device moves them in
    one go, which costs no host synchronisation.

    >>> whole = Draws.for_batch(0, "source", 7, [0, 1]).uniform(0.0, 1.0)
    >>> second = Draws.for_batch(0, "source", 7, [1]).uniform(0.0, 1.0)
    >>> bool(whole[1] == second[0])
    True
    """

    def __init__(self, generators: Sequence[torch.Generator]) -> None:
        self.generators = list(generators)

    @classmethod
    def for_batch(cls, seed: int, stream: str, iteration: int, positions: Sequence[int]) -> Draws:
        """Draws of the samples at ``positions`` of the global batch of ``iteration`` of ``stream``."""
        return cls([torch_generator("draws", seed, stream, iteration, p) for p in positions])

    def __len__(self) -> int:
        return len(self.generators)

    def select(self, samples: Sequence[int]) -> Draws:
        """Draws of some samples only, sharing their generators (for choices that are drawn again)."""
        return Draws([self.generators[i] for i in samples])

    def uniform(self, lo: float = 0.0, hi: float = 1.0) -> Tensor:
        """float32 (B,), uniform in [lo, hi)."""
        return self._each(lambda g: torch.rand((), generator=g)) * (hi - lo) + lo

    def integers(self, lo: int | Tensor, hi: int | Tensor) -> Tensor:
        """int64 (B,), uniform in lo .. hi, both inclusive; each bound a number or one number a sample (B,)."""
        lows, highs = self._per_sample(lo), self._per_sample(hi)
        if any(a > b for a, b in zip(lows, highs, strict=True)):
            raise ConfigError(f"integers({lows}, {highs}): every upper bound must be at least the lower one.")
        bounds = zip(self.generators, lows, highs, strict=True)
        return torch.tensor([int(torch.randint(a, b + 1, (), generator=g)) for g, a, b in bounds], dtype=torch.int64)

    def bernoulli(self, p: float) -> Tensor:
        """Bool (B,), true with probability ``p``."""
        return self.uniform() < p

    def normal(self) -> Tensor:
        """float32 (B,), standard normal."""
        return self._each(lambda g: torch.randn((), generator=g))

    def beta(self, a: float, b: float) -> Tensor:
        """float32 (B,), from Beta(a, b), by Jöhnk's method: quick where a + b is small, as for mixtures.

        Raises:
            ConfigError: a or b is not positive.
        """
        if min(a, b) <= 0:
            raise ConfigError(f"Beta({a}, {b}) does not exist: both numbers must be positive.")
        return self._each(lambda g: _beta(a, b, g))

    def noise(self, *shape: int) -> Tensor:
        """float32 ``(B, *shape)``, uniform in [0, 1)."""
        if not self.generators:
            return torch.empty(0, *shape)
        return torch.stack([torch.rand(shape, generator=g) for g in self.generators])

    def permutation(self, n: int) -> Tensor:
        """int64 (B, n), a random order of 0 .. n-1 for each sample."""
        if not self.generators:
            return torch.empty(0, n, dtype=torch.int64)
        return torch.stack([torch.randperm(n, generator=g) for g in self.generators])

    def _each(self, draw: Callable[[torch.Generator], Tensor]) -> Tensor:
        return torch.stack([draw(g) for g in self.generators]) if self.generators else torch.empty(0)

    def _per_sample(self, value: int | Tensor) -> list[int]:
        if isinstance(value, Tensor):
            return [int(v) for v in value.expand(len(self)).tolist()]
        return [value] * len(self)


def _beta(a: float, b: float, generator: torch.Generator) -> Tensor:
    """One draw; in logarithms, for the powers 1/a and 1/b of a uniform number soon fall below what a float holds."""
    while True:
        log_x, log_y = (torch.rand(2, generator=generator, dtype=torch.float64).log() / torch.tensor([a, b])).unbind()
        total = torch.logaddexp(log_x, log_y)
        if total <= 0:
            return (log_x - total).exp().float()
