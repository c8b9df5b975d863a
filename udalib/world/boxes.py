"""Pictures of the streets with the exact boxes of their small things, from the car and from above."""

from __future__ import annotations

import dataclasses
import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from udalib.core.errors import unknown_name
from udalib.core.paths import cache_root
from udalib.core.types import Sample
from udalib.data.labels import LabelSpace, label_space, mapping
from udalib.world.render import WORLD_VERSION, check_size, render, sample_name
from udalib.world.storage import SPLITS, check_extent, stored
from udalib.world.styles import STYLES, Style

BOXES_VERSION = "boxes-v1"
VIEWS = ("car", "above")


def seen_from(view: str) -> Style:
    """The source style from the car, or from a pole 9 to 14 metres high with the horizon near the upper edge.

    Raises:
        UnknownNameError: another view.
    """
    if view not in VIEWS:
        raise unknown_name("view of the streets", view, VIEWS)
    style = STYLES.get("source")
    if view == "car":
        return style
    layout = dataclasses.replace(style.layout, height=(9.0, 14.0), horizon=(0.02, 0.10), focal=(0.8, 1.0))
    return dataclasses.replace(style, name="above", layout=layout)


class StreetBoxes(torch.utils.data.Dataset[Sample]):
    """Street pictures with boxes around the visible pixels of lights, signs, people and vehicles.

    Args:
        view: "car" or "above".
        split: "train", "val" or "test"; splits never share scenes.
        length: number of samples; a longer set begins with the samples of a shorter one.
        size: (height, width) in pixels.
        seed: another seed is another town.
        smallest: boxes with a side below this many pixels are left out.
        cache: keep the pictures in a file, see :class:`udalib.world.Streets`.

    ``dataset[i]`` is a dict of ``image`` uint8 (3, H, W), ``boxes`` float32 (G, 4) x0 y0 x1 y1, ``box_labels`` int64
    (G,) of the label space ``cityscapes_things``, and ``name``.
    """

    def __init__(
        self,
        view: str = "car",
        split: str = "train",
        length: int = 2000,
        size: tuple[int, int] = (128, 256),
        seed: int = 0,
        smallest: float = 3.0,
        cache: bool = True,
    ) -> None:
        size = (size[0], size[1])
        check_size(size)
        check_extent(split, length)
        self.view, self.style, self.split, self.length, self.size = view, seen_from(view), split, length, size
        self.seed, self.smallest, self.cache = seed, smallest, cache
        self.name = f"streets-boxes-{view}-{split}"
        self.label_space: LabelSpace = label_space("cityscapes_things")
        self._classes = thing_ids()
        self._arrays: NDArray[np.uint8] | None = None

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index: int) -> Sample:
        position = range(self.length)[index]
        planes = np.array(self.arrays()[position]) if self.cache else self._planes(position)
        boxes, labels = unpacked(planes[3])
        keep = (boxes[:, 2:] - boxes[:, :2] >= self.smallest).all(1) if len(boxes) else np.zeros(0, dtype=bool)
        return {
            "image": torch.from_numpy(planes[:3]),
            "boxes": torch.from_numpy(boxes[keep]),
            "box_labels": torch.from_numpy(labels[keep]),
            "name": f"{BOXES_VERSION}_{sample_name(self.style.name, self.seed, SPLITS[self.split] + position)}",
        }

    def __getstate__(self) -> dict[str, Any]:
        """Leave the open file out: a worker process opens it again."""
        return self.__dict__ | {"_arrays": None}

    def arrays(self) -> NDArray[np.uint8]:
        """Pictures (N, 4, H, W) uint8: red, green, blue, packed boxes (:func:`packed`)."""
        if self._arrays is None:
            self._arrays = stored(self.cache_file(), (self.length, 4, *self.size), self._planes)
        return self._arrays

    def cache_file(self) -> Path:
        """Where the cache lies; its name holds everything the pictures depend on."""
        digest = hashlib.blake2b(self.style.recipe().encode(), digest_size=6).hexdigest()
        height, width = self.size
        name = f"{BOXES_VERSION}-{digest}_{self.split}_s{self.seed}_n{self.length}_{height}x{width}.npy"
        return cache_root() / WORLD_VERSION / name

    def _planes(self, index: int) -> NDArray[np.uint8]:
        sample = render(SPLITS[self.split] + index, self.style, self.seed, self.size)
        labels = self._classes[sample["box_labels"].numpy()]
        things = labels < self.label_space.num_classes
        plane = packed(sample["boxes"].numpy()[things], labels[things], self.size)
        planes: NDArray[np.uint8] = np.concatenate([sample["image"].numpy(), plane[None]])
        return planes


def thing_ids() -> NDArray[np.int64]:
    """Cityscapes train id to class of ``cityscapes_things``, 255 for what is no thing: (256,)."""
    back = mapping("cityscapes_things", "cityscapes19")
    ids = np.full(256, 255, dtype=np.int64)
    for thing in range(label_space("cityscapes_things").num_classes):
        ids[back[thing]] = thing
    return ids


def packed(boxes: NDArray[Any], labels: NDArray[Any], size: tuple[int, int]) -> NDArray[np.uint8]:
    """Whole-numbered boxes (G, 4) and labels as bytes in a plane (H, W): G, then five uint16 a box; the largest first.

    What does not fit into the plane is left out, the smallest boxes first.
    """
    order = np.argsort(-(boxes[:, 2:] - boxes[:, :2]).prod(1), kind="stable") if len(boxes) else np.zeros(0, dtype=int)
    rows = np.concatenate([boxes, labels[:, None]], axis=1)[order].astype("<u2")
    room = (size[0] * size[1] - 2) // 10
    values = np.concatenate([np.array([min(len(rows), room)], dtype="<u2"), rows[:room].ravel()])
    plane = np.zeros(size[0] * size[1], dtype=np.uint8)
    plane[: 2 * len(values)] = values.view(np.uint8)
    return plane.reshape(size)


def unpacked(plane: NDArray[np.uint8]) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """The inverse of :func:`packed`: boxes float32 (G, 4) and labels int64 (G,)."""
    data = np.ascontiguousarray(plane).ravel()
    count = int(data[:2].view("<u2")[0])
    rows = data[2 : 2 + 10 * count].view("<u2").reshape(count, 5)
    return rows[:, :4].astype(np.float32), rows[:, 4].astype(np.int64)
