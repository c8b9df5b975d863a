"""Rare Class Sampling: images of rare classes more often, and crops that show the class (daformer sheet, 7.2)."""

from __future__ import annotations

import math
import re
from collections.abc import Container, Sequence
from pathlib import PurePosixPath

import numpy as np
import torch
from numpy.typing import NDArray

from udalib.core.errors import ConfigError, DataError
from udalib.core.seeding import numpy_generator
from udalib.data.sampling.samplers import ClassRequirement, Sampler
from udalib.data.sampling.stats import ClassStatistics

ENDINGS = re.compile(r"(_label(Train)?Ids)?\.(png|jpe?g|bmp|tiff?|gif)$", re.IGNORECASE)
Generator = np.random.Generator | np.random.RandomState


def class_probabilities(
    statistics: ClassStatistics, temperature: float = 0.01, drawable: Container[int] | None = None
) -> tuple[list[int], NDArray[np.float64]]:
    """Probability of drawing each class that occurs: P(c) = softmax of (1 - f_c) / T, f_c the share of all pixels.

    Args:
        statistics: pixel counts; ignored pixels are not in them.
        temperature: T; the smaller, the more the rarest classes are preferred; ``math.inf`` = all classes alike.
        drawable: train ids that may be drawn, None = all; the others get 0 and these share what they leave.

    Returns:
        Train ids ascending by their total of pixels (equal totals in order of appearance), and float64 (classes,)
        probabilities that sum to 1. The soft-max is computed in float32, as the published code does.

    >>> statistics = ClassStatistics((("a", {0: 90, 1: 10}),))
    >>> classes, probabilities = class_probabilities(statistics, temperature=1.0)
    >>> classes, probabilities.round(2).tolist()
    ([1, 0], [0.69, 0.31])
    """
    if not temperature >= 1e-6:
        raise ConfigError(f"temperature is {temperature}; rare class sampling needs 1e-6 or more, inf for uniform.")
    totals = statistics.totals()
    if not totals:
        raise DataError("the class statistics name no class at all; were they made from labels with the right ids?")
    seen = dict.fromkeys(train_id for _, counts in statistics.images for train_id in counts)
    classes = sorted(seen, key=totals.__getitem__)
    pixels = torch.tensor([totals[c] for c in classes])
    logits = (1 - pixels / pixels.sum()) / temperature
    if drawable is not None:
        logits[[c not in drawable for c in classes]] = -math.inf
    probabilities = torch.softmax(logits, dim=0).double().numpy()
    return classes, probabilities / probabilities.sum()


def candidates(statistics: ClassStatistics, train_id: int, min_pixels: int = 3000) -> list[int]:
    """Positions in ``statistics.images`` of the images with MORE than ``min_pixels`` pixels of a class."""
    return [i for i, (_, counts) in enumerate(statistics.images) if counts.get(train_id, 0) > min_pixels]


