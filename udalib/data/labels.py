"""Label spaces (names, colours, thing or stuff) and look-up tables between them; facts in label_spaces.json.

A *space* numbers its classes 0 .. C-1, everything else is 255 (ignore). An *id table* such as ``cityscapes_ids`` is
only a source of a map: the raw ids as a data set stores them. A space of one's own is named by its classes,
``classes:road,other`` (:func:`listed`), so that a recipe and the run it makes can carry it as a text.

``thing`` marks countable objects as DAFormer's feature distance uses them (traffic lights and signs included);
Cityscapes annotates instances only for its classes 11 .. 18, which is the subset ``instances``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from udalib.core.errors import ConfigError, unknown_name
from udalib.core.types import IGNORE_INDEX


@dataclass(frozen=True)
class LabelClass:
    """One class: its name, its display colour (RGB, 0..255) and whether it is a countable thing."""

    name: str
    color: tuple[int, int, int]
    thing: bool


@dataclass(frozen=True)
class LabelSpace:
    """A named, ordered set of classes; the position of a class is its train id.

    >>> label_space("cityscapes19").index("car")
    13
    """

    name: str
    classes: tuple[LabelClass, ...]

    @property
    def num_classes(self) -> int:
        """Number of classes C."""
        return len(self.classes)

    @property
    def names(self) -> tuple[str, ...]:
        """Class names in train-id order."""
        return tuple(c.name for c in self.classes)

    @property
    def palette(self) -> NDArray[np.uint8]:
        """Colours as uint8 (C, 3), RGB."""
        return np.array([c.color for c in self.classes], dtype=np.uint8)

    @property
    def things(self) -> tuple[int, ...]:
        """Train ids of the countable classes."""
        return tuple(i for i, c in enumerate(self.classes) if c.thing)

    def index(self, name: str) -> int:
        """Train id of the class ``name``; :class:`UnknownNameError` lists the nearest names."""
        if name not in self.names:
            raise unknown_name(f"class of {self.name}", name, self.names)
        return self.names.index(name)

    def subset(self, name: str) -> tuple[int, ...]:
        """Train ids, in this space, of the classes of :data:`SUBSETS` ``[name]`` that this space has.

        >>> label_space("cityscapes16").subset("cityscapes13")
        (0, 1, 2, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15)
        """
        wanted = {label_space("cityscapes19").names[i] for i in subset(name)}
        return tuple(i for i, n in enumerate(self.names) if n in wanted)


LISTED = "classes:"
"""How the name of a label space of one's own begins; the names of its classes follow, with commas between them."""

DISTINCT = ((0, 114, 178), (230, 159, 0), (0, 158, 115), (204, 121, 167), (240, 228, 66), (213, 94, 0), (86, 180, 233))
"""Colours of a few listed classes that everybody can tell apart: those of Okabe and Ito without black."""

SUBSETS: dict[str, tuple[int, ...]] = {
    "cityscapes19": tuple(range(19)),
    "cityscapes16": (0, 1, 2, 3, 4, 5, 6, 7, 8, 10, 11, 12, 13, 15, 17, 18),
    "cityscapes13": (0, 1, 2, 6, 7, 8, 10, 11, 12, 13, 15, 17, 18),
    "synthia11": (0, 1, 2, 5, 6, 7, 8, 10, 11, 12, 13),
    "instances": tuple(range(11, 19)),
}
"""Subsets of the 19 Cityscapes classes over which mIoU is reported: 16 and 13 are the two SYNTHIA protocols
(adaptsegnet sheet, section 10); 11 is that of SYNTHIA-Seq, whose twelfth class, fence, does not count (quadmix sheet,
section 4.3); ``instances`` are the classes with instance annotation."""


def subset(name: str) -> tuple[int, ...]:
    """Cityscapes train ids of the subset ``name``.

    >>> len(subset("cityscapes13"))
    13
    """
    if name not in SUBSETS:
        raise unknown_name("class subset", name, SUBSETS)
    return SUBSETS[name]


@cache
def _tables() -> dict[str, Any]:
    text = resources.files("udalib.data").joinpath("label_spaces.json").read_text(encoding="utf-8")
    tables: dict[str, Any] = json.loads(text)
    return tables


def label_space_names() -> list[str]:
    """Names of all label spaces."""
    return sorted(_tables()["spaces"])


@cache
def label_space(name: str) -> LabelSpace:
    """Return the label space ``name``; :class:`UnknownNameError` lists the nearest names.

    >>> label_space("camvid11").num_classes, label_space("classes:road,other").names
    (11, ('road', 'other'))
    """
    if name.startswith(LISTED):
        names = [part.strip() for part in name.removeprefix(LISTED).split(",")]
        return custom_space(name, names, DISTINCT[: len(names)] if len(names) <= len(DISTINCT) else None)
    spaces = _tables()["spaces"]
    if name not in spaces:
        raise unknown_name("label space", name, spaces)
    listed = spaces[name]
    if isinstance(listed, dict):
        return _numbered(name, listed["count"])
    classes = (LabelClass(c["name"], (c["color"][0], c["color"][1], c["color"][2]), c["thing"]) for c in listed)
    return LabelSpace(name, tuple(classes))


