"""Photographs with any number of classes: MS-COCO 2014, PASCAL VOC 2007, coco128 (gkgnet sheet, section 6)."""

from __future__ import annotations

import json
import os
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from udalib.core.errors import DataError, unknown_name
from udalib.data.labels import LabelSpace, label_space
from udalib.data.sets.manifests import find_root, manifest
from udalib.data.sets.pictures import Pictures
from udalib.data.sets.registry import DATASETS, list_images

Root = str | os.PathLike[str] | None


@DATASETS.register("coco2014")
def coco2014(split: str = "train", root: Root = None) -> Pictures:
    """MS-COCO 2014: a class is there if the image has at least one annotation of it; images without any are kept.

    ``areas`` holds the area of the largest annotation of each class; our sources do not say how the published table of
    areas was made.
    """
    facts = manifest("coco2014")
    folder, space = find_root(facts, root), label_space(facts.label_space)
    if split not in facts.splits:
        raise unknown_name("split of coco2014", split, facts.splits)
    content = _json(folder / f"annotations/instances_{split}2014.json", ("images", "annotations", "categories"))
    place = {c["id"]: space.index(c["name"]) for c in content["categories"]}
    rows = {image["id"]: i for i, image in enumerate(content["images"])}
    areas = np.zeros((len(rows), space.num_classes), dtype=np.float32)
    classes = np.zeros_like(areas, dtype=np.int8)
    for entry in content["annotations"]:
        at = rows[entry["image_id"]], place[entry["category_id"]]
        classes[at], areas[at] = 1, max(areas[at], entry["area"])
    files = [folder / f"{split}2014" / image["file_name"] for image in content["images"]]
    return Pictures("coco2014", files, space, folder, {"classes": classes, "areas": areas})


@DATASETS.register("voc2007")
def voc2007(split: str = "trainval", root: Root = None) -> Pictures:
    """PASCAL VOC 2007: 1 = there, 0 = absent, -1 = only instances that are marked difficult."""
    facts = manifest("voc2007")
    folder, space = find_root(facts, root), label_space(facts.label_space)
    files = list_images(facts, folder, split)
    rows = [_voc_row(folder / "Annotations" / f"{file.stem}.xml", space) for file in files]
    return Pictures("voc2007", files, space, folder, {"classes": np.array(rows, dtype=np.int8)})


def _voc_row(path: Path, space: LabelSpace) -> NDArray[np.int8]:
    row = np.zeros(space.num_classes, dtype=np.int8)
    try:
        objects = ElementTree.parse(path).getroot().findall("object")
    except (OSError, ElementTree.ParseError) as error:
        raise DataError(f"{path} cannot be read ({error}). Get or unpack the annotations of VOC 2007 again.") from error
    for item in objects:
        at = space.index(item.findtext("name", ""))
        row[at] = max(row[at], 1) if item.findtext("difficult", "0") != "1" else (row[at] or -1)
    return row


@DATASETS.register("coco128")
def coco128(split: str = "train", root: Root = None, label_space_name: str = "coco128_frequent") -> Pictures:
    """256 photographs of COCO 2017, 128 a split; those without a label file are left out.

    Args:
        split: "train" or "val".
        root: folder of the data set.
        label_space_name: "coco128_frequent", the classes that at least 8 training images show, or "coco80", all.
    """
    facts = manifest("coco128")
    folder, space = find_root(facts, root), label_space(label_space_name)
    content = _json(folder / "annotations.json", ("classes", "images"))
    wanted = {file.stem: file for file in list_images(facts, folder, split)}
    entries = {Path(key).name: value for key, value in content["images"].items() if Path(key).name in wanted}
    known = {name: value for name, value in entries.items() if value["boxes"] is not None}
    areas = np.array([_box_areas(value, content["classes"], space) for value in known.values()], dtype=np.float32)
    rows: dict[str, NDArray[Any]] = {"classes": (areas > 0).astype(np.int8), "areas": areas}
    return Pictures("coco128", [wanted[name] for name in known], space, folder, rows)


def _box_areas(entry: dict[str, Any], names: list[str], space: LabelSpace) -> NDArray[np.float64]:
    """Area of the largest box of each class in pixels."""
    width, height = entry["size"]
    areas = np.zeros(space.num_classes)
    for number, _, _, w, h in entry["boxes"]:
        if names[int(number)] in space.names:
            at = space.index(names[int(number)])
            areas[at] = max(areas[at], w * width * h * height)
    return areas


def _json(path: Path, keys: tuple[str, ...]) -> dict[str, Any]:
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        missing = [key for key in keys if key not in content]
    except (OSError, ValueError) as error:
        raise DataError(f"{path} cannot be read ({error}). Get or unpack this file again.") from error
    if missing:
        raise DataError(f"{path} has no {', '.join(missing)}; it is another file than the data set's.")
    return content
