"""Anybody's own images and labels as a data set."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from udalib.core.errors import ConfigError, DataError
from udalib.core.paths import data_root
from udalib.core.types import IGNORE_INDEX
from udalib.data.labels import LabelSpace, label_space_names, lookup_table, mapping
from udalib.data.labels import label_space as space_named
from udalib.data.sets.files import Item, LabelForm, SegmentationFiles
from udalib.data.sets.registry import DATASETS

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp", ".ppm")
LABEL_SUFFIXES = (".png", ".bmp", ".tif", ".tiff", ".gif")


class SegmentationFolder(SegmentationFiles):
    """A folder of images and, optionally, one of labels with the same file names (and sub-folders).

    Args:
        images: folder of images, searched with its sub-folders; as it is, else below the root of the data sets.
        labels: folder of labels; None for unlabelled images.
        label_space: name of a label space, or a space of your own (:func:`udalib.data.custom_space`).
        ids: how raw ids become train ids: a dictionary {raw id: train id} (others become 255), the name of an id
            table such as "cityscapes_ids", or None if the files hold train ids.
        decode: "ids", "ids16" (grey labels of up to 16 bits), "color" (label pictures in the colours of
            ``label_space``) or "first16".
        label_suffix: end of the label file names after the image's stem, e.g. "_labelTrainIds.png"; by default the
            first of the usual suffixes that exists.
        name: name of the data set in messages and reports.
        hold_out: k > 1 divides the folder: the split "train" lacks every k-th image, any other has these alone.
        split: which of the two.

    Raises:
        DataError: a folder is missing or holds no image, or too few to be divided.
        ConfigError: ``hold_out`` is 1 or negative.

    Ten lines from your own photographs to batches::

        from udalib.data import HorizontalFlip, RandomCrop, SegmentationFolder, Stream, custom_space

        space = custom_space("mine", ["road", "other"])
        mine = SegmentationFolder("photos", "masks", space, ids={1: 0, 2: 1})
        stream = Stream("source", mine, 4, sample_transforms=[RandomCrop((256, 256)), HorizontalFlip()])
        batch = next(stream.batches())
    """

    def __init__(
        self,
        images: str | os.PathLike[str],
        labels: str | os.PathLike[str] | None = None,
        label_space: str | LabelSpace = "cityscapes19",
        *,
        ids: Mapping[int, int] | str | None = None,
        decode: str = "ids",
        label_suffix: str | None = None,
        name: str = "folder",
        hold_out: int = 0,
        split: str = "train",
    ) -> None:
        root, label_root = _folder(images, "images"), None if labels is None else _folder(labels, "labels")
        space = space_named(label_space) if isinstance(label_space, str) else label_space
        found = sorted(p for p in root.rglob("*") if p.suffix.lower() in IMAGE_SUFFIXES)
        items = [Item(p.stem, p, _label_of(p, root, label_root, label_suffix)) for p in found]
        super().__init__(name, _part(items, hold_out, split, root), space, _form(space, ids, decode), root)
        self.label_pattern = None if hold_out else f"*{label_suffix or ''}"


def _folder(path: str | os.PathLike[str], role: str) -> Path:
    folder = Path(path).expanduser()
    below = data_root() / folder
    if not folder.is_dir() and not below.is_dir():
        raise DataError(f"the folder of {role}, {folder}, does not exist. Check the path.")
    return folder if folder.is_dir() else below


def _part(items: Sequence[Item], hold_out: int, split: str, root: Path) -> Sequence[Item]:
    if hold_out == 0:
        return items
    if hold_out < 2:
        raise ConfigError(f"hold_out is {hold_out}; 5 keeps every fifth image for scoring, 0 divides nothing.")
    if len(items) == 1:
        raise DataError(f"{root} holds one image: none is left to train on. Add images, or set hold_out to 0.")
    return [item for i, item in enumerate(items) if (i % hold_out == 0) != (split == "train")]


def _label_of(image: Path, root: Path, label_root: Path | None, suffix: str | None) -> Path | None:
    if label_root is None:
        return None
    base = label_root / image.relative_to(root).parent
    candidates = [base / (image.stem + s) for s in ([suffix] if suffix else LABEL_SUFFIXES)]
    return next((c for c in candidates if os.path.lexists(c)), candidates[0])


def _form(space: LabelSpace, ids: Mapping[int, int] | str | None, decode: str) -> LabelForm:
    classes = range(space.num_classes)
    if isinstance(ids, str):
        table = mapping(ids, space.name)
        known = range(IGNORE_INDEX) if ids not in label_space_names() else range(space_named(ids).num_classes)
        return LabelForm(decode, table, frozenset(known) | {IGNORE_INDEX}, space)
    ids = {int(raw): train for raw, train in ids.items()} if ids is not None else {i: i for i in classes}
    table = lookup_table(ids, entries=65536 if decode == "ids16" else 256)
    wrong = sorted(set(np.unique(table).tolist()) - set(classes) - {IGNORE_INDEX})
    if wrong:
        raise DataError(f"ids maps to {wrong}, but {space.name} has train ids 0 .. {space.num_classes - 1} and 255.")
    return LabelForm(decode, table, frozenset(ids) | {IGNORE_INDEX}, space)


@DATASETS.register("folder")
def folder_split(
    split: str,
    root: str | os.PathLike[str] | None = None,
    *,
    images: str | None = None,
    labels: str | None = None,
    label_space: str | LabelSpace = "cityscapes19",
    ids: Mapping[int, int] | str | None = None,
    decode: str = "ids",
    label_suffix: str | None = None,
    hold_out: int = 0,
) -> SegmentationFiles:
    """A :class:`SegmentationFolder` of ``images`` and ``labels``.

    With ``root``, of ``root/images[/split]`` and, where it exists, ``root/labels[/split]``.
    """
    if root is None and images is None:
        raise DataError(
            "data set 'folder' needs root= or images=: a folder that holds images/ and, if there are any, labels/; or "
            "the folder of the images itself. `udalib adapt` sets all that a recipe own/... needs."
        )
    if root is not None:
        base = Path(root).expanduser()
        found = _first_folder([base / "images" / split, base / "images"])
        beside = base / "labels" / split if found.name == split else base / "labels"
        images, labels = str(found), str(beside) if beside.is_dir() else None
    return SegmentationFolder(
        images or "",
        labels,
        label_space,
        ids=ids,
        decode=decode,
        label_suffix=label_suffix,
        hold_out=hold_out,
        split=split,
    )


def _first_folder(candidates: Sequence[Path]) -> Path:
    return next((c for c in candidates if c.is_dir()), candidates[-1])