def listed(names: Sequence[str]) -> str:
    """Name of the label space that has these classes, which :func:`label_space` reads back.

    >>> listed(["road", "other"])
    'classes:road,other'
    """
    for name in names:
        if not name.strip() or "," in name:
            raise ConfigError(f"{name!r} cannot be the name of a class: it is empty, or has a comma in it.")
    return label_space(LISTED + ",".join(names)).name


def _numbered(name: str, count: int) -> LabelSpace:
    """A space whose classes are called by number, for sets whose names our sources do not list; grey by number."""
    shades = ((c % 256, c // 256 % 256, 128) for c in range(count))
    return LabelSpace(name, tuple(LabelClass(f"class {c}", s, thing=True) for c, s in enumerate(shades)))


def custom_space(name: str, names: Sequence[str], colors: Sequence[tuple[int, int, int]] | None = None) -> LabelSpace:
    """A label space of your own; without ``colors`` each class gets one of Cityscapes' (up to 19), then VOC's.

    >>> custom_space("mine", ["road", "other"]).num_classes
    2
    """
    spare = [c.color for key in ("cityscapes19", "voc21") for c in label_space(key).classes if any(c.color)]
    chosen = list(colors) if colors is not None else [spare[i % len(spare)] for i in range(len(names))]
    distinct = len(set(names)) == len(names) == len(chosen) and all(names)
    if not distinct or not 0 < len(names) < IGNORE_INDEX:
        raise ConfigError(f"label space {name!r}: give 1 to 254 distinct class names, and one colour each if any.")
    return LabelSpace(name, tuple(LabelClass(n, c, thing=False) for n, c in zip(names, chosen, strict=True)))


def id_counts(label: Tensor) -> list[int]:
    """How many pixels of a label (H, W) have each id from 0 to 255, at least 256 numbers.

    >>> id_counts(torch.tensor([[3, 3], [0, 255]]))[:5]
    [1, 0, 0, 2, 0]
    """
    if label.dtype == torch.uint8 and label.device.type == "cpu":
        return list(Image.fromarray(label.numpy()).histogram())  # ten times as fast as a bincount of the same pixels
    counts: list[int] = torch.bincount(label.reshape(-1).long(), minlength=IGNORE_INDEX + 1).tolist()
    return counts


def lookup_table(
    ids: Mapping[int, int], unlisted: int | None = IGNORE_INDEX, *, entries: int = 256
) -> NDArray[np.uint8]:
    """Turn ``{raw id: train id}`` into a uint8 table (entries,) for ``table[label]``; 65536 entries for 16-bit labels.

    Ids that are not listed become ``unlisted``; with ``None`` they keep their value, as the published evaluation
    scripts do. Keys outside 0 .. 255 (Cityscapes lists -1) can never occur in an 8-bit label and are skipped; so are
    keys outside a larger table.
    """
    table = np.arange(entries).astype(np.uint8) if unlisted is None else np.full(entries, unlisted, dtype=np.uint8)
    for raw, train in ids.items():
        if 0 <= raw < entries:
            table[raw] = train
    return table


def mapping(src: str, dst: str) -> NDArray[np.uint8]:
    """Look-up table uint8 (256,) from the space or id table ``src`` to the space ``dst``; unmapped ids become 255.

    Maps are composed where no direct one is stored (``gta5_ids`` to ``camvid11`` goes through ``cityscapes19``).
    Between unlike spaces a map merges classes, or picks the most frequent one where a class is coarser.

    >>> int(mapping("cityscapes_ids", "cityscapes19")[26])
    13
    """
    return _mapping(src, dst).copy()


@cache
def _mapping(src: str, dst: str) -> NDArray[np.uint8]:
    direct = {(m["from"], m["to"]): {int(k): v for k, v in m["ids"].items()} for m in _tables()["maps"]}
    spaces = label_space_names() + [name for name in (src, dst) if name.startswith(LISTED)]
    sources = sorted({s for s, _ in direct} | set(spaces))
    for kind, name, known in (("label space or id table", src, sources), ("label space", dst, spaces)):
        if name not in known:
            raise unknown_name(kind, name, known)
    paths: dict[str, NDArray[np.uint8]] = {src: _start(src)}
    queue = [src]
    while queue and dst not in paths:
        here = queue.pop(0)
        for (a, b), ids in direct.items():
            if a == here and b not in paths:
                paths[b] = lookup_table(ids)[paths[here]]
                queue.append(b)
    if dst not in paths:
        raise unknown_name(f"map from {src} to", dst, [p for p in paths if p != src])
    return paths[dst]


def _start(src: str) -> NDArray[np.uint8]:
    """Identity; for a space, ids outside it become 255."""
    table = np.arange(256, dtype=np.uint8)
    if src in label_space_names() or src.startswith(LISTED):
        table[label_space(src).num_classes :] = IGNORE_INDEX
    return table
