"""Class statistics that are counted once for a data set and kept under the cache root."""

from __future__ import annotations

import os
from pathlib import Path

from udalib.core.errors import DataError
from udalib.core.files import write_json
from udalib.core.paths import cache_root, data_root
from udalib.core.seeding import derive_seed
from udalib.data.labels import LabelSpace
from udalib.data.sampling.stats import PER_IMAGE, ClassStatistics, count_classes, identity_of
from udalib.data.stream import MapDataset


def statistics_folder(dataset: MapDataset) -> Path | None:
    """Where the statistics of ``dataset`` are kept; None for one that does not say what it is (``identity()``).

    The name comes from everything its labels depend on (world version, style, split, size, limit, label files, label
    space), so statistics of another data set are never met.
    """
    identity = identity_of(dataset)
    return None if identity is None else cache_root() / "class_statistics" / f"{derive_seed(identity):016x}"


def cached_statistics(dataset: MapDataset, *, workers: int = 0) -> ClassStatistics:
    """Count the classes of ``dataset``, or read what an earlier call counted; a damaged file is counted again.

    Writing is atomic: processes that count at the same time end with the same file.
    """
    folder = statistics_folder(dataset)
    if folder is None:
        return count_classes(dataset, workers=workers)
    if (folder / PER_IMAGE).exists():
        try:
            return ClassStatistics.load(folder)
        except DataError:
            pass
    statistics = count_classes(dataset, workers=workers)
    write_json(folder / PER_IMAGE, statistics.tables()[PER_IMAGE])
    return statistics


def given_statistics(place: str | os.PathLike[str], space: LabelSpace) -> ClassStatistics:
    """Statistics that ``udalib data stats`` or a published converter wrote, of labels in ``space``.

    Args:
        place: folder or file; as it is, else below the root of the data sets.
        space: of the train ids in it.

    Raises:
        DataError: nothing usable is there, or it names a class that ``space`` does not have.
    """
    path = Path(place).expanduser()
    below = data_root() / path
    statistics = ClassStatistics.load(below if not path.exists() and below.exists() else path)
    wrong = [c for c in statistics.totals() if c not in range(space.num_classes)]
    if wrong:
        raise DataError(
            f"{place}: class statistics of the train ids {wrong[:5]}, but {space.name} has {space.num_classes} classes."
            " Count the labels in this recipe's label space, or set statistics to None to have that done."
        )
    return statistics
