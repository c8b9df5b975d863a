"""Data sets by the names that recipes use: ``streets/STYLE`` for the embedded world, else a real one of udalib.data."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch

from udalib.core.types import Batch, Sample
from udalib.data import DATASETS, Draws, LabelSpace, MapDataset, Transform, label_space, mapping
from udalib.world import STYLES, Streets

WORLD = "streets/"


def dataset_names() -> list[str]:
    """Every name that a recipe may use for a data set."""
    return sorted([*(f"{WORLD}{style}" for style in STYLES), *DATASETS])


def dataset_factory(name: str) -> Callable[..., Any]:
    """Return the builder ``(split=..., **options)`` of the data set ``name``."""
    if name.startswith(WORLD):
        style = name.removeprefix(WORLD)
        STYLES.get(style)
        return partial(Streets, style)
    return DATASETS.get(name)


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
        return {**sample, "label": self._table[sample["label"].long()]} if "label" in sample else sample


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
