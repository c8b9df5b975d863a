"""A run seen through its evaluations: which classes a network assigns to target pixels while it learns."""

from __future__ import annotations

import os
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from udalib.core.errors import DataError
from udalib.engine.record.reading import read_run

Counts = NDArray[np.int64]
Shares = NDArray[np.float64]


@dataclass(frozen=True)
class Followed:
    """All evaluations of one run on the same images.

    Attributes:
        iterations: after how many iterations each was made, int64 (n,).
        confusion: pixels by true (rows) and assigned class (columns), int64 (n, C, C).
    """

    iterations: Counts
    confusion: Counts

    @property
    def assigned(self) -> Shares:
        """Share of the labelled pixels that each class is assigned, right or wrong, float64 (n, C)."""
        return np.asarray(self.confusion.sum(axis=1) / self.confusion.sum(axis=(1, 2))[:, None], dtype=np.float64)

    @property
    def truth(self) -> Shares:
        """Share of the labelled pixels that each class truly has, float64 (C,)."""
        rows = self.confusion[0].sum(axis=1)
        return np.asarray(rows / rows.sum(), dtype=np.float64)

    def missing(self, share: float = 0.1) -> Counts:
        """How many classes that occur are assigned less than ``share`` of the pixels they truly have, int64 (n,)."""
        occurs = self.truth > 0
        return np.asarray((self.assigned[:, occurs] < share * self.truth[occurs]).sum(axis=1), dtype=np.int64)


def follow(folder: str | os.PathLike[str], evaluation: str = "target") -> Followed:
    """Read the evaluations named ``evaluation`` from the run in ``folder`` (``train.evaluate_every`` makes many).

    Raises:
        DataError: the run has none.
    """
    key = f"{evaluation}/confusion"
    lines = {line["iteration"]: line[key] for line in read_run(folder).metrics() if key in line}
    if not lines:
        raise DataError(f"the run in {folder} has no evaluation {evaluation!r} with a confusion matrix; train it anew.")
    order = sorted(lines)
    return Followed(np.asarray(order, dtype=np.int64), np.asarray([lines[i] for i in order], dtype=np.int64))
