"""What ELN is compared with: a confidence threshold, and a network that corrects labels instead of localising errors.

No code of either is published; these are our definitions (eln sheet, section 6). All else is that of ELN's stage 2.
"""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.optim import Optimizer

from udalib.core.errors import ConfigError
from udalib.core.types import Judgement
from udalib.methods.base import judge_by_confidence
from udalib.methods.eln import Judged
from udalib.methods.registry import METHODS
from udalib.methods.semi_supervised import SemiSupervised
from udalib.models.network import SegmentationNetwork
from udalib.ops import class_map, pseudo_labels, resize
from udalib.ops.error_localization import filtered_labels


@METHODS.register("confidence-threshold")
class ConfidenceThreshold(SemiSupervised):
    """Pseudo labels count where the teacher's largest soft-max exceeds a threshold; nothing else is trained.

    Args:
        network, optimizer, num_classes: see :class:`SemiSupervised`.
        threshold: in [0, 1); 0 keeps every pixel.
        host: options of :class:`SemiSupervised`; W is its ``pretrain_iterations``.

    Raises:
        ConfigError: a threshold outside [0, 1).
    """

    title: ClassVar[str] = "confidence threshold"

    def __init__(
        self,
        network: SegmentationNetwork,
        optimizer: Optimizer,
        num_classes: int,
        *,
        threshold: float = 0.9,
        **host: Any,
    ) -> None:
        super().__init__(network, optimizer, num_classes, **host)
        if not 0 <= threshold < 1:
            raise ConfigError(f"threshold is {threshold}; a confidence to exceed lies in [0, 1).")
        self.threshold = threshold

    def pseudo_label(self, images: Tensor, logits: Tensor) -> Tensor:
        """The teacher's classes where it is sure."""
        label, confidence = pseudo_labels(logits)
        return filtered_labels(label, confidence > self.threshold)

    def judge(self, images: Tensor) -> Judgement:
        """The student's classes for images (B, 3, H, W) in [0, 1], in eval mode, rejected as pseudo labels would be."""
        return judge_by_confidence(self.predict(images), self.threshold)


@METHODS.register("s-ecn")
class SimpleErrorCorrection(Judged):
    """The judge says a class a pixel, learned by cross-entropy; its classes replace the teacher's, and all count.

    Same input, same auxiliary decoders and phases as ELN. Where its class differs from the one it was shown it takes
    that one to be wrong. ``official`` acts as in :class:`Judged`.
    """

    title: ClassVar[str] = "s-ECN"

    def judge_outputs(self, num_classes: int) -> int:
        """C: logits of the corrected classes."""
        return num_classes

    def judge_loss(self, verdict: Tensor, judged: Tensor, label: Tensor) -> Tensor:
        """Mean cross-entropy over valid pixels to the true classes."""
        return self.cross_entropy(verdict, label)

    def pseudo_label(self, images: Tensor, logits: Tensor) -> Tensor:
        """The corrected classes."""
        return class_map(self.verdict(images, logits))

    @torch.no_grad()
    def judge(self, images: Tensor) -> Judgement:
        """The student's classes for images (B, 3, H, W) in [0, 1], in eval mode; those are rejected that change.

        The error probability is one minus the probability that the judge gives the student's class.
        """
        logits, size = self.network(images), images.shape[-2:]
        label = class_map(resize(logits, size, self.network.align_corners))
        corrected = resize(self.verdict_in_batch(images, logits), size, align_corners=True).float().softmax(1)
        return Judgement(label, 1 - corrected.gather(1, label[:, None])[:, 0], class_map(corrected) != label)
