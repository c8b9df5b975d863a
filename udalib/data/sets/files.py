"""A segmentation data set of image and label files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from udalib.core.errors import DataError
from udalib.core.seeding import derive_seed
from udalib.core.types import Sample
from udalib.data.labels import LabelSpace
from udalib.data.sets.reading import FileError, read_ids, read_image


@dataclass(frozen=True)
class Item:
    """One image and its label; ``label`` is None in an unlabelled split."""

    name: str
    image: Path
    label: Path | None


@dataclass(frozen=True)
class LabelForm:
    """How label files are read: decoding, table uint8 (256,) from raw to train ids (of "ids16": 65536 entries), raw ids
    that may occur.
    """

    decode: str
    table: NDArray[np.uint8]
    known: frozenset[int]
    space: LabelSpace
    """The space whose colours "color" decoding looks for."""


class SegmentationFiles:
    """Map-style data set over a list of items; decodes and maps ids, nothing random.

    Samples: ``image`` uint8 (3, H, W) RGB, ``name``, and, where there are labels and ``labels`` is true, ``label``
    uint8 (H, W) of train ids of ``label_space``. A broken file raises :class:`DataError` with the file and a remedy.
    """

    label_pattern: str | None = None
    """Names of all label files, where the set is everything in its folders: then a check looks for stray files."""

    def __init__(
        self,
        name: str,
        items: Sequence[Item],
        label_space: LabelSpace,
        form: LabelForm,
        root: Path,
        *,
        labels: bool = True,
    ) -> None:
        if not items:
            raise DataError(f"{name}: there is no image under {root}. Check the root, the split and the file names.")
        self.name = name
        self.items = tuple(items)
        self.label_space = label_space
        self.form = form
        self.root = root
        self.labels = labels

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, index: int) -> Sample:
        item = self.items[index]
        sample: Sample = {"image": read_image(item.image), "name": item.name}
        if self.labels and item.label is not None:
            sample["label"] = self.read_label(index)
            require_same_size(item, sample["image"], sample["label"])
        return sample

    def read_label(self, index: int) -> Tensor:
        """Train ids of one item, uint8 (H, W), without decoding its image."""
        path = self.items[index].label
        if path is None:
            raise DataError(
                f"{self.name}: {self.items[index].name} has no label in this split; choose a labelled split."
            )
        return self.decode_label(path)

    def decode_label(self, path: Path) -> Tensor:
        """Train ids of a label file of this kind, uint8 (H, W)."""
        return torch.from_numpy(self.form.table[read_ids(path, self.form.decode, self.form.space)])

    def identity(self) -> str:
        """Changes when the label files, their order or what their ids mean change: a key for what is counted once."""
        parts: list[str | int] = [self.label_space.name, self.form.decode, self.form.table.tobytes().hex()]
        for item in self.items:
            parts.append(item.name)
            if item.label is not None and item.label.is_file():
                status = item.label.stat()
                parts += [item.label.as_posix(), status.st_size, status.st_mtime_ns]
        return f"{self.name}-{derive_seed(*parts):016x}"

    def label_file(self, index: int) -> str:
        """Label path of one item relative to the root, with forward slashes: its key in the class statistics."""
        path = self.items[index].label
        return "" if path is None else relative(path, self.root)


def relative(path: Path, root: Path) -> str:
    """``path`` below ``root`` with forward slashes, or as it is if it lies elsewhere."""
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else path.as_posix()


def require_same_size(item: Item, image: Tensor, label: Tensor) -> None:
    """Raise :class:`FileError` if label (H, W) and image (3, H, W) differ in size."""
    if image.shape[-2:] != label.shape[-2:]:
        (h, w), (lh, lw) = image.shape[-2:], label.shape[-2:]
        what = f"this label is {lw} x {lh} pixels while its image {item.image.name} is {w} x {h}"
        remedy = "Check that the two belong together."
        if (h, w) == (lw, lh):
            remedy = "If the camera's rotation tag turns the image upright, turn the label, too."
        raise FileError("size-mismatch", item.label or item.image, what, remedy)
