"""Find every defect of a data set on the disk, each with its file and a remedy."""

from __future__ import annotations

import fnmatch
import os
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tqdm import tqdm

from udalib.core.errors import ConfigError, DataError
from udalib.core.types import IGNORE_INDEX
from udalib.data.sets.boxes.check import check_box_split, holds_boxes
from udalib.data.sets.clips import Clips
from udalib.data.sets.files import Item, SegmentationFiles, require_same_size
from udalib.data.sets.manifests import Manifest, find_root, manifest, manifest_names
from udalib.data.sets.reading import FileError, read_ids, read_image, require_end
from udalib.data.sets.registry import create_dataset, label_path, list_images, split_patterns
from udalib.data.sets.report import Defect, Report, merged


def check_dataset(
    dataset: SegmentationFiles | Clips | str,
    *,
    splits: Iterable[str] | None = None,
    root: str | os.PathLike[str] | None = None,
    workers: int = 0,
    progress: bool = False,
) -> Report:
    """Check a data set completely: every image and label is decoded.

    Args:
        dataset: the name of a data set with a manifest (all its splits, file counts and stray files are checked as
            well), or a data set object such as a :class:`SegmentationFolder`.
        splits: only these splits of a named data set.
        root: folder of a named data set, if it is not under the data root.
        workers: threads that decode (0: as many as the machine has processors).
        progress: show a progress bar.

    Returns:
        A :class:`Report`; it never raises for a defect on the disk.
    """
    if isinstance(dataset, str):
        return _check_named(manifest(dataset), splits, root, workers, progress)
    if isinstance(dataset, Clips):
        dataset = dataset.files
    if not isinstance(dataset, SegmentationFiles):
        raise ConfigError(
            f"a {type(dataset).__name__} has no files to check; give the name of a data set "
            f"({', '.join(manifest_names())}) or one made of files."
        )
    defects = [*_duplicates(dataset.items)]
    if dataset.label_pattern is not None:
        defects += _stray(dataset, [], [], dataset.label_pattern)
    return Report(dataset.name, len(dataset), (*defects, *_check_files(dataset, None, workers, progress)))


def _check_named(
    facts: Manifest, splits: Iterable[str] | None, root: str | os.PathLike[str] | None, workers: int, progress: bool
) -> Report:
    try:
        folder = find_root(facts, root)
    except DataError as error:
        missing = Path(root) if root is not None else Path(facts.folders[0])
        return Report(facts.name, 0, (Defect("missing-root", missing, "this folder was not found", str(error)),))
    names = list(splits) if splits is not None else [s for s in facts.splits if s != "*"]
    if holds_boxes(facts):
        return merged(facts.name, [check_box_split(facts, folder, split) for split in names])
    reports = [_check_split(facts, folder, split, workers, progress) for split in names]
    return merged(facts.name, [*reports, _shared_names(facts, folder, names)])


def _check_split(facts: Manifest, root: Path, split: str, workers: int, progress: bool) -> Report:
    try:
        dataset: Any = create_dataset(facts.name, split, root)
    except DataError as error:
        remedy = f"Get or move the files of split {split!r}; layout: {'; '.join(facts.layout)}."
        return Report(facts.name, 0, (Defect("empty-split", root, str(error).rstrip("."), remedy),))
    defects = [*_count(facts, dataset, split), *_duplicates(dataset.items)]
    whole = (
        facts.labels and not {"list", "frame_number"} & facts.splits[split].keys()
    )  # other frames lie beside those of a video split
    if whole and facts.labels:
        patterns = [p.rsplit("/", 1)[1] for p in split_patterns(facts, split)]
        defects += _stray(dataset, patterns, _other_labels(facts, dataset))
    files = _check_files(dataset, facts.size_wh, workers, progress)
    return Report(facts.name, len(dataset), (*defects, *files))


def _count(facts: Manifest, dataset: SegmentationFiles, split: str) -> Iterator[Defect]:
    expected = facts.splits[split].get("count")
    if expected is not None and expected != len(dataset):
        what = f"split {split!r} has {len(dataset)} images, the data set has {expected}"
        yield Defect("count", dataset.root, what, "Complete the download, or remove what does not belong to it.")


def _duplicates(items: Iterable[Item]) -> Iterator[Defect]:
    by_name: dict[str, list[Path]] = defaultdict(list)
    for item in items:
        by_name[item.name].append(item.image)
    for name, paths in by_name.items():
        for path in paths[1:]:
            yield Defect(
                "duplicate-name", path, f"the name {name!r} is that of {paths[0]} too", "Rename or remove one."
            )


