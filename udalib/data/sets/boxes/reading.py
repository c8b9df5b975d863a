"""Annotation files of boxes to items: COCO's JSON, BCCD's JSON, VisDrone's text files."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from udalib.core.errors import DataError
from udalib.data.sets.boxes.files import Box, BoxItem

VISDRONE = (
    "pedestrian", "people", "bicycle", "car", "van", "truck", "tricycle", "awning-tricycle", "bus", "motor",
)  # fmt: skip
"""Names of VisDrone's categories 1 .. 10; 0 is an ignored region and 11 others (cfpt sheet, 4.1)."""

IGNORED_FLAGS = ("iscrowd", "ignore", "uncertain")


def read_json(path: Path) -> Any:
    """A JSON file; a missing or broken one raises :class:`DataError` that names it."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"{path} cannot be read as JSON: {error}. Get the file again.") from error


def coco_items(file: Path, images: Path, names: Mapping[str, str] | None = None) -> list[BoxItem]:
    """Items of a COCO-format ``file`` whose pictures lie in ``images``; ``names`` merges categories (old: new).

    Raises:
        DataError: the file lacks a part of COCO's format, or a box has a category that it does not list.
    """
    data = read_json(file)
    try:
        category = {c["id"]: (names or {}).get(c["name"], c["name"]) for c in data["categories"]}
        boxes: dict[Any, list[Box]] = defaultdict(list)
        for note in data["annotations"]:
            x, y, width, height = (float(v) for v in note["bbox"])
            ignored = any(note.get(flag) for flag in IGNORED_FLAGS)
            kind = category.get(note["category_id"], f"unlisted category {note['category_id']}")
            boxes[note["image_id"]].append(Box((x, y, x + width, y + height), kind, ignored))
        return [BoxItem(i["file_name"], images / i["file_name"], tuple(boxes[i["id"]])) for i in data["images"]]
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(
            f"{file} is not in COCO's format ({type(error).__name__}: {error}); it needs images (id, file_name), "
            "annotations (image_id, category_id, bbox of x y width height) and categories (id, name)."
        ) from error


def bccd_items(root: Path, split: str) -> list[BoxItem]:
    """Items of BCCD's ``annotations.json``, whose boxes name their class by its place among ``classes``."""
    data = read_json(root / "annotations.json")
    if split not in data["split"]:
        raise DataError(f"BCCD has no split {split!r}; it has {', '.join(data['split'])}.")
    items = []
    for name in data["split"][split]:
        boxes = tuple(
            Box((float(a), float(b), float(c), float(d)), data["classes"][kind])
            for kind, a, b, c, d in data["images"][name]["boxes"]
        )
        items.append(BoxItem(name, root / "images" / f"{name}.jpg", boxes))
    return items


def visdrone_items(folder: Path) -> list[BoxItem]:
    """Items of VisDrone's own layout: ``images/NAME.jpg`` and ``annotations/NAME.txt``."""
    pictures = sorted((folder / "images").glob("*.jpg"))
    return [BoxItem(p.stem, p, tuple(visdrone_boxes(folder / "annotations" / f"{p.stem}.txt"))) for p in pictures]


def visdrone_boxes(file: Path) -> Sequence[Box]:
    """Boxes of a text file: left, top, width, height, score, category, ...; 0 and 11 are dropped, as is score 0."""
    boxes = []
    try:
        for line in file.read_text(encoding="utf-8").splitlines():
            values = [float(v) for v in line.strip().rstrip(",").split(",") if v.strip()]
            if len(values) < 6 or not 1 <= values[5] <= len(VISDRONE) or values[4] == 0:
                continue
            x, y, width, height = values[:4]
            boxes.append(Box((x, y, x + width, y + height), VISDRONE[int(values[5]) - 1]))
    except (OSError, ValueError) as error:
        raise DataError(f"{file} cannot be read as VisDrone's boxes: {error}. Get the file again.") from error
    return boxes
