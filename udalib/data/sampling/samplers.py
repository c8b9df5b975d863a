"""Which item stands at which position of a stream: pure functions of (seed, position), so nothing has to be saved."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from udalib.core.errors import DataError
from udalib.core.seeding import numpy_generator


@dataclass(frozen=True)
class ClassRequirement:
    """What a transformed sample must show: more than ``more_than`` pixels of the class ``train_id``."""

    train_id: int
    more_than: float

    def met_by(self, label: Tensor) -> bool:
        """Whether a label (..., H, W) shows enough of the class."""
        return int((label == self.train_id).sum()) > self.more_than


class Sampler(ABC):
    """Maps positions of an endless stream to item indices of a data set."""

    @abstractmethod
    def indices(self, start: int, count: int) -> list[int]:
        """Item indices at the global stream positions ``start`` .. ``start + count - 1``."""

    def requirement(self, position: int) -> ClassRequirement | None:
        """What the sample at ``position`` must show after the sample transforms; a stream repeats them until it does.

        A pure function of the position like :meth:`indices`; None, the default, accepts any outcome.
        """
        return None


class SequentialSampler(Sampler):
    """Items in order, over and over.

    >>> SequentialSampler(3).indices(2, 3)
    [2, 0, 1]
    """

    def __init__(self, length: int) -> None:
        self.length = _checked(length)

    def indices(self, start: int, count: int) -> list[int]:
        """See :meth:`Sampler.indices`."""
        return [p % self.length for p in range(start, start + count)]


class ShuffleSampler(Sampler):
    """A fresh permutation of all items each epoch; an epoch may end in the middle of a batch."""

    def __init__(self, length: int, seed: int = 0) -> None:
        self.length = _checked(length)
        self.seed = seed
        self._cached: tuple[int, NDArray[np.int64]] | None = None

    def indices(self, start: int, count: int) -> list[int]:
        """See :meth:`Sampler.indices`."""
        places = (divmod(p, self.length) for p in range(start, start + count))
        return [int(self._permutation(epoch)[place]) for epoch, place in places]

    def _permutation(self, epoch: int) -> NDArray[np.int64]:
        if self._cached is None or self._cached[0] != epoch:
            order = numpy_generator("shuffle", self.seed, self.length, epoch).permutation(self.length)
            self._cached = (epoch, order.astype(np.int64))
        return self._cached[1]


def _checked(length: int) -> int:
    if length < 1:
        raise DataError("a sampler needs a data set with at least one item; run `udalib data check` on it.")
    return length