class RareClassSampler(Sampler):
    """At each position a class by :func:`class_probabilities`, then an image uniformly among its candidates.

    The label that leaves the sample transforms must show more than ``min_pixels * min_crop_ratio`` pixels of the
    class, or the stream crops again. A class without a candidate is never drawn and the others share its probability
    (the published code stops with an error there). Position -> (class, image) is a pure function of the seed.

    Args:
        statistics: pixel counts at the labels' full resolution.
        files: label file of each item of the data set, matched to the statistics by base name; by default the
            data set's items are the images of the statistics, in order.
        seed: of the draws.
        temperature: see :func:`class_probabilities`.
        min_pixels: an image is a candidate of a class with MORE pixels of it than this.
        min_crop_ratio: share of ``min_pixels`` that a crop must exceed; 0 accepts any crop.

    Raises:
        ConfigError: an option out of its range, or no class with a candidate.
        DataError: the statistics are empty, or lack some of ``files``.
    """

    def __init__(
        self,
        statistics: ClassStatistics,
        files: Sequence[str] | None = None,
        seed: int = 0,
        *,
        temperature: float = 0.01,
        min_pixels: int = 3000,
        min_crop_ratio: float = 0.5,
    ) -> None:
        if min_pixels < 0 or not 0 <= min_crop_ratio < math.inf:
            raise ConfigError(f"min_pixels={min_pixels} and min_crop_ratio={min_crop_ratio} must be 0 or more.")
        self.statistics = statistics if files is None else select(statistics, files)
        self.seed, self.min_pixels = seed, min_pixels
        self.more_than, self.crop_again = min_pixels * min_crop_ratio, min_crop_ratio > 0
        every = {c: candidates(self.statistics, c, min_pixels) for c in self.statistics.totals()}
        drawable = {c for c, items in every.items() if items}
        self.classes, self.probabilities = class_probabilities(self.statistics, temperature, drawable or None)
        self.candidates = {c: every[c] for c in self.classes}
        if not drawable:
            most = max(n for _, counts in self.statistics.images for n in counts.values())
            raise ConfigError(
                f"no image has more than min_pixels={min_pixels} pixels of any class, the most is {most}; set "
                "min_pixels lower. It counts pixels of the labels at full size and should shrink with them."
            )

    def draw(self, generator: Generator) -> tuple[int, int]:
        """Class and item from a generator, in the published order: first the class, then one of its candidates."""
        train_id = int(generator.choice(self.classes, p=self.probabilities))
        items = self.candidates[train_id]
        return train_id, items[int(generator.choice(len(items)))]  # what choice(items) draws, without copying the list

    def drawn(self, position: int) -> tuple[int, int]:
        """Class and item at a position of the stream."""
        return self.draw(numpy_generator("rare_class", self.seed, position))

    def indices(self, start: int, count: int) -> list[int]:
        """See :meth:`Sampler.indices`."""
        return [self.drawn(position)[1] for position in range(start, start + count)]

    def requirement(self, position: int) -> ClassRequirement | None:
        """More than ``min_pixels * min_crop_ratio`` pixels of the class drawn at ``position``."""
        return self.required(self.drawn(position)[0])

    def required(self, train_id: int) -> ClassRequirement | None:
        """What a crop drawn for a class must show; None where any crop will do."""
        return ClassRequirement(train_id, self.more_than) if self.crop_again else None

    def item_probabilities(self) -> NDArray[np.float64]:
        """float64 (items,): the probability that one draw gives each item."""
        result = np.zeros(len(self.statistics.images))
        for train_id, probability in zip(self.classes, self.probabilities, strict=True):
            items = self.candidates[train_id]
            result[items] += probability / max(len(items), 1)
        return result


def select(statistics: ClassStatistics, files: Sequence[str]) -> ClassStatistics:
    """The statistics of ``files``, in their order; found by base name without the endings of id images.

    So statistics made elsewhere fit: "data/gta/labels/00001_labelTrainIds.png" is "labels/00001.png" here.

    Raises:
        DataError: some files are not in the statistics, or two entries have the name of one.
    """
    exact, by_key = dict(statistics.images), {_key(file): counts for file, counts in statistics.images}
    missing = [file for file in files if file not in exact and _key(file) not in by_key]
    if missing:
        first = statistics.images[0][0] if statistics.images else "none at all"
        raise DataError(
            f"{len(missing)} of the data set's {len(files)} label files are not in the class statistics, the first is "
            f"{missing[0]!r}; those name {len(statistics.images)} files, the first is {first!r}. Write statistics of "
            "this data set and split with `udalib data stats NAME --split SPLIT`, or set statistics to None to have "
            "them counted."
        )
    if len(by_key) < len(statistics.images) and any(file not in exact for file in files):
        raise DataError("two files of the class statistics share a base name; name them as the data set does.")
    return ClassStatistics(tuple((file, exact.get(file, by_key[_key(file)])) for file in files))


def _key(file: str) -> str:
    return ENDINGS.sub("", PurePosixPath(file).name)
