"""DAFormer's training: DACS with a feature distance to an ImageNet encoder.

Hoyer et al., "DAFormer", CVPR 2022. Of its three strategies, Rare Class Sampling is the order of the source images
(:mod:`udalib.data.sampling.rare_class`) and the warm-up a schedule; what is left for the training step is the feature
distance (daformer sheet, section 4.2, and section 5, step 4).
"""

from __future__ import annotations

import copy
from typing import Any, ClassVar, Self

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from udalib.methods.registry import METHODS
from udalib.methods.self_training import SelfTraining
from udalib.methods.shared.labelled import Labelled, Pass
from udalib.models.network import SegmentationNetwork
from udalib.ops import THINGS, feature_distance, thing_mask


@METHODS.register("daformer")
class DAFormer(SelfTraining):
    """:class:`SelfTraining`, whose source features of things are kept close to those of the encoder it started from.

    ``L_FD = lambda_fd * mean |f(x) - F(x)|`` over the positions of the coarsest feature whose block of the label shows
    a thing; F is the network's encoder as this method found it, frozen: it must hold pretrained weights then.

    Args:
        network, optimizer, num_classes: see :class:`SelfTraining`.
        alpha: as there; 0.999 in the final setting.
        lambda_fd: weight of the feature distance; 0 does without (and without the copy of the encoder).
        fd_classes: train ids of the things.
        fd_min_ratio: share of a block's pixels that its class needs.
        fd_everywhere: all positions, whatever the label (an ablation of the paper).
        host: options of :class:`SelfTraining`.
    """

    title: ClassVar[str] = "DAFormer"

    def __init__(
        self,
        network: SegmentationNetwork,
        optimizer: Optimizer,
        num_classes: int,
        *,
        alpha: float = 0.999,
        lambda_fd: float = 0.005,
        fd_classes: tuple[int, ...] = THINGS,
        fd_min_ratio: float = 0.75,
        fd_everywhere: bool = False,
        **host: Any,
    ) -> None:
        super().__init__(network, optimizer, num_classes, alpha=alpha, **host)
        self.reference = Reference(network) if lambda_fd > 0 else None
        self.lambda_fd, self.fd_min_ratio = lambda_fd, fd_min_ratio
        self.fd_classes, self.fd_everywhere = tuple(fd_classes), fd_everywhere

    def source_terms(self, source: Labelled, run: Pass) -> dict[str, Tensor]:
        """``L_FD`` of the source images."""
        if self.reference is None:
            return {}
        features = run.features[-1]
        mask = None
        if not self.fd_everywhere:
            size = features.shape[-2:]
            mask = thing_mask(source.label, size, self.fd_classes, self.fd_min_ratio, self.num_classes)
        reference = self.reference(self.seen(self.network.normalise(source.image)))
        return {"fd": self.lambda_fd * feature_distance(features, reference, mask)}

    def seen(self, images: Tensor) -> Tensor:
        """The part or scale of normalised images (B, 3, H, W) that the features of a source pass are those of."""
        return images


class Reference(nn.Module):
    """The frozen copy of a network's encoder: normalised images (B, 3, H, W) -> coarsest feature (B, C, h, w)."""

    def __init__(self, network: SegmentationNetwork) -> None:
        super().__init__()
        self.encoder = copy.deepcopy(network.encoder).requires_grad_(False)
        self.eval()

    @torch.no_grad()
    def forward(self, images: Tensor) -> Tensor:
        """Run the encoder."""
        feature: Tensor = self.encoder(images)[-1]
        return feature

    def train(self, mode: bool = True) -> Self:
        """Stay in eval mode."""
        return super().train(False)
