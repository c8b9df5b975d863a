"""Which classes the items of a data set show, and samplers that look at them: repetition of rare ones, class by class.

The gkgnet sheet, section 5, repeats images of rare classes; the dscl sheet, section 5, draws a class first.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from udalib.core.errors import ConfigError, DataError
from udalib.core.seeding import numpy_generator
from udalib.data.sampling.samplers import Sampler, ShuffleSampler


def class_table(dataset: Any) -> NDArray[np.int8]:
    """Vectors of all items, int8 (N, L): the data set's own ``class_table()``, else from its samples' ``classes``.

    Raises:
        DataError: samples have no ``classes``.
    """
    if hasattr(dataset, "class_table"):
        table: NDArray[np.int8] = dataset.class_table()
        return table
    return np.stack([_answer(dataset, i, "classes").numpy() for i in range(len(dataset))]).astype(np.int8)


def targets(dataset: Any) -> NDArray[np.int64]:
    """Class of all items, int64 (N,): the data set's own ``targets()``, else from its samples' ``target``.

    Raises:
        DataError: samples have no ``target``.
    """
    if hasattr(dataset, "targets"):
        found: NDArray[np.int64] = dataset.targets()
        return found
    return np.array([int(_answer(dataset, i, "target")) for i in range(len(dataset))], dtype=np.int64)


def _answer(dataset: Any, index: int, key: str) -> Any:
    sample = dataset[index]
    if key not in sample:
        raise DataError(
            f"sample {sample.get('name', '?')} has no {key}; this sampler needs a data set whose samples say what "
            f"they show."
        )
    return sample[key]


class RepeatSampler(Sampler):
    """Shuffled epochs in which an image with a rare class occurs several times.

    A class c of frequency f_c has the factor max(1, sqrt(threshold / f_c)), an image that of its rarest class (1
    without any), and it occurs ceil(factor) times an epoch.

    Args:
        table: int8 (N, L) of 1, 0 and -1.
        threshold: frequency below which a class is rare.
        seed: of the order.

    Raises:
        ConfigError: the threshold is not in (0, 1].
    """

    def __init__(self, table: NDArray[np.int8], threshold: float = 0.01, seed: int = 0) -> None:
        if not 0 < threshold <= 1:
            raise ConfigError(f"threshold is {threshold}; a share of the images lies in (0, 1].")
        shown = table > 0
        frequency = shown.mean(0)
        factor = np.maximum(1.0, np.sqrt(threshold / np.maximum(frequency, 1e-12)))
        factors = np.where(shown, factor, 1.0).max(1, initial=1.0)
        self.items = np.repeat(np.arange(len(table)), [math.ceil(f) for f in factors])
        self.order = ShuffleSampler(len(self.items), seed)

    def indices(self, start: int, count: int) -> list[int]:
        """See :meth:`Sampler.indices`."""
        return [int(self.items[i]) for i in self.order.indices(start, count)]


class ClassBalancedSampler(Sampler):
    """At every position a class drawn uniformly, then one of its items; a class without an item is never drawn.

    Args:
        classes: int64 (N,).
        seed: of the draws.
    """

    def __init__(self, classes: NDArray[np.int64], seed: int = 0) -> None:
        if len(classes) == 0:
            raise DataError("a sampler by class needs a data set with at least one item.")
        self.seed = seed
        self.items = [np.flatnonzero(classes == c) for c in np.unique(classes)]

    def indices(self, start: int, count: int) -> list[int]:
        """See :meth:`Sampler.indices`."""
        return [self._drawn(position) for position in range(start, start + count)]

    def _drawn(self, position: int) -> int:
        generator = numpy_generator("class_balanced", self.seed, position)
        items = self.items[int(generator.integers(len(self.items)))]
        return int(items[int(generator.integers(len(items)))])
