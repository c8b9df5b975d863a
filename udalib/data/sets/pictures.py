"""Pictures with one answer each: the classes they show, or the class they are of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from udalib.core.errors import DataError
from udalib.core.types import Sample
from udalib.data.labels import LabelSpace
from udalib.data.sets.files import Item
from udalib.data.sets.reading import read_image


class Pictures(torch.utils.data.Dataset[Sample]):
    """Image files and tables with a row for each.

    Args:
        name: for messages.
        files: of the images.
        label_space: the classes of the answers.
        root: folder of the data set.
        rows: sample key to table: ``classes`` int8 (N, L) of 1, 0 and -1, ``areas`` float32 (N, L), ``target``
            int64 (N,).
        names: of the samples; None = the files' names without their ending.

    Attributes:
        class_counts: training pictures of each class where the set is long-tailed, else empty.

    ``dataset[i]`` is a dict of ``image`` uint8 (3, H, W), a row of each table and ``name``.

    Raises:
        DataError: there is no image.
    """

    class_counts: list[int]

    def __init__(
        self,
        name: str,
        files: Sequence[Path],
        label_space: LabelSpace,
        root: Path,
        rows: Mapping[str, NDArray[Any]],
        names: Sequence[str] | None = None,
    ) -> None:
        if not files:
            raise DataError(f"{name}: this split of {root} has no image. Complete or move the data set.")
        self.name, self.label_space, self.root = name, label_space, root
        called = [file.stem for file in files] if names is None else names
        self.items = [Item(called[i], file, None) for i, file in enumerate(files)]
        self.class_counts = []
        self.rows = {key: np.asarray(table) for key, table in rows.items()}

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, index: int) -> Sample:
        item = self.items[index]
        answers = {key: torch.from_numpy(np.array(table[index])) for key, table in self.rows.items()}
        return {"image": read_image(item.image), **answers, "name": item.name}

    def class_table(self) -> NDArray[np.int8]:
        """``classes`` of all items, int8 (N, L).

        Raises:
            DataError: the items have one class each.
        """
        return self._table("classes")

    def targets(self) -> NDArray[np.int64]:
        """``target`` of all items, int64 (N,).

        Raises:
            DataError: the items have any number of classes.
        """
        return self._table("target")

    def _table(self, key: str) -> NDArray[Any]:
        if key not in self.rows:
            raise DataError(f"the pictures of {self.name} have {', '.join(self.rows)}, and no {key}.")
        return self.rows[key]
