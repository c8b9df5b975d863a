"""Geometry of a batch with given choices: every key moves alike, with the rule that suits what it holds.

Images are resized bilinearly (pixel centres, no antialiasing: what OpenCV does), labels, instance maps and depth by
nearest neighbour, flow bilinearly with its vectors scaled to the new pixels. Boxes are lists of float (N, 4) tensors,
x1 y1 x2 y2 in pixels. Leading dimensions (a clip's T) are carried along.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from udalib.core.errors import ConfigError
from udalib.core.lazy import LazyModule
from udalib.core.types import IGNORE_INDEX, Batch

tv = LazyModule("torchvision.transforms.v2.functional")

IMAGES = ("image", "frames")
MAPS = ("label", "frame_labels", "instances", "depth", "weight", "valid")
FLOWS = ("flow", "flow_forward", "flow_backward")


def size_of(batch: Batch) -> tuple[int, int]:
    """Height and width of the batch's images."""
    return int(batch["image"].shape[-2]), int(batch["image"].shape[-1])


def fitted_size(size: tuple[int, int], scale: tuple[int, int]) -> tuple[int, int]:
    """Size (h, w) after an aspect-preserving resize into ``scale``, the published rule.

    f = min(long side of scale / long side, short / short); each side times f, rounded to the nearest integer. The
    order of ``scale`` does not matter (daformer sheet, section 7).

    >>> fitted_size((1052, 1914), (720, 1280))
    (704, 1280)
    """
    factor = min(max(scale) / max(size), min(scale) / min(size))
    return int(size[0] * factor + 0.5), int(size[1] * factor + 0.5)


def same_area_size(size: tuple[int, int], wanted: tuple[int, int]) -> tuple[int, int]:
    """Size (h, w) with the shape of ``size`` and the area of ``wanted``, each side rounded: images of all shapes at one
    scale.

    >>> same_area_size((480, 640), (64, 128)), same_area_size((640, 480), (64, 128))
    ((78, 105), (105, 78))
    """
    factor = math.sqrt(wanted[0] * wanted[1] / (size[0] * size[1]))
    return max(1, round(size[0] * factor)), max(1, round(size[1] * factor))


def nearest_indices(old: int, new: int) -> Tensor:
    """int64 (new,): source index floor(i * old / new), with OpenCV's rounding (float64, through the inverse scale)."""
    steps = np.floor(np.arange(new) * (1.0 / (new / old))).astype(np.int64)
    return torch.from_numpy(np.minimum(steps, old - 1))


def resize_nearest(x: Tensor, size: tuple[int, int]) -> Tensor:
    """Nearest-neighbour resize of the last two dimensions, any dtype, with :func:`nearest_indices`."""
    rows = nearest_indices(x.shape[-2], size[0]).to(x.device, non_blocking=True)
    columns = nearest_indices(x.shape[-1], size[1]).to(x.device, non_blocking=True)
    return x.index_select(-2, rows).index_select(-1, columns)


def resize_bilinear(x: Tensor, size: tuple[int, int], antialias: bool = False) -> Tensor:
    """Bilinear resize of (..., C, H, W), float or uint8, pixel centres, by default without antialiasing.

    uint8 is computed in float32 and rounded once, within one grey level of OpenCV; torch's own uint8 kernel rounds
    after each axis and is up to 1 grey level off the exact value.
    """
    if x.dtype == torch.uint8:
        return resize_bilinear(x.float(), size, antialias).add_(0.5).clamp_(0, 255).to(torch.uint8)
    resized: Tensor = tv.resize(x, list(size), interpolation=tv.InterpolationMode.BILINEAR, antialias=antialias)
    return resized


def resize(batch: Batch, size: tuple[int, int], antialias: bool = False) -> Batch:
    """Resize everything to ``size`` (h, w); ``antialias`` averages the pixels of images that shrink."""
    old = size_of(batch)
    if old == size:
        return dict(batch)
    ratio = (size[1] / old[1], size[0] / old[0])
    return _apply(
        batch,
        image=lambda x: resize_bilinear(x, size, antialias),
        maps=lambda x, _: resize_nearest(x, size),
        flow=lambda x: resize_bilinear(x, size) * x.new_tensor(ratio).view(2, 1, 1),
        boxes=lambda b: b * b.new_tensor([*ratio, *ratio]),
    )


def crop(batch: Batch, top: int, left: int, size: tuple[int, int]) -> Batch:
    """Cut the window of ``size`` (h, w) at ``top``, ``left`` from every sample; boxes left empty are dropped."""

    def cut(x: Tensor, _: str = "") -> Tensor:
        return x[..., top : top + size[0], left : left + size[1]]

    def shift(boxes: Tensor) -> Tensor:
        return _clamped(boxes - boxes.new_tensor([left, top, left, top]), size)

    return _drop_empty_boxes(_apply(batch, image=cut, maps=cut, flow=cut, boxes=shift))


