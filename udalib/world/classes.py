"""The streets as a multi-label set: which things a picture shows."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from udalib.core.errors import ConfigError
from udalib.core.types import Sample
from udalib.data.labels import LabelSpace, label_space
from udalib.world.crops import THINGS
from udalib.world.dataset import Streets


class StreetClasses(torch.utils.data.Dataset[Sample]):
    """Pictures of a style with a vector of the ten thing classes, 1 for what is seen.

    Road, sky and buildings are in every picture and would teach nothing, so that the classes are those of the label
    space ``cityscapes_things``.

    Args:
        style, split, length, size, seed, cache: those of :class:`udalib.world.Streets`, whose pictures these are.
        min_pixels: a class is seen from this many pixels on; less is a speck, and counts as absent.

    ``dataset[i]`` is a dict of ``image`` uint8 (3, H, W), ``classes`` int8 (10,), ``areas`` float32 (10,) in pixels and
    ``name``.

    >>> sample = StreetClasses("target", "val", length=2, size=(32, 64), cache=False)[0]
    >>> tuple(sample["classes"].shape), sample["areas"].dtype
    ((10,), torch.float32)
    """

    def __init__(
        self,
        style: str = "target",
        split: str = "train",
        length: int = 2000,
        size: tuple[int, int] = (64, 128),
        seed: int = 0,
        cache: bool = True,
        min_pixels: int = 12,
    ) -> None:
        if min_pixels < 1:
            raise ConfigError(f"min_pixels is {min_pixels}; a class needs at least one pixel to be seen.")
        self.streets = Streets(style, split, length, size, seed, cache)
        self.min_pixels = min_pixels
        self.name = f"{self.streets.name}-classes"
        self.label_space: LabelSpace = label_space("cityscapes_things")

    def __len__(self) -> int:
        return len(self.streets)

    def __getitem__(self, index: int) -> Sample:
        sample = self.streets[index]
        areas = self._areas(sample["label"].numpy())
        return {
            "image": sample["image"],
            "classes": torch.from_numpy((areas >= self.min_pixels).astype(np.int8)),
            "areas": torch.from_numpy(areas.astype(np.float32)),
            "name": sample["name"],
        }

    def class_table(self) -> NDArray[np.int8]:
        """All vectors, int8 (N, 10), for samplers and statistics."""
        labels = (self.streets[i]["label"].numpy() for i in range(len(self)))
        return np.stack([(self._areas(label) >= self.min_pixels).astype(np.int8) for label in labels])

    def _areas(self, label: NDArray[Any]) -> NDArray[np.int64]:
        counts = np.bincount(label.ravel(), minlength=256)
        return counts[list(THINGS)]
