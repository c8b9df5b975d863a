"""What a folder of images and labels holds, before anybody has said what its ids mean: sizes, ids, and how many."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import ImageOps
from tqdm import tqdm

from udalib.core.errors import DataError
from udalib.core.types import IGNORE_INDEX
from udalib.data.labels import custom_space
from udalib.data.sets.check import check_dataset
from udalib.data.sets.files import Item
from udalib.data.sets.folder import SegmentationFolder
from udalib.data.sets.reading import opened, read_ids
from udalib.data.sets.report import Defect

IGNORED = (IGNORE_INDEX, 65535)
"""Ids that mean "nobody knows" unless somebody says otherwise: the largest of 8 and of 16 bits."""
BINARY = (0, 255)
"""The ids of a mask drawn in black and white."""
HARMLESS = ("extra-file", "extra-label", "duplicate-name")
"""Defects that keep nobody from training: what lies beside, and names that two sub-folders share."""
REMEDIES = {"color-label": "Save it as one grey channel of class ids."}
SHOWN = 3


@dataclass(frozen=True)
class Survey:
    """A folder as it was found.

    Attributes:
        folder: of the images.
        sizes: (h, w), images upright, and how many have it, the most frequent first.
        ids: raw id to pixels over all labels, ascending; empty without labels.
        first: raw id to the first label that holds it.
        remarks: harmless defects.
    """

    folder: Path
    sizes: Mapping[tuple[int, int], int]
    ids: Mapping[int, int]
    first: Mapping[int, Path]
    remarks: tuple[Defect, ...] = ()

    @property
    def images(self) -> int:
        """Number of images."""
        return sum(self.sizes.values())

    @property
    def pixels(self) -> float:
        """Mean number of pixels of an image."""
        return sum(h * w * count for (h, w), count in self.sizes.items()) / self.images


def survey_folder(
    images: str | os.PathLike[str],
    labels: str | os.PathLike[str] | None = None,
    *,
    label_suffix: str | None = None,
    workers: int = 0,
    progress: bool = False,
) -> Survey:
    """Decode every image and label of a folder, whatever its ids mean.

    Args:
        images: folder of images.
        labels: folder of their labels, of up to 16 bits.
        label_suffix: see :class:`udalib.data.SegmentationFolder`.
        workers: threads that decode (0: as many as the machine has processors).
        progress: show a progress bar.

    Raises:
        DataError: a folder is missing or empty; or the first defects: an image without label, a label of another
            size, a damaged file, a colour picture in place of ids.
    """
    every = dict.fromkeys(range(65536), 0)
    files = SegmentationFolder(
        images, labels, custom_space("any", ["id"]), ids=every, decode="ids16", label_suffix=label_suffix
    )
    report = check_dataset(files, workers=workers, progress=progress)
    refuse([defect for defect in report.defects if defect.kind not in HARMLESS])
    with ThreadPoolExecutor(workers or os.cpu_count() or 1) as pool:
        looked = pool.map(lambda item: _look(item, files), files.items)
        found = list(tqdm(looked, total=len(files), desc="survey", unit="image", disable=not progress))
    ids: Counter[int] = Counter()
    first: dict[int, Path] = {}
    for item, (_, counts) in zip(files.items, found, strict=True):
        ids.update(counts)
        first = {**{raw: item.label for raw in counts if item.label is not None}, **first}
    sizes = dict(Counter(size for size, _ in found).most_common())
    return Survey(files.root, sizes, dict(sorted(ids.items())), first, report.defects)


def _look(item: Item, files: SegmentationFolder) -> tuple[tuple[int, int], dict[int, int]]:
    with opened(item.image, "image") as image:
        width, height = ImageOps.exif_transpose(image).size
    if item.label is None:
        return (height, width), {}
    values, counts = np.unique(read_ids(item.label, files.form.decode, files.form.space), return_counts=True)
    return (height, width), dict(zip(values.tolist(), counts.tolist(), strict=True))


def refuse(defects: Iterable[Defect]) -> None:
    """Raise :class:`DataError` with the first defects and the number of all, if there is any."""
    every = list(defects)
    if every:
        more = f" And {len(every) - SHOWN} more." if len(every) > SHOWN else ""
        shown = (f"{d.path}: {d.what}. {REMEDIES.get(d.kind, d.remedy)}" for d in every[:SHOWN])
        raise DataError(" ".join(shown) + more)


def infer_ids(found: Iterable[int], ignore: Iterable[int] = ()) -> dict[int, int]:
    """Raw id to train id, 255 for what is ignored, from the ids that occur.

    The classes are what occurs, ascending, without ``ignore``, 255 and 65535. 0 and 255 alone are a mask in black and
    white: two classes.

    >>> infer_ids([0, 255]), infer_ids([0, 1, 255]), infer_ids([7, 300, 65535])
    ({0: 0, 255: 1}, {0: 0, 1: 1, 255: 255}, {7: 0, 300: 1, 65535: 255})
    """
    present, left_out = sorted(set(found)), set(ignore)
    if tuple(present) != BINARY or left_out:
        left_out |= set(IGNORED)
    classes = [raw for raw in present if raw not in left_out]
    return {raw: classes.index(raw) if raw in classes else IGNORE_INDEX for raw in present}
