"""The dictionaries that travel: samples, batches, logs.

Legend for shapes everywhere in udalib: B batch, C classes or channels, H height, W width, T frames, N items.
"""

from __future__ import annotations

from typing import Any, NamedTuple, TypeAlias

import torch

Sample: TypeAlias = dict[str, Any]
"""``image`` uint8 (3, H, W) RGB; ``label`` uint8 or int64 (H, W), 255 = ignore; ``name`` str; optional ``flow``
float32 (2, H, W) in pixels (u to the right, v down), ``depth`` float32 (H, W) in metres, ``instances``, ``boxes``,
``frames``."""

Batch: TypeAlias = dict[str, Any]
"""A collated sample after its transforms: ``image`` float32 (B, 3, H, W) RGB in [0, 1]; ``label`` int64 (B, H, W);
``name`` list of B strings. Networks own their input normalisation, so batches never carry normalised images."""

Logs: TypeAlias = dict[str, torch.Tensor | float]


class Judgement(NamedTuple):
    """What a method predicts and what it thinks of it, at the size of the images.

    Attributes:
        label: predicted classes, int64 (B, H, W).
        error: how likely each is wrong, float32 (B, H, W) in [0, 1].
        rejected: where it is taken to be wrong, bool (B, H, W).
    """

    label: torch.Tensor
    error: torch.Tensor
    rejected: torch.Tensor


IGNORE_INDEX = 255
