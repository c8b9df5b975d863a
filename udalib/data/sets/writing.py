"""Any data set as folders of image and label files: what somebody with pictures of his own has on the disk."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from udalib.core.errors import ConfigError
from udalib.core.types import IGNORE_INDEX, Sample
from udalib.data.stream import MapDataset


def write_folders(
    dataset: MapDataset,
    images: str | os.PathLike[str],
    labels: str | os.PathLike[str] | None = None,
    *,
    codes: Mapping[int, int] | None = None,
    bits: int = 8,
    change: Callable[[int, Sample], Sample] | None = None,
) -> int:
    """Write every sample as ``images/0000.png`` and, if ``labels`` is given, ``labels/0000.png``, and so on.

    Args:
        dataset: samples with ``image`` uint8 (3, H, W) and, for labels, ``label`` (H, W).
        images: folder, made if it is missing.
        labels: the same; None writes images alone.
        codes: train id to the id that is written; None writes train ids, 255 stays 255 unless it is listed.
        bits: of the label files, 8 or 16.
        change: gets each number and sample before it is written (another size, say).

    Returns:
        How many samples were written.

    Raises:
        ConfigError: ``bits`` is neither, or an id does not fit.
    """
    if bits not in (8, 16):
        raise ConfigError(f"labels of {bits} bits cannot be written; choose 8 or 16.")
    for index in range(len(dataset)):
        sample = dataset[index] if change is None else change(index, dataset[index])
        pixels = np.asarray(sample["image"]).transpose(1, 2, 0)
        _save(Path(images) / f"{index:04d}.png", pixels)
        if labels is not None:
            _save(Path(labels) / f"{index:04d}.png", coded(np.asarray(sample["label"]), codes, bits))
    return len(dataset)


def coded(label: NDArray[np.integer], codes: Mapping[int, int] | None = None, bits: int = 8) -> NDArray[np.integer]:
    """The file's ids of train ids (H, W): uint8 or uint16; an id that ``codes`` does not list is 255.

    >>> coded(np.array([[0, 1, 255]]), {0: 0, 1: 300}, bits=16).tolist()
    [[0, 300, 255]]
    """
    table = np.arange(256) if codes is None else np.full(256, IGNORE_INDEX)
    for train_id, code in (codes or {}).items():
        if not 0 <= code < 2**bits:
            raise ConfigError(f"the id {code} does not fit into {bits} bits; use 16, or a smaller id.")
        table[train_id] = code
    ids: NDArray[np.integer] = table[label].astype(np.uint8 if bits == 8 else np.uint16)
    return ids


def _save(path: Path, pixels: NDArray[np.integer]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.ascontiguousarray(pixels)).save(path)
