"""Clips: some consecutive frames with their labels and the flow between them; an image is a clip of one frame.

Everything that is pasted, cut or mirrored treats frames, labels and flow alike, so what works on clips works on images.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from udalib.core.errors import ConfigError


class Clip(NamedTuple):
    """A batch of clips in order of time; the last frame is the current one.

    Attributes:
        frames: float (B, T, 3, H, W) in [0, 1].
        labels: int64 (B, T, H, W), 255 = ignore; pseudo labels for target clips.
        weight: of each pixel of the current frame, float (B, H, W).
        flow: float (B, T - 1, 2, H, W); entry t lies on the grid of frame t + 1 and points to frame t. None for T = 1.
    """

    frames: Tensor
    labels: Tensor
    weight: Tensor
    flow: Tensor | None = None

    @property
    def image(self) -> Tensor:
        """The current frame, (B, 3, H, W)."""
        return self.frames[:, -1]

    @property
    def label(self) -> Tensor:
        """Label of the current frame, (B, H, W)."""
        return self.labels[:, -1]

    @property
    def size(self) -> tuple[int, int]:
        """Height and width."""
        return self.frames.shape[-2], self.frames.shape[-1]


def image_clip(image: Tensor, label: Tensor, weight: Tensor | None = None) -> Clip:
    """Images (B, 3, H, W) with labels and weights (B, H, W), None = 1, as clips of one frame."""
    weight = torch.ones_like(label, dtype=torch.float32) if weight is None else weight
    return Clip(image[:, None], label[:, None], weight)


def check_clip(clip: Clip) -> None:
    """Raise :class:`ConfigError` unless the parts of ``clip`` fit each other."""
    batch, length, _, height, width = clip.frames.shape
    wanted: dict[str, tuple[int, ...]] = {"labels": (batch, length, height, width), "weight": (batch, height, width)}
    if length > 1 or clip.flow is not None:
        wanted["flow"] = (batch, length - 1, 2, height, width)
    for name, shape in wanted.items():
        part: Tensor | None = getattr(clip, name)
        if part is None or tuple(part.shape) != shape:
            came = "is missing" if part is None else f"has shape {tuple(part.shape)}"
            raise ConfigError(
                f"{name} of clips with frames {tuple(clip.frames.shape)} {came}; expected {shape}. Resize a flow with "
                "udalib.ops.warp.resize_flow; give every frame its label."
            )


def paste(mask: Tensor, top: Clip, below: Clip, *, official: bool = False) -> Clip:
    """Take ``top`` where ``mask``, bool (B, T, H, W), is true, else ``below``: frames, labels, weight and flow.

    A flow lies on the grid of the LATER of its two frames, so its mask is that frame's; ``official`` takes the
    earlier frame's, which leaves a seam of the other flow around everything that moves.

    Raises:
        ConfigError: the clips differ in length, number or size.
    """
    if top.frames.shape != below.frames.shape:
        raise ConfigError(
            f"clips of {tuple(top.frames.shape)} and {tuple(below.frames.shape)} cannot be mixed; give both streams "
            "one batch size, one length and one crop."
        )
    flow = None
    if top.flow is not None and below.flow is not None:
        flow = torch.where((mask[:, :-1] if official else mask[:, 1:])[:, :, None], top.flow, below.flow)
    return Clip(
        torch.where(mask[:, :, None], top.frames, below.frames),
        torch.where(mask, top.labels, below.labels),
        torch.where(mask[:, -1], top.weight, below.weight),
        flow,
    )


def cut(clip: Clip, top: int, left: int, size: tuple[int, int]) -> Clip:
    """The window of ``size`` (h, w) at ``top``, ``left`` of every frame; the vectors of the flow stay as they are."""
    rows, columns = slice(top, top + size[0]), slice(left, left + size[1])
    flow = None if clip.flow is None else clip.flow[..., rows, columns]
    return Clip(clip.frames[..., rows, columns], clip.labels[..., rows, columns], clip.weight[..., rows, columns], flow)
