"""Pseudo labels of the last two frames of target clips, the last one's carried from the frame before along the flow.

Quadmix sheet, section 4.5, steps 5, 10 and 11.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor

from udalib.core.draws import Draws
from udalib.core.types import IGNORE_INDEX, Batch
from udalib.models.clip_network import ClipNetwork
from udalib.ops.clips import Clip
from udalib.ops.cross_frame import carried_labels, mirrored_back, own_labels
from udalib.ops.feature_mixing import nearest
from udalib.ops.pseudo_labels import PseudoLabels
from udalib.ops.warp import consistency_mask, mirror_flow


class CarriedLabels(NamedTuple):
    """What a labeller says of target clips.

    Attributes:
        clip: frames c and d as they came, their pseudo labels, weight 1, the flow from d to c.
        confidence: of the labels, float32 (B, 2, H, W); 0 where the last frame shows what the one before it does not.
        low: labels of frame d at the size of the scores, one an output of the network, int64 (B, h, w).
    """

    clip: Clip
    confidence: Tensor
    low: tuple[Tensor, ...]


@dataclass(frozen=True)
class Labeller:
    """How target clips are labelled; see the options of :class:`udalib.methods.quadmix_video.QuadMixVideo`.

    Attributes:
        guided: carry the labels along the flow; else the last frame is labelled from its own scores.
        mirror: mirror the earlier frames of half of the samples.
        official: see :mod:`udalib.ops.cross_frame`.
    """

    guided: bool = True
    mirror: bool = True
    official: bool = False

    def __call__(self, network: ClipNetwork, batch: Batch, draws: Draws) -> CarriedLabels:
        """Label ``frames`` (B, T, 3, H, W) along ``flow_backward``; ``flow_forward`` tells what is hidden."""
        frames, flow = batch["frames"], batch["flow_backward"]
        if self.guided:
            last, before, low = self._carried(network, batch, draws.bernoulli(0.5) if self.mirror else None)
        else:
            last, before, low = self._own(network, frames[:, -2:], flow[:, -1])
        labels = torch.stack([before.label, last.label], 1)
        weight = torch.ones_like(last.confidence)
        clip = Clip(frames[:, -2:], labels, weight, flow[:, -1:])
        return CarriedLabels(clip, torch.stack([before.confidence, last.confidence], 1), low)

    def _carried(
        self, network: ClipNetwork, batch: Batch, mirrored: Tensor | None
    ) -> tuple[PseudoLabels, PseudoLabels, tuple[Tensor, ...]]:
        frames, flow = batch["frames"], batch["flow_backward"]
        earlier, between = frames[:, :-1][:, -2:], flow[:, -2] if frames.shape[1] > 2 else None
        if mirrored is not None:
            earlier = mirrored_back(earlier, mirrored)
            if between is not None:
                turned = mirrored.to(between.device, non_blocking=True).view(-1, 1, 1, 1)
                between = torch.where(turned, mirror_flow(between, official=self.official), between)
        scores = network.forward_clip(earlier, between, official=self.official).fused
        size, corners = frames.shape[-2:], network.align_corners
        options: dict[str, Any] = {"mirrored": mirrored, "align_corners": corners, "official": self.official}
        last = carried_labels(scores[0], flow[:, -1], size, **options)
        low = tuple(carried_labels(each, flow[:, -1], **options).label for each in scores)
        if not self.official and "flow_forward" in batch:
            seen = consistency_mask(flow[:, -1], batch["flow_forward"][:, -1])
            last = PseudoLabels(last.label.masked_fill(~seen, IGNORE_INDEX), last.confidence * seen)
            low = tuple(each.masked_fill(~nearest(seen, each.shape[-2:]), IGNORE_INDEX) for each in low)
        return last, own_labels(scores[0], size, **options), low

    def _own(
        self, network: ClipNetwork, frames: Tensor, flow: Tensor
    ) -> tuple[PseudoLabels, PseudoLabels, tuple[Tensor, ...]]:
        scores = network.forward_clip(frames, flow, official=self.official)
        size = frames.shape[-2:]
        options: dict[str, Any] = {"align_corners": network.align_corners, "official": self.official}
        last = own_labels(scores.fused[0], size, **options)
        low = tuple(own_labels(each, **options).label for each in scores.fused)
        return last, own_labels(scores.previous[0], size, **options), low