def _shared_names(facts: Manifest, root: Path, splits: list[str]) -> Report:
    """Images of one name in two splits that are searched by pattern: evaluation on training images."""
    earlier: dict[str, Path] = {}
    defects = []
    for split in splits:
        images = [] if "list" in facts.splits[split] else list_images(facts, root, split)
        for path in images:
            if path.name in earlier:
                what = f"this image has the name of {earlier[path.name]} in another split"
                defects.append(Defect("shared-name", path, what, "Remove it from one of the splits."))
        earlier.update({path.name: path for path in images})
    return Report(facts.name, 0, tuple(defects))


def _other_labels(facts: Manifest, dataset: SegmentationFiles) -> list[str]:
    """Patterns of files that may lie beside the labels: those of the manifest and of its other label forms."""
    forms = [label_path(f, i.image, dataset.root).name for f in facts.labels for i in dataset.items]
    return [*facts.other_files, *forms]


def _stray(
    dataset: SegmentationFiles, image_patterns: list[str], allowed: list[str], label_pattern: str = "*"
) -> Iterator[Defect]:
    """Files in the image folders that are no images of the set, and in the label folders that are no labels."""
    images = {i.image for i in dataset.items}
    labels = {i.label for i in dataset.items if i.label is not None}
    exact = {a for a in allowed if "*" not in a}
    patterns = [a for a in allowed if "*" in a]
    for folder in sorted({p.parent for p in images}):
        for path in _files_in(folder):
            if path not in images and path not in labels:
                what = "this file is none of the data set's images"
                wanted = f" (they are called {' or '.join(image_patterns)})" if image_patterns else ""
                yield Defect("extra-file", path, what + wanted, "Remove or rename it.")
    for folder in sorted({p.parent for p in labels} - {p.parent for p in images}):
        for path in _files_in(folder):
            known = path in labels or path.name in exact or any(fnmatch.fnmatch(path.name, p) for p in patterns)
            if not known and fnmatch.fnmatch(path.name, label_pattern):
                yield Defect("extra-label", path, "no image belongs to this label", "Restore its image or remove it.")


def _files_in(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    return sorted(p for p in folder.iterdir() if not p.name.startswith(".") and (p.is_symlink() or not p.is_dir()))


def _check_files(
    dataset: SegmentationFiles, size_wh: tuple[int, int] | None, workers: int, progress: bool
) -> list[Defect]:
    check: Callable[[Item], list[Defect]] = lambda item: check_item(dataset, item, size_wh)  # noqa: E731
    with ThreadPoolExecutor(workers or os.cpu_count() or 1) as pool:
        results = pool.map(check, dataset.items)
        shown = tqdm(results, total=len(dataset), desc=f"check {dataset.name}", unit="image", disable=not progress)
        return [defect for defects in shown for defect in defects]


def check_item(dataset: SegmentationFiles, item: Item, size_wh: tuple[int, int] | None = None) -> list[Defect]:
    """Every defect of one image and its label."""
    defects: list[Defect] = []
    image = label = None
    try:
        image = read_image(item.image)
        require_end(item.image, "image")
        width, height = int(image.shape[2]), int(image.shape[1])
        if size_wh is not None and (width, height) != tuple(size_wh):
            what = f"this image is {width} x {height} pixels, the data set has {size_wh[0]} x {size_wh[1]}"
            defects.append(Defect("size", item.image, what, "Use the original files."))
    except FileError as error:
        defects.append(Defect(error.kind, error.path, error.what, error.remedy))
    if item.label is None:
        return defects
    try:
        label = read_ids(item.label, dataset.form.decode, dataset.form.space)
        require_end(item.label, "label")
        defects += _check_ids(dataset, item.label, label)
        if image is not None:
            require_same_size(item, image, torch.from_numpy(label))
    except FileError as error:
        defects.append(Defect(error.kind, error.path, error.what, error.remedy))
    return defects


def _check_ids(dataset: SegmentationFiles, path: Path, ids: np.ndarray) -> Iterator[Defect]:
    present = set(np.unique(ids).tolist())
    unknown = sorted(present - dataset.form.known)
    if unknown:
        known = sorted(dataset.form.known - {IGNORE_INDEX})
        what = f"this label has the unknown ids {unknown[:8]}; known are {known[0]} .. {known[-1]} and 255"
        yield Defect("unknown-id", path, what, "Check that it is the right kind of label file.")
    elif all(dataset.form.table[i] == IGNORE_INDEX for i in present):
        yield Defect(
            "no-class", path, "this label has no pixel of any class", "Check it; remove the pair if it is empty."
        )
