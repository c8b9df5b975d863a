"""Class statistics of a labelled data set: the three files that rare class sampling reads (daformer sheet, 7.1)."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TextIO

import torch
from torch import Tensor
from tqdm import tqdm

from udalib.core.errors import DataError
from udalib.core.files import write_json
from udalib.core.seeding import derive_seed
from udalib.core.types import IGNORE_INDEX
from udalib.data.labels import id_counts
from udalib.data.loading import load_in_order
from udalib.data.stream import MapDataset

PER_IMAGE = "sample_class_stats.json"
BY_FILE = "sample_class_stats_dict.json"
BY_CLASS = "samples_with_class.json"
JOURNAL = ".class_statistics.partial.jsonl"


@dataclass(frozen=True)
class ClassStatistics:
    """Pixels of each class (full resolution) in each label file: pairs (file, {train id: count > 0})."""

    images: tuple[tuple[str, dict[int, int]], ...]

    def totals(self) -> dict[int, int]:
        """Pixels of each class that occurs over all files, ascending by train id."""
        totals: dict[int, int] = {}
        for _, counts in self.images:
            for train_id, count in counts.items():
                totals[train_id] = totals.get(train_id, 0) + count
        return dict(sorted(totals.items()))

    def tables(self) -> dict[str, Any]:
        """The contents of the three files, by file name; JSON keys are strings."""
        named = [(file, {str(c): n for c, n in counts.items()}) for file, counts in self.images]
        classes = {str(c): [[f, counts[c]] for f, counts in self.images if c in counts] for c in self.totals()}
        return {
            PER_IMAGE: [{**counts, "file": file} for file, counts in named],
            BY_FILE: dict(named),
            BY_CLASS: classes,
        }

    @classmethod
    def load(cls, place: str | os.PathLike[str]) -> ClassStatistics:
        """Read statistics from the folder they were written to, or from its ``sample_class_stats.json`` (all of them).

        Raises:
            DataError: there is no such file, or it holds something else.
        """
        path = Path(place) / PER_IMAGE if Path(place).suffix != ".json" else Path(place)
        try:
            entries = json.loads(path.read_text(encoding="utf-8"))
            images = [(e["file"], {int(c): int(n) for c, n in e.items() if c != "file"}) for e in entries]
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise DataError(
                f"{path}: no usable class statistics ({type(error).__name__}: {error}). Write them with "
                "`udalib data stats NAME`."
            ) from error
        return cls(tuple(images))


def class_counts(label: Tensor) -> dict[int, int]:
    """Pixel count of each train id in a label (H, W); ignored pixels and absent classes are left out.

    >>> class_counts(torch.tensor([[3, 3], [0, 255]]))
    {0: 1, 3: 2}
    """
    return {i: n for i, n in enumerate(id_counts(label)[:IGNORE_INDEX]) if n}


def compute_class_statistics(
    dataset: MapDataset,
    out: str | os.PathLike[str],
    *,
    workers: int = 0,
    resume: bool = True,
    progress: bool = True,
) -> ClassStatistics:
    """Count the classes of every label of ``dataset`` and write the three files to the folder ``out``.

    Args:
        dataset: a labelled data set; with ``read_label(i)`` its images are not decoded.
        out: folder for ``sample_class_stats.json``, ``sample_class_stats_dict.json``, ``samples_with_class.json``.
        workers: processes that count (0: this one).
        resume: go on where an interrupted call with the same data set and folder stopped.
        progress: show a progress bar.
    """
    folder = Path(out)
    folder.mkdir(parents=True, exist_ok=True)
    journal = folder / JOURNAL
    header = _fingerprint(dataset)
    done = _read_journal(journal, header) if resume else {}
    _start_journal(journal, header, done)
    with journal.open("a", encoding="utf-8") as lines:
        todo = [i for i in range(len(dataset)) if i not in done]
        results = load_in_order(partial(_count_one, dataset), todo, workers)
        bar = tqdm(results, initial=len(done), total=len(dataset), desc="class statistics", disable=not progress)
        for index, counts in zip(todo, bar, strict=True):
            done[index] = counts
            _append(lines, index, counts)
    statistics = ClassStatistics(tuple((file_of(dataset, i), done[i]) for i in range(len(dataset))))
    for name, table in statistics.tables().items():
        write_json(folder / name, table)
    journal.unlink()
    return statistics


def count_classes(dataset: MapDataset, *, workers: int = 0) -> ClassStatistics:
    """Count the classes of every label of ``dataset`` and keep nothing on the disk; a bar on a terminal."""
    everything = range(len(dataset))
    results = load_in_order(partial(_count_one, dataset), everything, workers)
    counts = tqdm(results, total=len(dataset), desc="class statistics", leave=False, disable=None)
    return ClassStatistics(tuple((file_of(dataset, i), n) for i, n in zip(everything, counts, strict=True)))


def label_of(dataset: MapDataset, index: int) -> Tensor:
    """Label (H, W) of one item, by ``read_label`` where the data set has it, so that no image is decoded."""
    read_label = getattr(dataset, "read_label", None)
    label = read_label(index) if read_label is not None else dataset[index].get("label")
    if label is None:
        raise DataError(f"{file_of(dataset, index)} has no label; class statistics need a labelled data set.")
    return torch.as_tensor(label)


def file_of(dataset: MapDataset, index: int) -> str:
    """Name of one item in the statistics: its ``label_file`` where the data set has such, else the sample's name."""
    label_file = getattr(dataset, "label_file", None)
    return str(label_file(index)) if label_file is not None else str(dataset[index]["name"])


def identity_of(dataset: MapDataset) -> str | None:
    """What the data set calls itself (``identity()``), which changes when its labels do; None if it says nothing."""
    identity = getattr(dataset, "identity", None)
    return None if identity is None else identity()


def _count_one(dataset: MapDataset, index: int) -> dict[int, int]:
    return class_counts(label_of(dataset, index))


def _fingerprint(dataset: MapDataset) -> str:
    """Changes when the data set's label files change, so that old partial counts are not taken over."""
    space = getattr(getattr(dataset, "label_space", None), "name", "")
    return str(derive_seed(str(getattr(dataset, "name", "")), str(space), len(dataset), identity_of(dataset) or ""))


def _read_journal(path: Path, header: str) -> dict[int, dict[int, int]]:
    """Counts of an interrupted call; a line that the kill cut short is dropped."""
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines() if path.is_file() else []
    if not lines or lines[0] != header:
        return {}
    done = {}
    for line in lines[1:]:
        try:
            index, counts = json.loads(line)
            done[int(index)] = {int(c): int(n) for c, n in counts.items()}
        except (ValueError, TypeError, AttributeError):
            break
    return done


def _start_journal(path: Path, header: str, done: dict[int, dict[int, int]]) -> None:
    entries: Iterable[str] = (json.dumps([i, counts]) for i, counts in done.items())
    path.write_text("\n".join([header, *entries]) + "\n", encoding="utf-8")


def _append(lines: TextIO, index: int, counts: dict[int, int]) -> None:
    lines.write(json.dumps([index, counts]) + "\n")
    lines.flush()
