"""Segmented images whose every pixel some judges have called more or less likely wrong, and the truth beside them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from udalib.core.errors import ConfigError, DataError, unknown_name
from udalib.core.types import IGNORE_INDEX
from udalib.metrics.error_localization import Curve, Positive, ThresholdSweep, localization_counts, localization_scores

CUT = 0.5
"""ELN rejects above this probability of "wrong": its output is rounded (and rejects at it, where this keeps)."""


@dataclass(frozen=True)
class JudgedImages:
    """N images of one size with a prediction, its truth, and judges' opinions.

    Attributes:
        images: float (N, 3, H, W) in [0, 1].
        prediction: train ids (N, H, W).
        truth: train ids (N, H, W), 255 = void.
        wrong_by: judge -> how likely each pixel is wrong, float (N, H, W) in [0, 1].

    Raises:
        ConfigError: no judge.
        DataError: the parts differ in size.
    """

    images: Tensor
    prediction: Tensor
    truth: Tensor
    wrong_by: Mapping[str, Tensor]

    def __post_init__(self) -> None:
        if not self.wrong_by:
            raise ConfigError("nobody has judged these images; give at least one judge.")
        maps = {"prediction": self.prediction, "truth": self.truth, **self.wrong_by}
        shape = (len(self.images), *self.images.shape[-2:])
        unlike = {name: tuple(each.shape) for name, each in maps.items() if tuple(each.shape) != shape}
        if unlike:
            raise DataError(f"images are {tuple(self.images.shape)}, so every map must be {shape}; got {unlike}.")

    @cached_property
    def valid(self) -> Tensor:
        """Pixels whose truth is known, bool (N, H, W)."""
        return self.truth != IGNORE_INDEX

    @cached_property
    def wrong(self) -> Tensor:
        """Pixels whose prediction is not the truth, bool (N, H, W)."""
        return self.prediction != self.truth

    def score(self, judge: str) -> Tensor:
        """How likely ``judge`` finds each pixel wrong, (N, H, W)."""
        if judge not in self.wrong_by:
            raise unknown_name("judge", judge, self.wrong_by)
        return self.wrong_by[judge]

    def rejected(self, judge: str, cut: float = CUT) -> Tensor:
        """Pixels that ``judge`` finds wrong with a probability above ``cut``, bool (N, H, W)."""
        return self.score(judge) > cut

    def at(self, judge: str, cut: float = CUT, positive: Positive = "wrong") -> tuple[float, float, float]:
        """Precision, recall and F1 at one cut, all valid pixels together; NaN where a score is not defined."""
        counts = localization_counts(self.rejected(judge, cut), self.wrong, self.valid).sum(0)
        precision, recall, f1 = localization_scores(counts, positive).tolist()
        return precision, recall, f1

    def kept(self, judge: str, cut: float = CUT) -> tuple[float, float]:
        """Share of the valid pixels that are kept, and the share of these that are right (NaN where none is kept)."""
        counts = localization_counts(self.rejected(judge, cut), self.wrong, self.valid).sum(0).double()
        accepted = counts[2:].sum()
        return float(accepted / counts.sum()), float(counts[3] / accepted)

    def curve(self, judge: str, positive: Positive = "wrong") -> Curve:
        """Precision and recall of ``judge`` over all cuts."""
        sweep = ThresholdSweep(torch.linspace(0, 1, 1001).tolist())
        sweep.update(self.score(judge), self.wrong, self.valid)
        return sweep.curve(positive)

    def best_cut(self, judge: str) -> tuple[float, float]:
        """The cut with the highest F1 of "wrong", which nobody knows without the truth, and that F1."""
        return self.curve(judge).best()
