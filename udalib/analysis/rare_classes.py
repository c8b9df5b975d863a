"""What rare class sampling changes: pixels of each class in what is sampled, and how long a class stays unseen."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from udalib.core.errors import ConfigError
from udalib.data.sampling.rare_class import RareClassSampler
from udalib.data.sampling.samplers import Sampler
from udalib.data.sampling.stats import ClassStatistics
from udalib.data.stream import Stream

Counts = NDArray[np.int64]
Numbers = NDArray[np.float64]


@dataclass(frozen=True)
class ClassDraws:
    """The first draws of a rare class sampler: train ids (n,) and items (n,)."""

    train_ids: Counts
    items: Counts


def first_draws(sampler: RareClassSampler, count: int) -> ClassDraws:
    """What ``sampler`` draws at the positions 0 .. ``count`` - 1 of its stream."""
    pairs = np.array([sampler.drawn(position) for position in range(count)], dtype=np.int64).reshape(-1, 2)
    return ClassDraws(pairs[:, 0], pairs[:, 1])


def pixel_counts(statistics: ClassStatistics, num_classes: int) -> Counts:
    """int64 (images, classes): pixels of each class in each image."""
    counts = np.zeros((len(statistics.images), num_classes), dtype=np.int64)
    for row, (_, pixels) in zip(counts, statistics.images, strict=True):
        row[list(pixels)] = list(pixels.values())
    return counts


def pixel_shares(counts: Counts, weights: Numbers | None = None) -> Numbers:
    """float64 (classes,): share of each class among the pixels of images drawn with ``weights`` (images,).

    Without weights every image counts once. A ratio of means, as for a large number of draws.

    >>> pixel_shares(np.array([[6, 2], [0, 8]]), np.array([1.0, 0.0])).tolist()
    [0.75, 0.25]
    """
    pixels = counts.sum(axis=0) if weights is None else weights @ counts
    return np.asarray(pixels / max(pixels.sum(), np.finfo(float).tiny), dtype=np.float64)


def chance_of_class(counts: Counts, weights: Numbers | None = None, more_than: int = 0) -> Numbers:
    """float64 (classes,): chance that one drawn image has MORE than ``more_than`` pixels of each class."""
    shows = (counts > more_than).astype(np.float64)
    return np.asarray(shows.mean(axis=0) if weights is None else np.clip(weights @ shows, 0.0, 1.0))


def unseen(chance: float, iterations: Numbers, batch_size: int) -> Numbers:
    """float64 (n,): probability that a class of this chance a draw was in no image of the first n iterations.

    (1 - chance) ^ (n * batch size); draws are independent, as those of rare class sampling are.

    >>> unseen(0.5, np.array([0.0, 1.0, 2.0]), batch_size=2).tolist()
    [1.0, 0.25, 0.0625]
    """
    return np.asarray((1.0 - chance) ** (iterations * batch_size), dtype=np.float64)


def iterations_until(chance: float, batch_size: int, certainty: float = 0.95) -> float:
    """Iterations after which a class was seen with ``certainty``; infinite for a class that is never drawn."""
    if chance <= 0.0:
        return math.inf
    return 1.0 if chance >= 1.0 else max(1.0, math.ceil(math.log(1 - certainty) / math.log(1 - chance) / batch_size))


def shown_pixels(stream: Stream, sampler: RareClassSampler, draws: int, *, crop_again: bool) -> Counts:
    """int64 (draws,): pixels of the drawn class in what leaves the sample transforms of ``stream``.

    Args:
        stream: its data set and sample transforms are used, one sample a time; its own sampler is not.
        sampler: draws class and image; its requirement holds if ``crop_again``.
        draws: how many.
        crop_again: repeat the transforms until the class shows, as in training, or take the first outcome.
    """
    if not stream.sample_transforms:
        raise ConfigError(f"stream {stream.name!r} has no sample transforms: there is no crop to repeat.")
    chosen: Sampler = sampler if crop_again else _AnyCrop(sampler)
    alone = Stream(stream.name, stream.dataset, 1, chosen, stream.sample_transforms, seed=stream.seed)
    shown = [int((alone.load(i)["label"] == sampler.drawn(i)[0]).sum()) for i in range(draws)]
    return np.array(shown, dtype=np.int64)


class _AnyCrop(Sampler):
    """The same items, without asking anything of their crops."""

    def __init__(self, sampler: Sampler) -> None:
        self.sampler = sampler

    def indices(self, start: int, count: int) -> list[int]:
        return self.sampler.indices(start, count)
