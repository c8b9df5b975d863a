"""What the embedded data sets share: splits, and pictures drawn once into one memory-mapped file."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from udalib.core.errors import ConfigError, unknown_name
from udalib.core.files import atomic_path

Bytes = NDArray[np.uint8]

SPLITS = {"train": 0, "val": 10_000_000, "test": 20_000_000}
"""First scene of each split; a split holds fewer than ten million, so that no two share a scene."""


def check_extent(split: str, length: int) -> None:
    """Refuse a split that does not exist and a length that no split has."""
    if split not in SPLITS:
        raise unknown_name("split of the streets", split, SPLITS)
    if not 1 <= length <= 10_000_000:
        raise ConfigError(f"length must be from 1 to 10000000 samples; got {length}.")


def stored(path: Path, shape: tuple[int, ...], draw: Callable[[int], Bytes]) -> Bytes:
    """Read-only array (N, ...) uint8 in the file ``path``, which is made first if it is missing or damaged.

    Args:
        path: the file; its name must hold everything that the values depend on.
        shape: of the whole array.
        draw: number of an item to its values, uint8 of ``shape[1:]``.

    Raises:
        ConfigError: the file cannot be read back.
    """
    found = _mapped(path, shape)
    if found is None:
        _write(path, shape, (draw(index) for index in range(shape[0])))
        found = _mapped(path, shape)
    if found is None:
        raise ConfigError(f"the cache file {path} cannot be read back; delete it and repeat the command.")
    return found


def _mapped(path: Path, shape: tuple[int, ...]) -> Bytes | None:
    """Map the file, or None if it is missing, truncated or of another shape."""
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return None
    return array if array.dtype == np.uint8 and array.shape == shape else None


def _write(path: Path, shape: tuple[int, ...], items: Iterator[Bytes]) -> None:
    """Write to a temporary file and rename it: a second process that does the same ends with the same file."""
    header = {"descr": "|u1", "fortran_order": False, "shape": shape}
    with atomic_path(path) as temporary, temporary.open("wb") as file:
        np.lib.format.write_array_header_1_0(file, header)
        for item in items:
            file.write(item.tobytes())
        file.flush()
        os.fsync(file.fileno())
