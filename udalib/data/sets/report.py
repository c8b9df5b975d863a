"""What a check of a data set found."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

KINDS = {
    "missing-root": "the data set's folder does not exist",
    "empty-split": "a split without any image",
    "missing-image": "a listed image that does not exist",
    "missing-label": "an image without its label",
    "extra-file": "a file that is no image of the data set",
    "extra-label": "a label without its image",
    "count": "another number of images than the data set has",
    "duplicate-name": "two images of one name",
    "shared-name": "an image that stands in two splits",
    "broken-symlink": "a link to nothing",
    "zero-byte": "an empty file",
    "truncated": "a damaged or incomplete file",
    "unreadable": "a file that is not an image",
    "permission": "a file that may not be read",
    "size-mismatch": "image and label of different size",
    "size": "another image size than the data set has",
    "bit-depth": "a wrong number of bits a channel",
    "color-label": "a colour picture instead of class ids",
    "unknown-id": "a label with ids that the data set does not have",
    "no-class": "a label without any pixel of a class",
    "degenerate-box": "a box without area",
    "box-outside": "a box that reaches outside its picture",
    "unknown-category": "a box of a category that the data set does not have",
}
"""Kinds of defects and what they mean."""


@dataclass(frozen=True)
class Defect:
    """One thing that is wrong: its kind (:data:`KINDS`), the file or folder, what was found, and the remedy."""

    kind: str
    path: Path
    what: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.kind}: {self.path}: {self.what}. {self.remedy}"


@dataclass(frozen=True)
class Report:
    """The outcome of :func:`udalib.data.check_dataset`: how many images were checked, and every defect."""

    name: str
    checked: int
    defects: tuple[Defect, ...]

    @property
    def ok(self) -> bool:
        """True if nothing is wrong."""
        return not self.defects

    def counts(self) -> dict[str, int]:
        """Number of defects of each kind that occurs."""
        kinds = [d.kind for d in self.defects]
        return {k: kinds.count(k) for k in KINDS if k in kinds}

    def text(self, limit: int = 50) -> str:
        """Readable report with at most ``limit`` defects of each kind; the last line says how many there are in all."""
        lines = []
        for kind, count in self.counts().items():
            of_kind = [d for d in self.defects if d.kind == kind]
            lines += [str(d) for d in of_kind[:limit]]
            if count > limit:
                lines.append(f"{kind}: ... and {count - limit} more")
        verdict = "no defect" if self.ok else f"{len(self.defects)} defects"
        return "\n".join([*lines, f"{self.name}: {self.checked} images checked, {verdict}."])

    def __str__(self) -> str:
        return self.text()


def merged(name: str, reports: Iterable[Report]) -> Report:
    """One report of several; a defect that two of them name is kept once."""
    parts = list(reports)
    defects = dict.fromkeys(d for r in parts for d in r.defects)
    return Report(name, sum(r.checked for r in parts), tuple(defects))
