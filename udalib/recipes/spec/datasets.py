"""Data sets by the names that recipes use: ``streets/STYLE`` for the embedded world, else a real one of udalib.data."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor

from udalib.core.types import Batch, Sample
from udalib.data import DATASETS, Draws, LabelSpace, MapDataset, Transform, label_space, mapping
from udalib.data.sampling.stats import file_of, identity_of, label_of
from udalib.world import STYLES, StreetBoxes, StreetClasses, StreetClips, Streets, Things, ThingsLongTail
from udalib.world.boxes import VIEWS

WORLD = "streets/"
EMBEDDED: dict[str, Callable[..., Any]] = {
    f"{WORLD}things": Things,
    f"{WORLD}crops": ThingsLongTail,
    f"{WORLD}classes": StreetClasses,
    **{f"{WORLD}boxes-{view}": partial(StreetBoxes, view) for view in VIEWS},
}
"""Crops of single things, all equally often or long-tailed, pictures with the things they show, and pictures with boxes
by the place they are seen from; every other name that begins with :data:`WORLD` is that of a style."""


def dataset_names() -> list[str]:
    """Every name that a recipe may use for a data set."""
    return sorted([*(f"{WORLD}{style}" for style in STYLES), *EMBEDDED, *DATASETS])


def dataset_factory(name: str) -> Callable[..., Any]:
    """Return the builder ``(split=..., **options)`` of the data set ``name``."""
    if name in EMBEDDED:
        return EMBEDDED[name]
    if name.startswith(WORLD):
        style = name.removeprefix(WORLD)
        STYLES.get(style)
        return partial(streets, style)
    return DATASETS.get(name)


def streets(
    style: str,
    split: str = "train",
    length: int = 2000,
    size: tuple[int, int] = (64, 128),
    seed: int = 0,
    cache: bool = True,
    frames: int = 1,
) -> Streets | StreetClips:
    """Pictures of a style, or with ``frames`` > 1 clips of that many with flow; see the two classes."""
    if frames == 1:
        return Streets(style, split, length, size, seed, cache)
    return StreetClips(style, split, length, size, seed, cache, frames=frames)


class Relabelled:
    """A data set whose labels are mapped to another label space; ids without a counterpart become 255."""

    def __init__(self, dataset: Any, target: LabelSpace) -> None:
        self.dataset = dataset
        self.label_space = target
        self.name = getattr(dataset, "name", "")
        self._table = torch.from_numpy(mapping(dataset.label_space.name, target.name))

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, index: int) -> Sample:
        sample = self.dataset[index]
        keys = [key for key in ("label", "frame_labels") if key in sample]
        return {**sample, **{key: self._table[sample[key].long()] for key in keys}}

    def read_label(self, index: int) -> Tensor:
        """Label (H, W) of one item in the wanted space, without decoding its image where the data set can."""
        return self._table[label_of(self.dataset, index).long()]

    def label_file(self, index: int) -> str:
        """See :func:`udalib.data.sampling.stats.file_of`."""
        return file_of(self.dataset, index)

    def identity(self) -> str | None:
        """That of the data set, and where its classes went; see :func:`udalib.data.sampling.stats.identity_of`."""
        inner = identity_of(self.dataset)
        return None if inner is None else f"{inner}/as {self.label_space.name} {self._table.tolist()}"


class First:
    """The first ``count`` items of a data set: what ``limit`` in a recipe's presets asks for."""

    def __init__(self, dataset: Any, count: int) -> None:
        self.dataset = dataset
        self.count = min(count, len(dataset))
        self.name = getattr(dataset, "name", "")
        self.label_space = dataset.label_space

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> Sample:
        if not 0 <= index < self.count:
            raise IndexError(index)
        sample: Sample = self.dataset[index]
        return sample

    def read_label(self, index: int) -> Tensor:
        """Label (H, W) of one item, without decoding its image where the data set can."""
        return label_of(self.dataset, range(self.count)[index])

    def label_file(self, index: int) -> str:
        """See :func:`udalib.data.sampling.stats.file_of`."""
        return file_of(self.dataset, range(self.count)[index])

    def identity(self) -> str | None:
        """That of the whole data set, and how much of it; see :func:`udalib.data.sampling.stats.identity_of`."""
        inner = identity_of(self.dataset)
        return None if inner is None else f"{inner}/first {self.count}"


class WithImageTransforms:
    """A data set whose images go through ``transforms`` one by one; labels and all else stay as they are."""

    def __init__(self, dataset: Any, transforms: Sequence[Transform]) -> None:
        self.dataset = dataset
        self.transforms = tuple(transforms)
        self.name = getattr(dataset, "name", "")
        self.label_space = dataset.label_space

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, index: int) -> Sample:
        sample = self.dataset[index]
        batch: Batch = {"image": sample["image"][None]}
        for transform in self.transforms:
            batch = transform(batch, Draws.for_batch(0, "evaluation", 0, [index]))
        return {**sample, "image": batch["image"][0]}


def in_label_space(dataset: Any, name: str) -> MapDataset:
    """Return ``dataset`` with its labels in the space ``name``, itself if they are already."""
    wanted = label_space(name)
    own = getattr(dataset, "label_space", wanted)
    return dataset if own == wanted else Relabelled(dataset, wanted)
