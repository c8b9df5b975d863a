"""Labelled and unlabelled parts of a data set, for semi-supervised learning.

Published protocols come as lists of names (eln sheet, section 5). VOC's lists are splits of their own:
``split="8_labeled_0"`` of the data set "voc2012" reads them. Any other list is matched by name here. Where there is
none, a part is drawn from a seed in which every class occurs.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from udalib.core.errors import ConfigError, DataError
from udalib.core.paths import data_root
from udalib.core.seeding import derive_seed, numpy_generator
from udalib.core.types import Sample
from udalib.data.sampling.samplers import Sampler, ShuffleSampler
from udalib.data.sampling.stats import ClassStatistics, file_of
from udalib.data.sampling.stats_cache import cached_statistics
from udalib.data.stream import MapDataset

PARTS = ("labelled", "unlabelled")


@dataclass(frozen=True)
class Partition:
    """Item indices of both parts, each ascending; together they are all items.

    Raises:
        DataError: a part is empty.
    """

    labelled: tuple[int, ...]
    unlabelled: tuple[int, ...]

    def __post_init__(self) -> None:
        for name, part in zip(PARTS, (self.labelled, self.unlabelled), strict=True):
            if not part:
                raise DataError(
                    f"a partition into {len(self.labelled)} labelled and {len(self.unlabelled)} unlabelled images has "
                    f"no {name} one; choose another share (denominator) or list."
                )

    @classmethod
    def of(cls, labelled: Collection[int], total: int) -> Partition:
        """The partition of ``total`` items whose labelled ones are given."""
        chosen = set(labelled)
        return cls(tuple(sorted(chosen)), tuple(i for i in range(total) if i not in chosen))

    def part(self, name: str) -> tuple[int, ...]:
        """The part called ``name``, "labelled" or "unlabelled"."""
        if name not in PARTS:
            raise ConfigError(f"part is {name!r}; choose labelled or unlabelled.")
        return self.labelled if name == "labelled" else self.unlabelled


def draw_partition(statistics: ClassStatistics, labelled: int, seed: int = 0) -> Partition:
    """Choose ``labelled`` images at random such that every class that occurs at all occurs among them.

    Images come in an order that ``seed`` shuffles. From the rarest class to the most frequent one (by images), where
    none of the chosen images shows the class, of those that do the one with most of the classes still missing is taken,
    the first of equals; the rest is filled up in order.

    Args:
        statistics: of all images, see :func:`udalib.data.compute_class_statistics`.
        labelled: how many.
        seed: of the order.

    Raises:
        DataError: no image is left for one of the parts, or the classes need more than ``labelled`` images.

    >>> statistics = ClassStatistics((("a", {0: 9}), ("b", {0: 5, 1: 4}), ("c", {0: 9}), ("d", {0: 9})))
    >>> draw_partition(statistics, 1).labelled
    (1,)
    """
    shown = [frozenset(counts) for _, counts in statistics.images]
    order = numpy_generator("partition", seed, len(shown)).permutation(len(shown)).tolist()
    chosen = _cover(shown, order)
    if len(chosen) > labelled:
        raise DataError(
            f"{labelled} labelled images cannot show all {len(statistics.totals())} classes: the seed {seed} needs "
            f"{len(chosen)}. Take more of them (a smaller denominator), another seed, or require fewer classes."
        )
    taken = set(chosen)
    others = [i for i in order if i not in taken]
    return Partition.of([*chosen, *others[: labelled - len(chosen)]], len(shown))


def _cover(shown: Sequence[frozenset[int]], order: Sequence[int]) -> list[int]:
    frequency: dict[int, int] = {}
    for classes in shown:
        for c in classes:
            frequency[c] = frequency.get(c, 0) + 1
    chosen: list[int] = []
    missing = set(frequency)
    for c in sorted(frequency, key=lambda c: (frequency[c], c)):
        if c in missing:
            best = max((i for i in order if c in shown[i]), key=lambda i: len(shown[i] & missing))
            chosen.append(best)
            missing -= shown[best]
    return chosen


def read_list(path: str | os.PathLike[str]) -> list[str]:
    """Names of a list file, one a line (what follows a space is left out); as it is, else below the data root.

    Raises:
        DataError: there is no such file, or it is empty.
    """
    given = Path(path).expanduser()
    found = next((p for p in (given, data_root() / given) if p.is_file()), None)
    if found is None:
        raise DataError(f"the list {given} is not there, nor under {data_root()}; check list_file, or leave it out.")
    names = [line.split()[0] for line in found.read_text(encoding="utf-8").splitlines() if line.strip()]
    if not names:
        raise DataError(f"the list {found} names no image.")
    return names


def listed_partition(files: Sequence[str], names: Sequence[str]) -> Partition:
    """The partition whose labelled images are those called ``names``.

    Args:
        files: label file of each item, relative to the root: ``gtFine/train/aachen/aachen_000000_000019_gtFine_...``.
        names: stems, with or without folders: ``aachen/aachen_000000_000019``. A file belongs to a name if its end,
            from a folder's beginning on, begins with it and goes on with no letter or digit.

    Raises:
        DataError: a name is of no file, or of two.
    """
    by_name: dict[str, list[int]] = {name: [] for name in names}
    for i, file in enumerate(files):
        for name in _names_of(file):
            if name in by_name:
                by_name[name].append(i)
    for problem, bad in (
        ("no file", [n for n, found in by_name.items() if not found]),
        ("more than one file", [n for n, found in by_name.items() if len(found) > 1]),
    ):
        if bad:
            raise DataError(f"{len(bad)} of {len(by_name)} listed names are of {problem}, for example {bad[:3]}.")
    return Partition.of([found[0] for found in by_name.values()], len(files))


def _names_of(file: str) -> set[str]:
    """Every name that ``file`` may have in a list: with 0, 1, ... of its folders, the stem cut at an underscore."""
    *folders, last = file.split("/")
    pieces = last.rsplit(".", 1)[0].split("_")
    stems = ["_".join(pieces[: k + 1]) for k in range(len(pieces))]
    return {"/".join([*folders[k:], stem]) for k in range(len(folders) + 1) for stem in stems}


def partition_of(
    dataset: MapDataset,
    *,
    denominator: int = 8,
    seed: int = 0,
    list_file: str | None = None,
    cover_classes: bool = True,
) -> Partition:
    """Partition of a data set: by a list of labelled images, else ``len(dataset) // denominator`` drawn ones.

    Args:
        dataset: its classes are counted once and kept, see :func:`udalib.data.sampling.stats_cache.cached_statistics`.
        denominator: 8 labels an eighth of the images, rounded down.
        seed: of the draw. It is not the run's seed: all seeds of a comparison share one partition.
        list_file: names of the labelled images, see :func:`read_list` and :func:`listed_partition`.
        cover_classes: every class of the data set must occur in the labelled part. False asks nothing, and counts
            nothing.

    Raises:
        ConfigError: a denominator below 1.
        DataError: an empty part, a list that does not fit, a class that the labelled part lacks.
    """
    if denominator < 1:
        raise ConfigError(f"denominator is {denominator}; 8 labels one image in eight, so it must be at least 1.")
    total = len(dataset)
    if list_file is not None:
        partition = listed_partition([file_of(dataset, i) for i in range(total)], read_list(list_file))
        if cover_classes:
            require_classes(partition, cached_statistics(dataset))
        return partition
    if cover_classes:
        return draw_partition(cached_statistics(dataset), total // denominator, seed)
    order = numpy_generator("partition", seed, total).permutation(total).tolist()
    return Partition.of(order[: total // denominator], total)


def require_classes(partition: Partition, statistics: ClassStatistics) -> None:
    """Raise :class:`DataError` if a class that occurs in the data set does not in the labelled part."""
    seen: set[int] = set()
    for i in partition.labelled:
        seen |= statistics.images[i][1].keys()
    lacking = sorted(set(statistics.totals()) - seen)
    if lacking:
        raise DataError(
            f"none of the {len(partition.labelled)} labelled images shows the classes {lacking} (train ids), so they "
            "cannot be learned. Choose another list, or set cover_classes to False."
        )


class PartitionSampler(Sampler):
    """A fresh permutation of the items of one part each epoch."""

    def __init__(self, items: Sequence[int], seed: int = 0) -> None:
        self.items = tuple(items)
        self._order = ShuffleSampler(len(self.items), derive_seed("part", seed))

    def indices(self, start: int, count: int) -> list[int]:
        """See :meth:`Sampler.indices`."""
        return [self.items[place] for place in self._order.indices(start, count)]


class Subset:
    """Some items of a data set as a data set: the unlabelled part, to look at or to score."""

    def __init__(self, dataset: MapDataset, items: Sequence[int]) -> None:
        self.dataset, self.items = dataset, tuple(items)
        self.label_space = getattr(dataset, "label_space", None)
        self.name = getattr(dataset, "name", "")

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, index: int) -> Sample:
        return self.dataset[self.items[index]]
