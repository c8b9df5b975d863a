"""Pictures of one class each, many of some and few of others: ImageNet-LT, iNaturalist 2018, CIFAR.

Facts: dscl sheet, sections 4 and 10; folders of classes serve ImageNet and Flowers-102 of the gkgnet sheet too.
"""

from __future__ import annotations

import io
import json
import os
from functools import partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from udalib.core.errors import DataError, unknown_name
from udalib.core.profiles import exponential_profile
from udalib.core.seeding import numpy_generator
from udalib.core.types import Sample
from udalib.data.labels import label_space
from udalib.data.sets.files import Item
from udalib.data.sets.manifests import Manifest, find_root, manifest
from udalib.data.sets.pictures import Pictures
from udalib.data.sets.registry import DATASETS, list_images

Root = str | os.PathLike[str] | None
RECORDS = {"cifar10": 1, "cifar100": 2}
"""Label bytes in front of the 3072 pixels of a record; the last of them is the class."""


class SmallPictures(torch.utils.data.Dataset[Sample]):
    """Pictures that are held in memory, with the number of training pictures of each class.

    Args:
        name: for messages.
        images: uint8 (N, 3, H, W), or N encoded files.
        classes: int64 (N,).
        space: name of the label space.
        class_counts: training pictures of each class, which say what is head and what is tail.
        root: folder of the data set.

    Attributes:
        shots: (many, few), what this set's own description calls many and few; empty = the numbers of ImageNet-LT.

    ``dataset[i]`` is a dict of ``image`` uint8 (3, H, W), ``target`` int64 () and ``name``.
    """

    items: tuple[Item, ...] = ()
    shots: tuple[int, ...] = ()

    def __init__(
        self,
        name: str,
        images: NDArray[np.uint8] | list[bytes],
        classes: NDArray[np.int64],
        space: str,
        class_counts: list[int],
        root: Path,
    ) -> None:
        self.name, self.images, self.classes, self.root = name, images, classes, root
        self.label_space, self.class_counts = label_space(space), class_counts

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> Sample:
        image = self.images[index]
        pixels = _decoded(image) if isinstance(image, bytes) else np.array(image)
        target = torch.tensor(int(self.classes[index]))
        return {
            "image": torch.from_numpy(pixels),
            "target": target,
            "name": f"{self.name}-{range(len(self))[index]:05d}",
        }

    def targets(self) -> NDArray[np.int64]:
        """Class of every picture, int64 (N,)."""
        return self.classes


def _decoded(file: bytes) -> NDArray[np.uint8]:
    with Image.open(io.BytesIO(file)) as image:
        return np.ascontiguousarray(np.asarray(image.convert("RGB")).transpose(2, 0, 1))


def cifar(name: str, split: str = "train", root: Root = None, imbalance: float = 1.0, seed: int = 0) -> SmallPictures:
    """CIFAR-10 or CIFAR-100 from its binary files, the training part thinned to an exponential profile.

    Args:
        name: "cifar10" or "cifar100".
        split: "train" or "test"; the test part stays whole.
        root: folder of the files.
        imbalance: largest class over smallest; 100, 50 and 10 are usual. Class 0 is the largest.
        seed: of the choice within each class.
    """
    facts, folder = manifest(name), find_root(manifest(name), root)
    images, classes = _records(facts, folder, split)
    count = label_space(facts.label_space).num_classes
    largest = 50_000 // count if split != "train" else int(np.bincount(classes).max())
    profile = exponential_profile(largest, count, imbalance)
    if split == "train":
        kept = np.sort(np.concatenate([_chosen(classes, c, n, seed) for c, n in enumerate(profile)]))
        images, classes = images[kept], classes[kept]
    return SmallPictures(f"{name}-{split}", images, classes, facts.label_space, profile, folder)


def _chosen(classes: NDArray[np.int64], c: int, count: int, seed: int) -> NDArray[np.int64]:
    order: NDArray[np.int64] = numpy_generator("cifar_lt", seed, c).permutation(np.flatnonzero(classes == c))
    return order[:count]


def _records(facts: Manifest, folder: Path, split: str) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    if split not in facts.splits:
        raise unknown_name(f"split of {facts.name}", split, facts.splits)
    pattern, labels = facts.splits[split]["images"][0], RECORDS[facts.name]
    parts = [np.fromfile(path, dtype=np.uint8) for path in sorted(folder.glob(pattern))]
    if not parts or any(len(part) == 0 or len(part) % (labels + 3072) for part in parts):
        raise DataError(
            f"{facts.title}: {folder} has no {pattern} of whole records of {labels + 3072} bytes. Get the binary "
            f"version of the data set again; layout: {'; '.join(facts.layout)}."
        )
    records = np.concatenate(parts).reshape(-1, labels + 3072)
    return records[:, labels:].reshape(-1, 3, 32, 32), records[:, labels - 1].astype(np.int64)


