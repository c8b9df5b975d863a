"""Mixed images: from which sample each pixel came, and which classes were seen pasted from where into what.

Quadmix sheet, section 1. A pasted pixel has two domains: its own, and that of the image it was pasted into. So there
are four crossings, and one-way mixing fills one of them.
"""

from __future__ import annotations

import torch
from torch import Tensor

from udalib.core.errors import DataError
from udalib.ops.clips import Clip
from udalib.ops.quad_mixing import ALL_PATHS, Paths, Template, quad_mix

ORIGINS = ("source", "target", "earlier source", "earlier target")
"""Where a pixel of a quad-mixed image can come from, by number."""
CROSSINGS = ("S on S", "T on S", "S on T", "T on T")
"""Domain of a pasted pixel, and of the image it was pasted into."""


def origins(
    source: Clip, target: Clip, source_template: Template, target_template: Template, *, paths: Paths = ALL_PATHS
) -> tuple[Tensor, Tensor]:
    """Number of the :data:`ORIGINS` of each pixel of T to (S to S) and of T to (S to T), int64 (B, H, W) each.

    The clips' frames are not looked at: their labels are replaced by the number, and mixed as they would be.
    """
    clips = (source, target, source_template.clip, target_template.clip)
    numbered = [clip._replace(labels=torch.full_like(clip.labels, n)) for n, clip in enumerate(clips)]
    templates = (Template(numbered[2], source_template.mask), Template(numbered[3], target_template.mask))
    mixed = quad_mix(numbered[0], numbered[1], *templates, paths=paths)
    return mixed.tss.label, mixed.tst.label


def count_crossings(label: Tensor, pasted: Tensor, into: int, num_classes: int) -> Tensor:
    """Pixels of each class in each crossing of a batch of mixed images.

    Args:
        label: of the mixed images, int64 (B, H, W); ids outside the classes do not count.
        pasted: domain of each pasted pixel, 0 source, 1 target, else -1; int64 (B, H, W).
        into: domain of the images that were pasted into, 0 or 1.
        num_classes: C.

    Returns:
        int64 (4, C), rows as in :data:`CROSSINGS`.

    Raises:
        DataError: maps of unlike shape.

    >>> count_crossings(torch.tensor([[[0, 1, 1]]]), torch.tensor([[[0, -1, 0]]]), 1, 2).tolist()
    [[0, 0], [0, 0], [1, 1], [0, 0]]
    """
    if label.shape != pasted.shape:
        raise DataError(
            f"labels {tuple(label.shape)} and pasted domains {tuple(pasted.shape)} differ; give both for one batch."
        )
    counts = torch.zeros(len(CROSSINGS), num_classes, dtype=torch.int64)
    known = (label >= 0) & (label < num_classes)
    for domain in (0, 1):
        inside = label[known & (pasted == domain)]
        counts[2 * into + domain] = torch.bincount(inside, minlength=num_classes)
    return counts


def pasted_domain(origin: Tensor) -> Tensor:
    """0 or 1 where an earlier source or target sample was pasted, else -1: what :func:`count_crossings` takes."""
    return (origin - 2).clamp(min=-1)
