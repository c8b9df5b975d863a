"""Loader processes that build values in order."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

import torch
from torch.utils.data import DataLoader, Dataset

from udalib.core.errors import UdalibError

T = TypeVar("T")


def load_in_order(
    load: Callable[[int], T], indices: Iterable[int], workers: int = 0, pin_memory: bool = False
) -> Iterator[T]:
    """Yield ``load(i)`` for each index in order, built by ``workers`` processes that keep two values each ready.

    With 0 workers nothing is prefetched. torch's global random state is left alone. An error of ours raised in a worker
    arrives as it was raised. Closing the iterator stops the workers.
    """
    loader: DataLoader[Any] = DataLoader(
        _Loading(load),
        batch_size=None,
        sampler=indices,
        num_workers=workers,
        collate_fn=_unchanged,
        pin_memory=pin_memory,
        prefetch_factor=2 if workers else None,
        generator=torch.Generator(),
    )
    for value in loader:
        if isinstance(value, UdalibError):
            raise value
        yield value


class _Loading(Dataset[Any]):
    def __init__(self, load: Callable[[int], Any]) -> None:
        self.load = load

    def __getitem__(self, index: int) -> Any:
        # torch would turn an error whose constructor takes several arguments into a RuntimeError with two tracebacks.
        try:
            return self.load(index)
        except UdalibError as error:
            return error


def _unchanged(value: Any) -> Any:
    return value
