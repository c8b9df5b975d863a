"""From samples to a batch and back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from udalib.core.errors import DataError
from udalib.core.types import Batch, Sample

RAGGED = ("boxes", "box_labels", "box_ignore")
"""Keys whose first dimension differs from sample to sample: they become lists of tensors."""


def collate(samples: Sequence[Sample]) -> Batch:
    """Stack samples to a batch: tensors (...) to (B, ...), the keys of :data:`RAGGED` and all else to lists.

    Keys that not every sample has are left out, except that a ``label`` missing from some samples, or tensors of
    different sizes, raise :class:`DataError`.
    """
    keys = [k for k in samples[0] if all(k in s for s in samples)]
    if "label" not in keys and any("label" in s for s in samples):
        bare = [str(s.get("name", "?")) for s in samples if "label" not in s]
        raise DataError(f"no label for {', '.join(bare[:3])} while others of its batch have one; check the data set.")
    return {k: _join(k, [s[k] for s in samples], samples) for k in keys}


def _join(key: str, values: list[Any], samples: Sequence[Sample]) -> Any:
    if key in RAGGED or not all(isinstance(v, Tensor) for v in values):
        return values
    shapes = {tuple(v.shape) for v in values}
    if len(shapes) > 1:
        named = ", ".join(f"{s.get('name', '?')} {tuple(v.shape)}" for s, v in zip(samples, values, strict=True))
        raise DataError(
            f"{key} has different sizes in one batch: {named}. Give the stream sample_transforms that end in one size, "
            "for example Resize followed by RandomCrop."
        )
    return torch.stack(values)


def as_batch(sample: Sample) -> Batch:
    """The sample as a batch of one, without copying tensors."""
    return {k: v[None] if isinstance(v, Tensor) and k not in RAGGED else [v] for k, v in sample.items()}


def as_sample(batch: Batch) -> Sample:
    """The first sample of a batch."""
    return {k: v[0] for k, v in batch.items()}
