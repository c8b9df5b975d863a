"""The mean teacher of self-training: an EMA of the student, run on unlabelled images."""

from __future__ import annotations

from typing import Any, Self

import torch
from torch import Tensor, nn

from udalib.core.errors import ConfigError
from udalib.models.dropping import drop_nothing
from udalib.models.network import SegmentationNetwork
from udalib.ops import make_teacher, resize, update_teacher


class Follower(nn.Module):
    """A copy of a module whose parameters move towards the original's and are trained by nothing else.

    Args:
        leader: copied; parameters of the copy take no gradient.
        alpha: share of the old copy that is kept, see :meth:`follow`.

    Raises:
        ConfigError: alpha outside [0, 1).
    """

    def __init__(self, leader: nn.Module, alpha: float) -> None:
        super().__init__()
        if not 0 <= alpha < 1:
            raise ConfigError(
                f"alpha of a {type(self).__name__.lower()} is {alpha}; the share of the old teacher must lie in [0, 1)."
            )
        self.network: Any = make_teacher(leader)
        self.alpha = alpha

    def follow(self, leader: nn.Module, iteration: int | None) -> None:
        """Move towards ``leader``; call it once an iteration. With an ``iteration`` the first ones keep less, see
        :func:`udalib.ops.ema_decay`.
        """
        update_teacher(self.network, leader, iteration, self.alpha)


class Teacher(Follower):
    """A copy of the student that follows it and labels images.

    In training it stays in TRAIN mode but for dropout and stochastic depth: BatchNorm normalises with the batch at
    hand, target images, and its running statistics are the teacher's own (daformer sheet, section 5, step 5).

    Args:
        student: copied; parameters of the copy take no gradient.
        alpha: cap of the EMA, see :func:`udalib.ops.ema_decay`; 0 makes the teacher the student of the last step.

    Raises:
        ConfigError: alpha outside [0, 1).
    """

    def __init__(self, student: SegmentationNetwork, alpha: float) -> None:
        super().__init__(student, alpha)
        drop_nothing(self)

    @torch.no_grad()
    def forward(self, images: Tensor) -> Tensor:
        """Logits (B, C, H, W) of images (B, 3, H, W) in [0, 1], at their size."""
        logits: Tensor = resize(self.network(images), images.shape[-2:], self.network.align_corners)
        return logits

    def train(self, mode: bool = True) -> Self:
        """Set the mode; what drops at random stays off."""
        super().train(mode)
        drop_nothing(self)
        return self

    def compile(self, *args: Any, **options: Any) -> None:
        """Compile the network's parts."""
        self.network.compile(*args, **options)
