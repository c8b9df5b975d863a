"""Real data sets by name, found and read after their manifests in ``data/``."""

from __future__ import annotations

import fnmatch
import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from udalib.core.errors import DataError, unknown_name
from udalib.core.registry import Registry
from udalib.core.types import IGNORE_INDEX
from udalib.data.labels import label_space as space_named
from udalib.data.labels import label_space_names, mapping
from udalib.data.sets.clips import Clips, PreviousFrames
from udalib.data.sets.files import Item, LabelForm, SegmentationFiles, relative
from udalib.data.sets.manifests import Manifest, find_root, manifest, manifest_names

DATASETS: Registry[Callable[..., Any]] = Registry("data set")
NAMES = (
    "acdc",
    "bdd100k",
    "camvid",
    "cityscapes",
    "cityscapes_seq",
    "dark_zurich",
    "gta5",
    "idd",
    "mapillary",
    "synthia",
    "synthia_seq",
    "viper",
    "voc2012",
)


def create_dataset(name: str, split: str = "train", root: str | os.PathLike[str] | None = None, **options: Any) -> Any:
    """Create the data set ``name``.

    Args:
        name: an entry of :data:`DATASETS`, or the name of any other manifest.
        split: a split of its manifest.
        root: its folder; by default it is looked for under ``$UDALIB_DATA``.
        options: those of :func:`from_manifest`, or of the registered class.

    Raises:
        UnknownNameError: unknown data set, split, domain or label form.
        DataError: the folder is missing or the split empty.
    """
    if name not in DATASETS and name in manifest_names():
        return from_manifest(name, split, root, **options)
    return DATASETS.get(name)(split=split, root=root, **options)


def from_manifest(
    name: str,
    split: str = "train",
    root: str | os.PathLike[str] | None = None,
    *,
    domain: str | None = None,
    labels: bool = True,
    label_space: str | None = None,
    label_form: str | None = None,
    frames: int = 1,
) -> SegmentationFiles | Clips | PreviousFrames:
    """A data set that is described by a manifest.

    Args:
        name: name of the manifest.
        split: "train", "val", ...; for VOC also the name of any list in its ImageSets/Segmentation.
        root: see :func:`create_dataset`.
        domain: one of the manifest's domains (CamVid: day, dusk, control; ACDC: fog, night, rain, snow).
        labels: False leaves labels unread, for a target domain.
        label_space: another space to map the labels to.
        label_form: which of the manifest's label files to read; by default the first form that is on the disk.
        frames: with more than 1, clips of that many consecutive frames (CamVid val, VIPER, Cityscapes-Seq, ...), see
            :class:`Clips` and :class:`PreviousFrames`.
    """
    facts = manifest(name)
    folder = find_root(facts, root)
    images = select_domain(facts, list_images(facts, folder, split), folder, domain)
    form = choose_form(facts, folder, images, label_form)
    labelled = facts.splits.get(split, {}).get("labelled", True)
    items = [Item(image.stem, image, label_path(form, image, folder) if labelled else None) for image in images]
    spec = facts.splits.get(split, {})
    if spec.get("only_labelled"):
        items = _with_labels(facts, items, split)
    if not items:
        patterns = ", ".join(split_patterns(facts, split))
        raise DataError(
            f"{facts.title}, split {split!r}: no file {patterns} in {folder}. Complete or move the data set."
        )
    target = label_space or facts.label_space
    files = SegmentationFiles(name, items, space_named(target), read_form(facts, form, target), folder, labels=labels)
    if frames == 1:
        return files
    if "frame_number" in spec:
        return PreviousFrames(files, frames, spec["frame_number"])
    return Clips(files, frames, spec.get("frame_step"))


def _with_labels(facts: Manifest, items: list[Item], split: str) -> list[Item]:
    """The items whose label exists: of a video split, the frames that somebody has labelled."""
    found = [item for item in items if item.label is not None and os.path.lexists(item.label)]
    if items and not found:
        raise DataError(
            f"{facts.title}, split {split!r}: none of its {len(items)} frames has a label; the labels say which frames "
            f"are used. Layout: {'; '.join(facts.layout)}."
        )
    return found


