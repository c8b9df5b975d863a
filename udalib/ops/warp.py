"""Backward warping by optical flow, and what has to be done to a flow when its frames are resized or mirrored.

A flow (B, 2, H, W) lies on the grid of ONE frame and says in pixels where each of its points is in ANOTHER frame: u to
the right (channel 0), v down (channel 1). Warping the other frame by it brings that frame onto the grid of the first
(quadmix sheet, section 2.3).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from udalib.core.errors import ConfigError
from udalib.ops.losses import at_least_float32


def warp(x: Tensor, flow: Tensor, mode: Literal["bilinear", "nearest"] = "bilinear") -> Tensor:
    """``out(y, x) = in(y + v, x + u)``; what lies outside repeats the border.

    Args:
        x: (B, C, H, W); float for "bilinear" (16 bits are computed in float32), anything for "nearest".
        flow: float (B, 2, H, W).
        mode: "nearest" takes the pixel floor(position + 0.5).

    Returns:
        (B, C, H, W), differentiable in both for "bilinear".

    Raises:
        ConfigError: ``flow`` is no flow for the size of ``x``.

    >>> moved = warp(torch.tensor([[[[1.0, 2.0, 3.0]]]]), torch.tensor([1.0, 0.0]).view(1, 2, 1, 1).expand(1, 2, 1, 3))
    >>> moved.flatten().tolist()
    [2.0, 3.0, 3.0]
    """
    check_flow(flow, x.shape)
    place = positions(flow)
    if mode == "nearest":
        return _nearest(x, place)
    height, width = x.shape[-2:]
    scale = place.new_tensor([2.0 / max(width - 1, 1), 2.0 / max(height - 1, 1)]).view(1, 2, 1, 1)
    grid = (place * scale - 1).permute(0, 2, 3, 1)
    source = at_least_float32(x)
    return F.grid_sample(source, grid.to(source.dtype), "bilinear", "border", align_corners=True)


def warp_labels(label: Tensor, flow: Tensor) -> Tensor:
    """:func:`warp` of a label, a mask or any other map (B, H, W) by the nearest pixel, in its own type."""
    return warp(label[:, None], flow, "nearest")[:, 0]


def positions(flow: Tensor) -> Tensor:
    """Columns and rows, float32 (B, 2, H, W), to which ``flow`` points."""
    height, width = flow.shape[-2:]
    rows = torch.arange(height, device=flow.device, dtype=torch.float32)
    columns = torch.arange(width, device=flow.device, dtype=torch.float32)
    grid = torch.stack([columns.expand(height, width), rows[:, None].expand(height, width)])
    return at_least_float32(flow) + grid


def resize_flow(flow: Tensor, size: Sequence[int], align_corners: bool = True, *, official: bool = False) -> Tensor:
    """Resize a flow (B, 2, h, w) bilinearly to ``size`` = (H, W) and scale its vectors to the new pixels.

    ``official`` scales u by the ratio of the HEIGHTS as well and ignores what ``align_corners`` does to distances: 9 x
    17 scores of 64 x 128 frames get horizontal vectors that are 6 % too long.
    """
    (height, width), (old_height, old_width) = size, flow.shape[-2:]
    if (height, width) == (old_height, old_width):
        return flow
    less = 1 if align_corners and not official else 0
    v = (height - less) / max(old_height - less, 1)
    u = v if official else (width - less) / max(old_width - less, 1)
    resized = F.interpolate(at_least_float32(flow), (height, width), mode="bilinear", align_corners=align_corners)
    return resized * resized.new_tensor([u, v]).view(1, 2, 1, 1)


def mirror_flow(flow: Tensor, *, official: bool = False) -> Tensor:
    """The flow (..., 2, H, W) of mirrored frames: mirrored itself, with the sign of u changed (``official``: not)."""
    mirrored = flow.flip(-1)
    return mirrored if official else mirrored * flow.new_tensor([-1.0, 1.0]).view(2, 1, 1)


def compose_flows(first: Tensor, second: Tensor) -> Tensor:
    """Flow (B, 2, H, W) from frame a to c, from ``first`` a to b and ``second`` b to c: a point takes both ways."""
    return first + warp(second, first)


def consistency_mask(flow: Tensor, back: Tensor, alpha: float = 0.01, beta: float = 0.5) -> Tensor:
    """Where the way there and back ends near its beginning, bool (B, H, W); false also where it leaves the frame.

    ``|f + b|^2 <= alpha (|f|^2 + |b|^2) + beta`` with b, the other direction, read where f points to (Sundaram, Brox,
    Keutzer, "Dense point trajectories by GPU-accelerated large displacement optical flow", ECCV 2010). What fails is
    hidden in the other frame, or its flow is wrong.

    Args:
        flow: (B, 2, H, W) from frame a to b, on a's grid.
        back: (B, 2, H, W) from b to a, on b's grid.
        alpha: tolerance relative to the squared lengths.
        beta: absolute tolerance in squared pixels.
    """
    returned = warp(back, flow)
    error = (flow + returned).square().sum(1)
    near = error <= alpha * (flow.square().sum(1) + returned.square().sum(1)) + beta
    return near & inside(flow)


def inside(flow: Tensor) -> Tensor:
    """Where a flow (B, 2, H, W) points into the frame, half a pixel of border included; bool (B, H, W)."""
    x, y = positions(flow).unbind(1)
    height, width = flow.shape[-2:]
    return (x >= -0.5) & (x <= width - 0.5) & (y >= -0.5) & (y <= height - 0.5)


def check_flow(flow: Tensor, shape: Sequence[int]) -> None:
    """Raise :class:`ConfigError` unless ``flow`` is (B, 2, H, W) for maps of ``shape`` (B, ..., H, W)."""
    want = (shape[0], 2, *shape[-2:])
    if tuple(flow.shape) != want:
        raise ConfigError(
            f"a flow of {tuple(flow.shape)} does not fit maps of {tuple(shape)}; expected {want}. Resize it with "
            "udalib.ops.warp.resize_flow, which scales its vectors as well."
        )


def _nearest(x: Tensor, place: Tensor) -> Tensor:
    height, width = x.shape[-2:]
    columns, rows = (place + 0.5).floor().long().unbind(1)
    index = rows.clamp(0, height - 1) * width + columns.clamp(0, width - 1)
    flat = x.flatten(2)
    return flat.gather(2, index.flatten(1)[:, None].expand(-1, flat.shape[1], -1)).view_as(x)
