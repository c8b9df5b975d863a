"""Clips of the streets as a data set: some frames with labels and exact flow, kept like the stills."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from udalib.core.errors import ConfigError
from udalib.core.paths import cache_root
from udalib.core.types import Sample
from udalib.world.dataset import Streets
from udalib.world.storage import stored
from udalib.world.styles import Style

Bytes = NDArray[np.uint8]
FLOWS = ("flow_backward", "flow_forward")


class StreetClips(torch.utils.data.Dataset[Sample]):
    """Clips of ``frames`` pictures of one style, 17 a second; the first frame is the still of the same index.

    Samples: ``image`` and ``label`` of the LAST frame, ``frames`` uint8 (T, 3, H, W) and ``frame_labels`` uint8
    (T, H, W) of all in order of time, ``name``, ``flow_backward`` float32 (T - 1, 2, H, W) from each frame but the
    first to the one before it, on its own grid, and ``flow_forward`` from each but the last to the one after it. The
    flow is kept with 11 bits: off by at most 1/2048 of its length.

    Args:
        style, split, length, size, seed, cache: see :class:`udalib.world.dataset.Streets`.
        frames: T, at least 2.

    Raises:
        ConfigError: fewer than 2 frames.

    >>> clips = StreetClips("target", split="val", length=4, size=(32, 64), cache=False, frames=3)
    >>> tuple(clips[0]["frames"].shape), tuple(clips[0]["flow_backward"].shape)
    ((3, 3, 32, 64), (2, 2, 32, 64))
    """

    def __init__(
        self,
        style: str | Style = "source",
        split: str = "train",
        length: int = 1000,
        size: tuple[int, int] = (64, 128),
        seed: int = 0,
        cache: bool = True,
        *,
        frames: int = 2,
    ) -> None:
        if frames < 2:
            raise ConfigError(f"clips of {frames} frames have no flow; ask for 2 or more, or for stills (frames=1).")
        self.stills = Streets(style, split, length, size, seed, cache)
        self.frames, self.cache = frames, cache
        self.name, self.label_space = f"{self.stills.name}-{frames}f", self.stills.label_space
        self._arrays: Bytes | None = None

    def __len__(self) -> int:
        return len(self.stills)

    def __getitem__(self, index: int) -> Sample:
        position = range(len(self))[index]
        sample = _unpacked(self.arrays()[position], self.frames, self.stills.size) if self.cache else self._drawn(index)
        return {
            **sample,
            "image": sample["frames"][-1],
            "label": sample["frame_labels"][-1],
            "name": self.label_file(position),
        }

    def __getstate__(self) -> dict[str, Any]:
        """Leave the open file out: a worker process opens it again."""
        return self.__dict__ | {"_arrays": None}

    def label_file(self, index: int) -> str:
        """Name of sample ``index``, its key in the class statistics: those of its last frame."""
        return f"{self.stills.label_file(index)}_{self.frames}f"

    def read_label(self, index: int) -> Tensor:
        """Label (H, W) of the last frame."""
        label: Tensor = self[index]["label"]
        return label

    def identity(self) -> str:
        """Everything the clips depend on, as the name of what is made from them once."""
        return f"{self.stills.identity()}_{self.frames}f"

    def cache_file(self) -> Path:
        """Where the cache lies; its name is the :meth:`identity`."""
        return cache_root() / f"{self.identity()}.npy"

    def arrays(self) -> Bytes:
        """All clips as one read-only array (N, bytes) uint8."""
        if self._arrays is None:
            height, width = self.stills.size
            count = height * width * (4 * self.frames + 8 * (self.frames - 1))
            self._arrays = stored(self.cache_file(), (len(self), count), self._packed)
        return self._arrays

    def _drawn(self, index: int) -> Sample:
        clip = self.stills.clip(index, self.frames)
        flows = {key: clip[key].half().float() for key in FLOWS}
        return {"frames": clip["image"], "frame_labels": clip["label"], **flows}

    def _packed(self, index: int) -> Bytes:
        clip = self.stills.clip(index, self.frames)
        parts = [clip["image"], clip["label"], *(clip[key].half() for key in FLOWS)]
        return np.concatenate([part.contiguous().view(torch.uint8).flatten().numpy() for part in parts])


def _unpacked(packed: Bytes, frames: int, size: tuple[int, int]) -> Sample:
    values = torch.from_numpy(np.array(packed))
    area, flow = size[0] * size[1], (frames - 1, 2, *size)
    sizes = [3 * frames * area, frames * area, *[4 * (frames - 1) * area] * 2]
    images, labels, *flows = torch.split(values, sizes)
    moved = {key: each.view(torch.float16).view(flow).float() for key, each in zip(FLOWS, flows, strict=True)}
    return {"frames": images.view(frames, 3, *size), "frame_labels": labels.view(frames, *size), **moved}