def crosscity(
    split: str = "train",
    root: str | os.PathLike[str] | None = None,
    *,
    city: str | None = None,
    labels: bool = True,
    label_space: str | None = None,
) -> SegmentationFiles | Clips | PreviousFrames:
    """Cross-City, one ``city`` of it (rome, rio, tokyo, taipei) or all four; the rest as in :func:`from_manifest`."""
    cities = manifest("crosscity").domains
    if city is not None and city not in cities:
        raise unknown_name("city of crosscity", city, cities)
    return from_manifest("crosscity", split, root, domain=city, labels=labels, label_space=label_space)


for _name in NAMES:
    DATASETS.add(_name, partial(from_manifest, _name))
DATASETS.add("crosscity", crosscity)


def split_patterns(facts: Manifest, split: str) -> list[str]:
    """File patterns of a split, relative to the root; the first that matches anything is used."""
    if split in facts.splits and "images" in facts.splits[split]:
        return list(facts.splits[split]["images"])
    lists = facts.splits.get(split) or facts.splits.get("*")
    if lists is None:
        raise unknown_name(f"split of {facts.name}", split, facts.splits)
    return [lists["list"].format(split=split)]


def list_images(facts: Manifest, root: Path, split: str) -> list[Path]:
    """Image paths of a split in sorted (or list-file) order; a list may name files that do not exist."""
    patterns = split_patterns(facts, split)
    spec = facts.splits.get(split) or facts.splits["*"]
    if "list" in spec:
        return _listed(root / patterns[0], root, spec["image"], facts, split)
    for pattern in patterns:
        found = sorted(root.glob(pattern))
        if found:
            excluded = spec.get("exclude", [])
            return [p for p in found if not any(fnmatch.fnmatch(p.name, e) for e in excluded)]
    return []


def _listed(path: Path, root: Path, template: str, facts: Manifest, split: str) -> list[Path]:
    if not path.is_file():
        known = [p.stem for p in path.parent.glob("*.txt")]
        if known and split not in facts.splits:
            raise unknown_name(f"split of {facts.name}", split, known)
        raise DataError(f"{facts.title}: the list {path} of split {split!r} is missing. Complete the data set.")
    ids = [line.split()[0] for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    return [root / template.format(id=i) for i in ids]


def select_domain(facts: Manifest, images: list[Path], root: Path, domain: str | None) -> list[Path]:
    """The images whose path matches one of the domain's patterns; all of them without a domain."""
    if domain is None:
        return images
    if domain not in facts.domains:
        raise unknown_name(f"domain of {facts.name}", domain, facts.domains)
    chosen = _of_domain(facts, images, root, domain)
    if images and not chosen:
        there = [name for name in facts.domains if _of_domain(facts, images, root, name)]
        raise DataError(
            f"{facts.title}: no image of domain {domain!r} ({', '.join(facts.domains[domain])}) in this split of "
            f"{root}; it has images of {', '.join(there) or 'none of its domains'}. Add the files, or choose another."
        )
    return chosen


def _of_domain(facts: Manifest, images: list[Path], root: Path, domain: str) -> list[Path]:
    return [i for i in images if any(fnmatch.fnmatch(relative(i, root), p) for p in facts.domains[domain])]


def label_path(form: dict[str, Any], image: Path, root: Path) -> Path:
    """Label file that belongs to ``image``: the form's text replacements on the path below the root, in order."""
    path = relative(image, root)
    for old, new in form["replace"]:
        path = path.replace(old, new)
    return root / path


def choose_form(facts: Manifest, root: Path, images: list[Path], wanted: str | None = None) -> dict[str, Any]:
    """The label form called ``wanted``, else the first of which a file exists, else the first."""
    if wanted is not None:
        forms = {f["form"]: f for f in facts.labels}
        if wanted not in forms:
            raise unknown_name(f"label form of {facts.name}", wanted, forms)
        return forms[wanted]
    for form in facts.labels:
        if any(os.path.lexists(label_path(form, image, root)) for image in images):
            return form
    return facts.labels[0]


def read_form(facts: Manifest, form: dict[str, Any], target: str) -> LabelForm:
    """Decoding, id table to ``target`` and known raw ids of a manifest's label form."""
    ids = form["ids"]
    home = space_named(ids if ids in label_space_names() else facts.label_space)
    largest = form.get("max_id", home.num_classes - 1)
    known = frozenset(range(largest + 1)) | {IGNORE_INDEX}
    return LabelForm(form.get("decode", "ids"), mapping(ids, target), known, home)
