"""Clips of video data sets: runs of frames that are listed, or listed frames with those before them."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path

import torch

from udalib.core.errors import DataError
from udalib.core.types import Sample
from udalib.data.sets.files import Item, SegmentationFiles
from udalib.data.sets.reading import FileError, read_image


def frame_key(name: str) -> tuple[str, int]:
    """Sequence and frame number of a frame's name.

    >>> frame_key("0006R0_f00930")
    ('0006R0', 930)
    """
    match = re.fullmatch(r"(.*?)[_-]?f?(\d+)", name)
    if match is None:
        raise DataError(f"{name}: no frame number at the end of this name; clips need names like SEQUENCE_000123.")
    return match.group(1), int(match.group(2))


class Clips:
    """Every run of ``length`` frames that follow each other by ``step`` frame numbers in one sequence.

    Samples: ``image``, ``label``, ``name`` of the LAST frame, ``frames`` uint8 (T, 3, H, W) of all in order of time,
    ``frame_names``, and, where all frames are labelled, ``frame_labels`` uint8 (T, H, W).
    """

    def __init__(self, files: SegmentationFiles, length: int, step: int | None) -> None:
        if step is None or length < 2:
            raise DataError(
                f"{files.name}: no clips of {length} frames; they need length >= 2 and a split of consecutive frames "
                "(CamVid: split 'val'). Use frames=1 for single images."
            )
        self.files, self.length, self.step = files, length, step
        self.name, self.label_space = files.name, files.label_space
        keys = [frame_key(item.name) for item in files.items]
        follows = [a[0] == b[0] and b[1] - a[1] == step for a, b in pairwise(keys)]
        self.starts = [i for i in range(len(keys) - length + 1) if all(follows[i : i + length - 1])]
        if not self.starts:
            raise DataError(f"{files.name}: no {length} consecutive frames with step {step} under {files.root}.")

    def __len__(self) -> int:
        return len(self.starts)

    def __getitem__(self, index: int) -> Sample:
        start = self.starts[index]
        samples = [self.files[i] for i in range(start, start + self.length)]
        clip: Sample = dict(samples[-1])
        clip["frames"] = torch.stack([s["image"] for s in samples])
        clip["frame_names"] = [s["name"] for s in samples]
        if all("label" in s for s in samples):
            clip["frame_labels"] = torch.stack([s["label"] for s in samples])
        return clip


class PreviousFrames:
    """The items of a set of files, each with the ``length - 1`` frames before it, which need not be listed or labelled.

    Samples as those of :class:`Clips`; ``frame_labels`` where every frame of the clip has a label file. The name of a
    frame before is that of the item with a smaller number.

    Args:
        files: of the current frames.
        length: frames of a clip, at least 2.
        pattern: regular expression with one group, the frame number in the names of images and labels.

    Raises:
        DataError: fewer than 2 frames; when a clip is read: a frame is missing, has no number, or none before it.
    """

    def __init__(self, files: SegmentationFiles, length: int, pattern: str) -> None:
        if length < 2:
            raise DataError(f"{files.name}: no clips of {length} frames; take 2 or more, or frames=1 for images.")
        self.files, self.length, self.pattern = files, length, re.compile(pattern)
        self.name, self.label_space = files.name, files.label_space

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, index: int) -> Sample:
        item, sample = self.files.items[index], self.files[index]
        back = range(self.length - 1, 0, -1)
        images = [self._image(item, k) for k in back]
        sample["frames"] = torch.stack([*images, sample["image"]])
        sample["frame_names"] = [*(self._before(item.image, k).stem for k in back), item.name]
        if "label" in sample and item.label is not None:
            labels = [self._before(item.label, k) for k in back]
            if all(path.is_file() for path in labels):
                earlier = [self.files.decode_label(path) for path in labels]
                sample["frame_labels"] = torch.stack([*earlier, sample["label"]])
        return sample

    def read_label(self, index: int) -> torch.Tensor:
        """Train ids of the current frame, uint8 (H, W)."""
        return self.files.read_label(index)

    def label_file(self, index: int) -> str:
        """See :meth:`udalib.data.sets.files.SegmentationFiles.label_file`."""
        return self.files.label_file(index)

    def identity(self) -> str:
        """See :meth:`udalib.data.sets.files.SegmentationFiles.identity`."""
        return self.files.identity()

    def _image(self, item: Item, back: int) -> torch.Tensor:
        path = self._before(item.image, back)
        try:
            return read_image(path)
        except FileError as error:
            if error.kind != "missing-image":
                raise
            raise DataError(
                f"{path}: this frame is missing, which the clip that ends with {item.image.name} needs. Complete the "
                "download of the sequences, or read images alone (frames=1)."
            ) from error

    def _before(self, path: Path, back: int) -> Path:
        match = self.pattern.search(path.name)
        if match is None:
            raise DataError(f"{path}: this name does not hold a frame number ({self.pattern.pattern}).")
        number = int(match.group(1)) - back
        if number < 0:
            raise DataError(f"{path}: there is no frame {back} before frame {match.group(1)}; leave this item out.")
        digits = str(number).zfill(len(match.group(1)))
        return path.with_name(path.name[: match.start(1)] + digits + path.name[match.end(1) :])