def crop_each(batch: Batch, tops: Sequence[int], lefts: Sequence[int], size: tuple[int, int]) -> Batch:
    """:func:`crop` with a window of its own for each sample."""
    if len(tops) == 1:  # one sample in a loader's process: a view, which collation copies
        return crop(batch, int(tops[0]), int(lefts[0]), size)
    singles = [{k: v[i : i + 1] for k, v in batch.items()} for i in range(len(tops))]
    cut = [crop(s, int(t), int(f), size) for s, t, f in zip(singles, tops, lefts, strict=True)]
    return {k: _joined([c[k] for c in cut]) for k in batch}


def pad(batch: Batch, size: tuple[int, int], color: Sequence[float] = (0.0, 0.0, 0.0)) -> Batch:
    """Pad at the bottom and right up to at least ``size``: images with ``color`` (0..255), labels 255, all else 0."""
    height, width = size_of(batch)
    margins = [0, max(size[1] - width, 0), 0, max(size[0] - height, 0)]
    if not any(margins):
        return dict(batch)

    def fill(x: Tensor, key: str = "") -> Tensor:
        return F.pad(x, margins, value=IGNORE_INDEX if key in ("label", "frame_labels") else 0)

    def fill_image(x: Tensor) -> Tensor:
        shade = torch.tensor(color).round().to(x.dtype) if x.dtype == torch.uint8 else torch.tensor(color) / 255.0
        inside = F.pad(torch.ones(height, width, dtype=torch.bool, device=x.device), margins)
        return torch.where(inside, F.pad(x, margins), shade.to(x.device, x.dtype, non_blocking=True).view(3, 1, 1))

    return _apply(batch, image=fill_image, maps=fill, flow=fill)


def hflip(batch: Batch, flip: Tensor) -> Batch:
    """Mirror left-right the samples where ``flip``, bool (B,), is true; the u component of flow changes sign."""
    width = size_of(batch)[1]

    def choose(x: Tensor, mirrored: Callable[[Tensor], Tensor]) -> Tensor:
        if x.device.type == flip.device.type == "cpu":  # one pass over the samples, half of them untouched
            return torch.stack([mirrored(one) if f else one for one, f in zip(x, flip.tolist(), strict=True)])
        mask = flip.to(x.device, non_blocking=True).view(-1, *[1] * (x.ndim - 1))
        return torch.where(mask, mirrored(x), x)

    def mirror_boxes(boxes: list[Tensor]) -> list[Tensor]:
        mirrored = [b * b.new_tensor([-1, 1, -1, 1]) + b.new_tensor([width, 0, width, 0]) for b in boxes]
        return [m[:, [2, 1, 0, 3]] if f else b for b, m, f in zip(boxes, mirrored, flip.tolist(), strict=True)]

    def mirror(x: Tensor, _: str = "") -> Tensor:
        return choose(x, lambda y: y.flip(-1))

    def mirror_flow(x: Tensor) -> Tensor:
        return choose(x, lambda y: y.flip(-1) * y.new_tensor([-1.0, 1.0]).view(2, 1, 1))

    result = _apply(batch, image=mirror, maps=mirror, flow=mirror_flow)
    if "boxes" in batch:
        result["boxes"] = mirror_boxes(batch["boxes"])
    return result


def _apply(
    batch: Batch,
    *,
    image: Callable[[Tensor], Tensor],
    maps: Callable[[Tensor, str], Tensor],
    flow: Callable[[Tensor], Tensor],
    boxes: Callable[[Tensor], Tensor] | None = None,
) -> Batch:
    """Copy of ``batch`` with one function for each kind of key; unknown keys are carried over."""
    result = dict(batch)
    result.update({k: image(batch[k]) for k in IMAGES if k in batch})
    result.update({k: maps(batch[k], k) for k in MAPS if k in batch})
    result.update({k: flow(batch[k]) for k in FLOWS if k in batch})
    if boxes is not None and "boxes" in batch:
        result["boxes"] = [boxes(b) for b in batch["boxes"]]
    return result


def _clamped(boxes: Tensor, size: tuple[int, int]) -> Tensor:
    limits = boxes.new_tensor([size[1], size[0], size[1], size[0]])
    return torch.minimum(boxes.clamp(min=0), limits)


def _drop_empty_boxes(batch: Batch) -> Batch:
    if "boxes" not in batch:
        return batch
    keep = [(b[:, 2] > b[:, 0]) & (b[:, 3] > b[:, 1]) for b in batch["boxes"]]
    for key in ("boxes", "box_labels"):
        if key in batch:
            batch[key] = [v[k] for v, k in zip(batch[key], keep, strict=True)]
    return batch


def _joined(parts: list[Tensor] | list[list[object]]) -> Tensor | list[object]:
    if isinstance(parts[0], Tensor):
        return torch.cat([p for p in parts if isinstance(p, Tensor)])
    return [value for part in parts for value in part]


def refuse_maps(batch: Batch, name: str) -> None:
    """Raise :class:`ConfigError` if the batch has more than images; ``name`` is the transform's, for the message."""
    other = [key for key in (*MAPS, *FLOWS, "frames", "boxes") if key in batch]
    if other:
        raise ConfigError(
            f"{name} handles images alone, the batch also has {', '.join(other)}; use Resize or RandomCrop."
        )
