"""Crops of single things, many of some classes and few of others: a long tail without a download."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from udalib.core.errors import ConfigError
from udalib.core.paths import cache_root
from udalib.core.profiles import exponential_profile
from udalib.core.types import Sample
from udalib.data.labels import LabelSpace, label_space
from udalib.world.crops import CROPS_VERSION, THINGS, draw_crop
from udalib.world.render import WORLD_VERSION, check_size
from udalib.world.storage import SPLITS, check_extent, stored

ORDER = ("car", "person", "traffic sign", "traffic light", "truck", "bicycle", "rider", "bus", "motorcycle", "train")
"""From head to tail, roughly as often as the things stand in the streets."""


class ThingsLongTail(torch.utils.data.Dataset[Sample]):
    """The pictures of :class:`udalib.world.Things` with an exponential profile of class sizes.

    Args:
        split: "train" is long-tailed; "val" and "test" are balanced, ``largest`` pictures a class.
        largest: pictures of the largest class.
        imbalance: largest class over smallest in training.
        size: (height, width) in pixels.
        seed: another seed draws other pictures.
        cache: keep the pictures in a file, made on first use.
        train_largest: ``largest`` of the training part, where this is another split; None = the same.

    Attributes:
        class_counts: training pictures of each class.
        shots: (many, few): a class is many-shot above the first number and few-shot below the second, at a half and a
            tenth of the largest class.

    ``dataset[i]`` is a dict of ``image`` uint8 (3, H, W), ``target`` int64 () of ``cityscapes_things``, and ``name``.
    """

    def __init__(
        self,
        split: str = "train",
        largest: int = 500,
        imbalance: float = 50.0,
        size: tuple[int, int] = (32, 32),
        seed: int = 0,
        cache: bool = True,
        train_largest: int | None = None,
    ) -> None:
        size = (size[0], size[1]) if len(size) == 2 else size
        check_size(size)
        check_extent(split, largest * len(THINGS))
        self.split, self.size, self.seed, self.cache = split, size, seed, cache
        self.name = f"streets-crops-{split}"
        self.label_space: LabelSpace = label_space("cityscapes_things")
        head = largest if train_largest is None else train_largest
        self.class_counts = self._counts(head, imbalance)
        self.shots = (head // 2, head // 10)
        counts = self._counts(largest, imbalance if split == "train" else 1.0)
        if min(counts) < 1:
            raise ConfigError("every class needs at least one picture; raise largest or lower imbalance.")
        self.numbers = sorted(c + len(THINGS) * j for c, n in enumerate(counts) for j in range(n))
        self._key = f"{CROPS_VERSION}_lt_{split}_s{seed}_n{largest}_r{imbalance:g}_{size[0]}x{size[1]}.npy"
        self._pictures: NDArray[np.uint8] | None = None

    def __len__(self) -> int:
        return len(self.numbers)

    def __getitem__(self, index: int) -> Sample:
        place = range(len(self))[index]
        image = np.array(self.pictures()[place]) if self.cache else self._draw(place)
        number = self.numbers[place]
        name = f"{WORLD_VERSION}_{CROPS_VERSION}_s{self.seed}_{SPLITS[self.split] + number:08d}"
        return {"image": torch.from_numpy(image), "target": torch.tensor(number % len(THINGS)), "name": name}

    def __getstate__(self) -> dict[str, Any]:
        """Leave the open file out: a worker process opens it again."""
        return self.__dict__ | {"_pictures": None}

    def targets(self) -> NDArray[np.int64]:
        """Class of every picture, int64 (N,)."""
        return np.array(self.numbers, dtype=np.int64) % len(THINGS)

    def pictures(self) -> NDArray[np.uint8]:
        """All pictures as one read-only array (N, 3, H, W) uint8."""
        if self._pictures is None:
            path = cache_root() / WORLD_VERSION / self._key
            self._pictures = stored(path, (len(self), 3, *self.size), self._draw)
        return self._pictures

    def _counts(self, largest: int, imbalance: float) -> list[int]:
        """By class of the label space."""
        sizes = dict(zip(ORDER, exponential_profile(largest, len(ORDER), imbalance), strict=True))
        return [sizes[name] for name in self.label_space.names]

    def _draw(self, place: int) -> NDArray[np.uint8]:
        return draw_crop(SPLITS[self.split] + self.numbers[place], self.seed, self.size)
