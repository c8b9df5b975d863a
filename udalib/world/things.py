"""Crops of single things for ten-way classification, to pretrain an encoder for the streets on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from udalib.core.paths import cache_root
from udalib.core.types import Sample
from udalib.data.labels import LabelSpace, label_space
from udalib.world.crops import CROPS_VERSION, THINGS, draw_crop
from udalib.world.render import WORLD_VERSION, check_size
from udalib.world.storage import SPLITS, check_extent, stored


class Things(torch.utils.data.Dataset[Sample]):
    """Pictures of one thing each: the ten thing classes of Cityscapes, all equally often, in random looks.

    Args:
        split: "train", "val" or "test"; splits never share a picture.
        length: number of samples; a longer set begins with the samples of a shorter one.
        size: (height, width) in pixels.
        seed: another seed draws other pictures.
        cache: keep the pictures in a file under :func:`udalib.core.paths.cache_root` (made on first use, shared by all
            processes); without it every sample is drawn when it is asked for.

    ``dataset[i]`` is a dict of ``image`` uint8 (3, H, W), ``target`` int64 (), the class in the label space
    ``cityscapes_things``, and ``name``. The class is ``i % 10``: shuffle the order.

    >>> things = Things("val", length=20, size=(32, 32), cache=False)
    >>> tuple(things[13]["image"].shape), things.label_space.names[things[13]["target"]]
    ((3, 32, 32), 'rider')
    """

    def __init__(
        self,
        split: str = "train",
        length: int = 2000,
        size: tuple[int, int] = (40, 40),
        seed: int = 0,
        cache: bool = True,
    ) -> None:
        size = (size[0], size[1]) if len(size) == 2 else size
        check_size(size)
        check_extent(split, length)
        self.split, self.length, self.size, self.seed, self.cache = split, length, size, seed, cache
        self.name = f"streets-things-{split}"
        self.label_space: LabelSpace = label_space("cityscapes_things")
        self._pictures: NDArray[np.uint8] | None = None

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index: int) -> Sample:
        position = range(self.length)[index]
        image = np.array(self.pictures()[position]) if self.cache else self._draw(position)
        return {
            "image": torch.from_numpy(image),
            "target": torch.tensor(position % len(THINGS)),
            "name": f"{WORLD_VERSION}_{CROPS_VERSION}_s{self.seed}_{SPLITS[self.split] + position:08d}",
        }

    def __getstate__(self) -> dict[str, Any]:
        """Leave the open file out: a worker process opens it again."""
        return self.__dict__ | {"_pictures": None}

    def pictures(self) -> NDArray[np.uint8]:
        """All pictures as one read-only array (N, 3, H, W) uint8, in the file of :meth:`cache_file`."""
        if self._pictures is None:
            self._pictures = stored(self.cache_file(), (self.length, 3, *self.size), self._draw)
        return self._pictures

    def cache_file(self) -> Path:
        """Where the cache lies; its name holds everything the pictures depend on."""
        height, width = self.size
        name = f"{CROPS_VERSION}_{self.split}_s{self.seed}_n{self.length}_{height}x{width}.npy"
        return cache_root() / WORLD_VERSION / name

    def _draw(self, index: int) -> NDArray[np.uint8]:
        return draw_crop(SPLITS[self.split] + index, self.seed, self.size)
