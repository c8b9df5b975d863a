"""What an encoder of DSCL says of a picture and its parts: as regions of the whole, and cut out, each by itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple

import torch
from torch import Tensor

from udalib.analysis.longtail.shares import Anchors
from udalib.core.draws import Draws
from udalib.core.errors import ConfigError, DataError
from udalib.methods.dscl import DSCL
from udalib.ops.contrast_views import crop_resize

PARTS: Mapping[str, tuple[float, float, float, float]] = {
    "whole": (0.0, 0.0, 1.0, 1.0),
    "centre": (0.25, 0.25, 0.75, 0.75),
    "upper left": (0.0, 0.0, 0.5, 0.5),
    "upper right": (0.5, 0.0, 1.0, 0.5),
    "lower left": (0.0, 0.5, 0.5, 1.0),
    "lower right": (0.5, 0.5, 1.0, 1.0),
}
"""Boxes x1 y1 x2 y2 in shares of the width and the height."""


class Part(NamedTuple):
    """A part of a picture.

    Attributes:
        box: x1 y1 x2 y2 in pixels.
        cut: (3, p, p), the part cut out and enlarged.
        region: (D,), its feature pooled from the whole picture: the target of the distillation.
        alone: (D,), the embedding of ``cut``: the student.
    """

    box: tuple[float, ...]
    cut: Tensor
    region: Tensor
    alone: Tensor


@dataclass(frozen=True)
class Probe:
    """A picture (3, H, W) in [0, 1], its class, and its parts by name."""

    image: Tensor
    label: int
    parts: Mapping[str, Part]


@torch.no_grad()
def embed(method: DSCL, images: Tensor, batch: int = 256) -> Tensor:
    """Unit vectors (N, D) of images (N, 3, H, W) in [0, 1], by the query encoder in the mode it is in."""
    if not isinstance(method, DSCL):
        raise ConfigError(f"only the method dscl embeds pictures here, got a {type(method).__name__}.")
    return torch.cat([method.query(part)[0] for part in torch.split(images, batch)])


@torch.no_grad()
def probe(
    method: DSCL, image: Tensor, label: int, parts: Mapping[str, tuple[float, float, float, float]] = PARTS
) -> Probe:
    """Look at a picture (3, H, W) in [0, 1] and its ``parts``, as the distillation does, but without changed colours.

    Raises:
        DataError: the picture is not one of three channels.
        ConfigError: no part, or a box that does not lie in the picture.
    """
    if image.ndim != 3 or len(image) != 3:
        raise DataError(f"a picture is (3, H, W), got {tuple(image.shape)}.")
    boxes = _boxes(parts, image)
    side, many = method.views.patch_size, len(parts)
    cuts = crop_resize(image.expand(many, *image.shape), boxes, (side, side))
    _, last = method.query(image[None])
    regions = method.query.regions(last, boxes[:, None], image.shape[-1])[:, 0]
    alone = embed(method, cuts)
    rows = zip(parts, boxes.tolist(), cuts, regions, alone, strict=True)
    return Probe(image, label, {name: Part(tuple(box), *rest) for name, box, *rest in rows})


@torch.no_grad()
def anchors_of(method: DSCL, chosen: Tensor, images: Tensor, labels: Tensor, seed: int) -> Anchors:
    """Anchors from two random views of the ``chosen`` pictures; the queue are keys of the other ones, a view of each.

    Both encoders run in the mode they are in; in train mode BatchNorm normalises by these batches, as in a step.

    Args:
        method: whose views and encoders are used.
        chosen: int64 (B,), places of the anchors.
        images: (N, 3, H, W) in [0, 1].
        labels: int64 (N,).
        seed: of the views.

    Raises:
        ConfigError: nothing is left for the queue.
    """
    rest = torch.ones(len(labels), dtype=torch.bool)
    rest[chosen] = False
    if not rest.any():
        raise ConfigError(f"all {len(labels)} pictures are anchors; leave some for the queue.")
    views = replace(method.views, patches=0)(images, Draws.for_batch(seed, "anchors", 0, range(len(images))))
    key = torch.cat([method.key.network(part)[0] for part in torch.split(views.key, 256)])
    return Anchors(method.query(views.query[chosen])[0], key[chosen], labels[chosen], key[rest], labels[rest])


def _boxes(parts: Mapping[str, tuple[float, float, float, float]], image: Tensor) -> Tensor:
    """(L, 4) in pixels."""
    for name, (x1, y1, x2, y2) in parts.items():
        if not (0 <= x1 < x2 <= 1 and 0 <= y1 < y2 <= 1):
            raise ConfigError(f"part {name!r} has the box {(x1, y1, x2, y2)}; give x1 < x2 and y1 < y2 in [0, 1].")
    if not parts:
        raise ConfigError("there is no part to look at; give one at least.")
    height, width = image.shape[-2:]
    return torch.tensor(list(parts.values())) * torch.tensor([width, height, width, height])