@DATASETS.register("cifar10_lt")
def cifar10_lt(split: str = "train", root: Root = None) -> SmallPictures:
    """12,408 long-tailed training pictures of CIFAR-10 (imbalance 100), or 2,000 balanced test pictures."""
    facts = manifest("cifar10_lt")
    folder = find_root(facts, root)
    if split not in facts.splits:
        raise unknown_name("split of cifar10_lt", split, facts.splits)
    counts = np.bincount(_archive(folder, facts, "train")["label"]).tolist()
    archive = _archive(folder, facts, split)
    offsets, joined = archive["offset"], archive["jpeg"]
    classes = archive["label"].astype(np.int64)
    order = interleaved(classes)
    files, classes = [joined[offsets[i] : offsets[i + 1]].tobytes() for i in order], classes[order]
    pictures = SmallPictures(f"cifar10_lt-{split}", files, classes, facts.label_space, counts, folder)
    pictures.shots = (1000, 100)
    return pictures


def interleaved(classes: NDArray[np.int64]) -> NDArray[np.int64]:
    """An order in which the classes take turns, so that the first pictures show all of them.

    >>> interleaved(np.array([0, 0, 0, 1, 1, 2])).tolist()
    [0, 3, 5, 1, 4, 2]
    """
    turn = np.empty_like(classes)
    for c in np.unique(classes):
        turn[classes == c] = np.arange(np.count_nonzero(classes == c))
    order: NDArray[np.int64] = np.lexsort((classes, turn))
    return order


def _archive(folder: Path, facts: Manifest, split: str) -> dict[str, NDArray[np.uint8]]:
    path = folder / facts.splits[split]["images"][0]
    try:
        with np.load(path, allow_pickle=False) as archive:
            return {key: archive[key] for key in ("jpeg", "offset", "label")}
    except (OSError, ValueError, KeyError) as error:
        raise DataError(f"{path} cannot be read ({error}). Get this file again.") from error


def listed(name: str, split: str = "train", root: Root = None) -> Pictures:
    """ImageNet-LT or iNaturalist 2018 from JSON lists of files; ``class_counts`` are those of the training list."""
    facts = manifest(name)
    folder = find_root(facts, root)
    if split not in facts.splits:
        raise unknown_name(f"split of {name}", split, facts.splits)
    space = label_space(facts.label_space)
    files, classes = _list(folder / f"{split}.json", space.num_classes)
    pictures = Pictures(name, [folder / f for f in files], space, folder, {"target": classes}, files)
    trained = classes if split == "train" else _list(folder / "train.json", space.num_classes)[1]
    pictures.class_counts = np.bincount(trained, minlength=space.num_classes).tolist()
    return pictures


def _list(path: Path, num_classes: int) -> tuple[list[str], NDArray[np.int64]]:
    try:
        entries = json.loads(path.read_text(encoding="utf-8"))["annotations"]
        files, classes = [e["fpath"] for e in entries], np.array([e["category_id"] for e in entries], dtype=np.int64)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(
            f"{path} is no list of annotations with fpath and category_id ({error}). Get it again."
        ) from error
    if len(classes) and not 0 <= classes.min() <= classes.max() < num_classes:
        raise DataError(f"{path} has classes {classes.min()} .. {classes.max()}; expected 0 .. {num_classes - 1}.")
    return files, classes


for _name in RECORDS:
    DATASETS.add(_name, partial(cifar, _name))
for _name in ("imagenet_lt", "inaturalist2018"):
    DATASETS.add(_name, partial(listed, _name))


def by_folder(name: str, split: str = "train", root: Root = None) -> Pictures:
    """Pictures of one class a folder, ``SPLIT/CLASS/NAME``, numbered in the order of the folders."""
    facts = manifest(name)
    folder = find_root(facts, root)
    if split not in facts.splits:
        raise unknown_name(f"split of {name}", split, facts.splits)
    space = label_space(facts.label_space)
    files = list_images(facts, folder, split)
    classes = sorted({file.parent.name for file in files})
    if files and len(classes) != space.num_classes:
        raise DataError(
            f"{facts.title}: {folder / split} has {len(classes)} folders of images; expected {space.num_classes}, "
            f"one a class. Layout: {'; '.join(facts.layout)}."
        )
    number = {c: i for i, c in enumerate(classes)}
    target = np.array([number[file.parent.name] for file in files], dtype=np.int64)
    names = [f"{file.parent.name}/{file.stem}" for file in files]
    return Pictures(name, files, space, folder, {"target": target}, names)


for _name in ("imagenet", "flowers102"):
    DATASETS.add(_name, partial(by_folder, _name))
