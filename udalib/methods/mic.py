"""Masked image consistency on top of any self-training: predict the whole from what square holes leave.

Hoyer et al., "MIC", CVPR 2023 (mic_hrda sheet, section 4).
"""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor
from torch.optim import Optimizer

from udalib.core.errors import ConfigError
from udalib.core.types import Batch, Logs
from udalib.methods.daformer import DAFormer
from udalib.methods.hrda import HRDA
from udalib.methods.registry import METHODS
from udalib.methods.self_training import SelfTraining
from udalib.methods.shared.labelled import Labelled, pixel_weight
from udalib.methods.shared.teacher import Teacher
from udalib.models.network import SegmentationNetwork
from udalib.models.norm import statistics_kept
from udalib.ops import block_grid, block_mask, mask_images
from udalib.ops.augmentation import augment

Domains = Literal["target", "source", "both"]


class MaskedConsistency(SelfTraining):
    """What MIC adds to a self-training: a pass on images with holes. Put it before the host among the bases.

    The student predicts the whole of a masked target image; its labels and weights are the teacher's of the whole,
    un-augmented image. With source images (``mask_domains``) they are the true labels, with weight 1.

    BatchNorm's running statistics do not see the holes, because no image that is evaluated has any; in the published
    code (``official``) they do.

    Args:
        network, optimizer, num_classes: of the host.
        mask_block: side of a hole in pixels: 64 at full resolution (HRDA), 32 at half.
        mask_ratio: share of the blocks that are holes, on average.
        lambda_mask: weight of the masked pass.
        mask_domains: images that are masked: "target" (published for synthetic sources), "source", or "both": half of
            the batch from each (published for Cityscapes to ACDC and Dark Zurich, without augmentation).
        mask_augment: jitter and blur before masking.
        mask_alpha: a teacher of its own with this EMA (an ablation; 0 = none); None: the host's teacher.
        mask_confidence: False gives every pixel the weight 1 (an ablation).
        host: options of the host.

    Raises:
        ConfigError: unknown ``mask_domains``, a ratio outside [0, 1].
    """

    def __init__(
        self,
        network: SegmentationNetwork,
        optimizer: Optimizer,
        num_classes: int,
        *,
        mask_block: int = 32,
        mask_ratio: float = 0.7,
        lambda_mask: float = 1.0,
        mask_domains: Domains = "target",
        mask_augment: bool = True,
        mask_alpha: float | None = None,
        mask_confidence: bool = True,
        **host: Any,
    ) -> None:
        super().__init__(network, optimizer, num_classes, **host)
        if mask_domains not in ("target", "source", "both"):
            raise ConfigError(f"mask_domains is {mask_domains!r}; choose target, source or both.")
        if not 0 <= mask_ratio <= 1:
            raise ConfigError(f"mask_ratio is {mask_ratio}; the share of holes must lie between 0 and 1.")
        self.mask_block, self.mask_ratio, self.lambda_mask = mask_block, mask_ratio, lambda_mask
        self.mask_domains, self.mask_augment = mask_domains, mask_augment
        self.mask_threshold = self.threshold if mask_confidence else None
        own = mask_alpha is not None or not mask_confidence
        self.mask_teacher = Teacher(network, self.teacher.alpha if mask_alpha is None else mask_alpha) if own else None

    def learn_more(self, source: Labelled, target: Labelled, images: Batch, iteration: int) -> Logs:
        """The masked pass, after the mixed one."""
        if self.mask_teacher is not None:
            if self.runtime.is_first:
                self.mask_teacher.follow(self.network, iteration)
            target = self.label_by(self.mask_teacher, images, self.mask_threshold)
        batch = self.to_mask(source, target)
        masked = batch._replace(image=self.masked(batch.image, iteration))
        logs = super().learn_more(source, target, images, iteration)
        with nullcontext() if self.official else statistics_kept(self.network):
            return logs | self.learn(masked, "masked", iteration)

    def to_mask(self, source: Labelled, target: Labelled) -> Labelled:
        """Whole images, and what is to be predicted of them; the weights carry ``lambda_mask``."""
        source = source._replace(weight=torch.ones_like(source.label, dtype=torch.float32))
        if self.mask_domains == "both":
            batch = _halves(source, target)
        else:
            batch = source if self.mask_domains == "source" else target
        return batch._replace(weight=self.lambda_mask * pixel_weight(batch))

    def masked(self, images: Tensor, iteration: int) -> Tensor:
        """Jittered and blurred ``images`` (all with one order and one sigma), then with holes of the mean colour."""
        samples = self.runtime.draws("mask", iteration, len(images))
        if self.mask_augment:
            batch = self.runtime.shared_draws("mask", iteration)
            images = augment(images, self.augmentation.draw(samples, batch, alike=True))
        size = (images.shape[-2], images.shape[-1])
        noise = samples.noise(*block_grid(size, self.mask_block)).to(images.device, non_blocking=True)
        return mask_images(images, block_mask(noise, size, self.mask_ratio), self.network.mean_color)


def _halves(source: Labelled, target: Labelled) -> Labelled:
    """The first half of each batch."""
    half = (len(source.image) + 1) // 2
    pairs = zip((*source[:2], pixel_weight(source)), (*target[:2], pixel_weight(target)), strict=True)
    image, label, weight = (torch.cat([s[:half], t[:half]]) for s, t in pairs)
    return Labelled(image, label, weight)


@METHODS.register("mic")
class MIC(MaskedConsistency, DAFormer):
    """Masked image consistency on :class:`DAFormer`."""

    title: ClassVar[str] = "MIC"


@METHODS.register("mic-hrda")
class MICHRDA(MaskedConsistency, HRDA):
    """Masked image consistency on :class:`HRDA`."""

    title: ClassVar[str] = "MIC (HRDA)"
