"""The streets as a data set: rendered once into one memory-mapped file, then read by index."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from udalib.core.paths import cache_root
from udalib.core.types import Sample
from udalib.data.labels import LabelSpace, label_space
from udalib.world.render import WORLD_VERSION, check_size, check_style, render, render_clip, sample_name
from udalib.world.storage import SPLITS, check_extent, stored
from udalib.world.styles import Style


class Streets(torch.utils.data.Dataset[Sample]):
    """Labelled street pictures of one style.

    Args:
        style: name of a registered style, or a style.
        split: "train", "val" or "test"; splits never share scenes.
        length: number of samples; a longer set begins with the samples of a shorter one.
        size: (height, width) in pixels.
        seed: another seed is another town.
        cache: keep the pictures in a file under :func:`udalib.core.paths.cache_root` (made on first use, shared by all
            processes); without it every sample is rendered when it is asked for.

    ``dataset[i]`` is a dict of ``image`` uint8 (3, H, W), ``label`` uint8 (H, W) of Cityscapes train ids, and ``name``.

    >>> streets = Streets("target", split="val", length=4, size=(32, 64), cache=False)
    >>> len(streets), tuple(streets[0]["image"].shape)
    (4, (3, 32, 64))
    """

    def __init__(
        self,
        style: str | Style = "source",
        split: str = "train",
        length: int = 2000,
        size: tuple[int, int] = (64, 128),
        seed: int = 0,
        cache: bool = True,
    ) -> None:
        size = (size[0], size[1]) if len(size) == 2 else size
        check_size(size)
        check_extent(split, length)
        self.style, self.split, self.length, self.size, self.seed = check_style(style), split, length, size, seed
        self.name = f"streets-{self.style.name}-{split}"
        self.label_space: LabelSpace = label_space("cityscapes19")
        self.cache = cache
        self._arrays: NDArray[np.uint8] | None = None

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index: int) -> Sample:
        position = range(self.length)[index]
        if self.cache:
            planes = torch.from_numpy(np.array(self.arrays()[position]))
            image, label = planes[:3], planes[3]
        else:
            sample = self.full(position)
            image, label = sample["image"], sample["label"]
        return {"image": image, "label": label, "name": self.label_file(position)}

    def __getstate__(self) -> dict[str, Any]:
        """Leave the open file out: a worker process opens it again."""
        return self.__dict__ | {"_arrays": None}

    def scene(self, index: int) -> int:
        """Number of the scene that sample ``index`` shows."""
        return SPLITS[self.split] + index

    def label_file(self, index: int) -> str:
        """Name of sample ``index``, its key in the class statistics."""
        return sample_name(self.style.name, self.seed, self.scene(range(self.length)[index]))

    def full(self, index: int) -> Sample:
        """Sample ``index`` with everything :func:`udalib.world.render` knows about it, rendered now."""
        return render(self.scene(range(self.length)[index]), self.style, self.seed, self.size)

    def clip(self, index: int, length: int) -> Sample:
        """Clip of ``length`` frames that begins with sample ``index``, with flow; rendered now."""
        return render_clip(self.scene(range(self.length)[index]), length, self.style, self.seed, self.size)

    def arrays(self) -> NDArray[np.uint8]:
        """All samples as one read-only array (N, 4, H, W) uint8: red, green, blue, label."""
        if self._arrays is None:
            shape = (self.length, 4, *self.size)
            self._arrays = stored(self.cache_file(), shape, self._planes) if self.cache else self._stack()
        return self._arrays

    def identity(self) -> str:
        """Everything the pictures depend on, as the name of what is made from them once."""
        digest = hashlib.blake2b(self.style.recipe().encode(), digest_size=6).hexdigest()
        height, width = self.size
        name = f"{self.style.name}-{digest}_{self.split}_s{self.seed}_n{self.length}_{height}x{width}"
        return f"{WORLD_VERSION}/{name}"

    def cache_file(self) -> Path:
        """Where the cache lies; its name is the :meth:`identity`."""
        return cache_root() / f"{self.identity()}.npy"

    def _stack(self) -> NDArray[np.uint8]:
        return np.stack([self._planes(index) for index in range(self.length)])

    def _planes(self, index: int) -> NDArray[np.uint8]:
        sample = self.full(index)
        planes: NDArray[np.uint8] = np.concatenate([sample["image"].numpy(), sample["label"].numpy()[None]])
        return planes
