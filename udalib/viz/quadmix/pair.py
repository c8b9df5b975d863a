"""One source and one target image mixed along QuadMix's four paths, with all that leads there."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from udalib.analysis.crossings import origins
from udalib.ops.clips import Clip, image_clip
from udalib.ops.quad_mixing import ALL_PATHS, Paths, QuadMixed, Template, class_template, quad_mix


@dataclass(frozen=True)
class QuadPair:
    """What :func:`quad_pair` was given and what came of it; clips of one image, B = 1.

    Attributes:
        source, target: this iteration's, with label and pseudo label.
        source_template, target_template: cut from the samples of the iteration before.
        mixed: the four mixed samples.
        origin: of each pixel of T to (S to S) and T to (S to T), see :data:`udalib.analysis.crossings.ORIGINS`.
    """

    source: Clip
    target: Clip
    source_template: Template
    target_template: Template
    mixed: QuadMixed
    origin: tuple[Tensor, Tensor]


def quad_pair(
    now: tuple[Clip, Clip],
    before: tuple[Clip, Clip],
    chosen: tuple[Tensor, Tensor],
    valid: Tensor,
    *,
    paths: Paths = ALL_PATHS,
) -> QuadPair:
    """Cut both templates and make the pastes.

    Args:
        now: source and target clip of this iteration, B = 1.
        before: those of the iteration before.
        chosen: classes of the source and of the target template, bool (1, 256) each.
        valid: where the earlier pseudo label is sure enough, bool (1, 1, H, W).
        paths: pastes that are made.
    """
    templates = class_template(before[0], chosen[0]), class_template(before[1], chosen[1], valid)
    mixed = quad_mix(*now, *templates, paths=paths)
    return QuadPair(*now, *templates, mixed, origins(*now, *templates, paths=paths))


def one_clip(image: Tensor, label: Tensor) -> Clip:
    """An image (3, H, W) with its label (H, W) as a batch of one clip of one frame."""
    return image_clip(image[None], torch.as_tensor(label).long()[None])
