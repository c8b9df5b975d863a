"""Sets of boxes by name: bccd, visdrone, tinyperson after their manifests, and any COCO-format file."""

from __future__ import annotations

import os
from pathlib import Path

from udalib.core.errors import DataError, unknown_name
from udalib.data.labels import LabelSpace, custom_space, label_space
from udalib.data.sets.boxes.erased import Erased
from udalib.data.sets.boxes.files import BoxFiles, BoxItem
from udalib.data.sets.boxes.reading import bccd_items, coco_items, read_json, visdrone_items
from udalib.data.sets.boxes.tiles import Tiled
from udalib.data.sets.manifests import Manifest, find_root, manifest
from udalib.data.sets.reading import picture_size
from udalib.data.sets.registry import DATASETS

Root = str | os.PathLike[str] | None


def items_of(facts: Manifest, root: Path, split: str) -> list[BoxItem]:
    """Items of a split, by the kind of annotations its manifest names.

    Raises:
        UnknownNameError: no such split.
    """
    if split not in facts.splits:
        raise unknown_name(f"split of {facts.name}", split, facts.splits)
    spec, form = facts.splits[split], facts.labels[0]
    if form["form"] == "bccd":
        return bccd_items(root, split)
    if form["form"] == "visdrone" and not (root / spec["file"]).exists() and (root / spec["folder"]).is_dir():
        return visdrone_items(root / spec["folder"])
    return coco_items(root / spec["file"], root / spec["images"][0], form.get("merge"))


def named_boxes(name: str, split: str = "train", root: Root = None, *, keep_ignored: bool | None = None) -> BoxFiles:
    """The set of boxes ``name``; ignored boxes are given in every split but "train" unless ``keep_ignored`` says so."""
    facts = manifest(name)
    folder = find_root(facts, root)
    keep = split != "train" if keep_ignored is None else keep_ignored
    return BoxFiles(name, items_of(facts, folder, split), label_space(facts.label_space), folder, keep_ignored=keep)


@DATASETS.register("bccd")
def bccd(split: str = "train", root: Root = None) -> BoxFiles:
    """Blood cells under the microscope (real photographs)."""
    return named_boxes("bccd", split, root)


@DATASETS.register("visdrone")
def visdrone(split: str = "train", root: Root = None) -> BoxFiles:
    """VisDrone2019-DET."""
    return named_boxes("visdrone", split, root)


@DATASETS.register("tinyperson")
def tinyperson(
    split: str = "train", root: Root = None, piece: tuple[int, int] | None = None, overlap: float = 0.3
) -> BoxFiles | Tiled:
    """TinyPerson, whole pictures; with ``piece`` (h, w), as in training, pieces that share ``overlap`` of a side.

    In pieces, what is to be ignored is painted over, see :func:`udalib.data.sets.boxes.erased.erase_ignored`.
    """
    if piece is None:
        return named_boxes("tinyperson", split, root)
    whole = named_boxes("tinyperson", split, root, keep_ignored=True)
    sizes = [picture_size(item.image) for item in whole.items]
    return Tiled(Erased(whole), sizes, piece=(piece[0], piece[1]), overlap=overlap)


class CocoBoxes(BoxFiles):
    """Anybody's COCO-format file: ``CocoBoxes("instances.json", "photos")``; its categories become the label space."""

    def __init__(self, file: str | os.PathLike[str], images: str | os.PathLike[str], *, name: str = "coco") -> None:
        path = Path(file)
        items = coco_items(path, Path(images))
        categories = [c["name"] for c in sorted(read_json(path)["categories"], key=lambda c: c["id"])]
        if not categories:
            raise DataError(f"{path} lists no category; a COCO-format file needs categories (id, name).")
        space: LabelSpace = custom_space(name, categories)
        super().__init__(name, items, space, path.parent)
