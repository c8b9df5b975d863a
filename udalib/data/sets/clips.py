"""Consecutive frames of a video data set."""

from __future__ import annotations

import re
from itertools import pairwise

import torch

from udalib.core.errors import DataError
from udalib.core.types import Sample
from udalib.data.sets.files import SegmentationFiles


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
