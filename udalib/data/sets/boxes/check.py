"""Defects of a set of boxes: unreadable pictures; boxes without area, outside, of unknown category."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path

from udalib.core.errors import DataError
from udalib.data.labels import label_space
from udalib.data.sets.boxes.files import Box, BoxItem
from udalib.data.sets.boxes.named import items_of
from udalib.data.sets.manifests import Manifest
from udalib.data.sets.reading import FileError, read_image, require_end
from udalib.data.sets.report import Defect, Report

BOX_FORMS = ("bccd", "visdrone", "coco")
"""Forms of annotations, as manifests name them, that hold boxes."""


def holds_boxes(facts: Manifest) -> bool:
    """Whether a manifest describes a set of boxes."""
    return bool(facts.labels) and facts.labels[0].get("form") in BOX_FORMS


def check_box_split(facts: Manifest, root: Path, split: str) -> Report:
    """Every picture is decoded, every box looked at."""
    try:
        items = items_of(facts, root, split)
    except DataError as error:
        remedy = f"Get or move the files of split {split!r}; layout: {'; '.join(facts.layout)}."
        return Report(facts.name, 0, (Defect("empty-split", root, str(error).rstrip("."), remedy),))
    names = label_space(facts.label_space).names
    defects = [*_count(facts, root, split, len(items)), *_twice(items)]
    return Report(facts.name, len(items), (*defects, *(d for i in items for d in check_boxes(i, names))))


def check_boxes(item: BoxItem, names: Iterable[str]) -> Iterator[Defect]:
    """Defects of one picture and its boxes; those of a kind are told together."""
    size: tuple[int, int] | None = None
    try:
        image = read_image(item.image)
        require_end(item.image, "image")
        size = (int(image.shape[2]), int(image.shape[1]))
    except FileError as error:
        yield Defect(error.kind, error.path, error.what, error.remedy)
    found: dict[tuple[str, str, str], list[Box]] = defaultdict(list)
    known = set(names)
    for box in item.boxes:
        for verdict in _verdicts(box, size, known):
            found[verdict].append(box)
    for (kind, what, remedy), boxes in found.items():
        yield Defect(kind, item.image, f"{len(boxes)} of its boxes {what}, such as {boxes[0].corners}", remedy)


def _verdicts(box: Box, size: tuple[int, int] | None, known: set[str]) -> Iterator[tuple[str, str, str]]:
    x0, y0, x1, y1 = box.corners
    if box.degenerate:
        yield "degenerate-box", "have no area", "They are left out when the set is read; mend or remove them."
    elif size is not None and (x0 < -1 or y0 < -1 or x1 > size[0] + 1 or y1 > size[1] + 1):
        remedy = "They are cut to the picture when the set is read; check that they are of this picture."
        yield "box-outside", f"reach outside its {size[0]} x {size[1]} pixels", remedy
    if not box.ignored and box.category not in known:
        yield "unknown-category", f"are of {box.category!r}", f"Known: {', '.join(sorted(known))}."


def _count(facts: Manifest, root: Path, split: str, count: int) -> Iterator[Defect]:
    expected = facts.splits[split].get("count")
    if expected is not None and expected != count:
        what = f"split {split!r} has {count} images, the data set has {expected}"
        yield Defect("count", root, what, "Complete the download, or remove what does not belong to it.")


def _twice(items: Iterable[BoxItem]) -> Iterator[Defect]:
    seen: dict[str, Path] = {}
    for item in items:
        if item.name in seen:
            what = f"the name {item.name!r} is that of {seen[item.name]} too"
            yield Defect("duplicate-name", item.image, what, "Rename or remove one.")
        seen.setdefault(item.name, item.image)
