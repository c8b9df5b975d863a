"""How well the wrong pixels of a segmentation are found: precision, recall and F1 an image and overall, and a sweep.

The published table (Kwon & Kwak, CVPR 2022) averages over images; which of the two, wrong or correct pixels, is its
positive class is not stated in our source (eln sheet, section 5), so both are reported.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor

from udalib.core.errors import ConfigError

Positive = Literal["wrong", "correct"]
POSITIVES: tuple[Positive, ...] = ("wrong", "correct")
SCORES = ("precision", "recall", "f1")


def localization_counts(rejected: Tensor, wrong: Tensor, valid: Tensor | None = None) -> Tensor:
    """Count each image's pixels by truth and verdict.

    Args:
        rejected: bool (B, H, W), where a pixel was taken to be wrong.
        wrong: bool (B, H, W), where it is.
        valid: bool (B, H, W), which pixels count; None = all.

    Returns:
        int64 (B, 4): wrong and rejected, right and rejected, wrong and accepted, right and accepted; on the device.

    Raises:
        ConfigError: the shapes differ.
    """
    _check_shapes(rejected, wrong, valid)
    cells = (wrong & rejected, ~wrong & rejected, wrong & ~rejected, ~wrong & ~rejected)
    counted = cells if valid is None else tuple(cell & valid for cell in cells)
    return torch.stack([cell.flatten(1).sum(1) for cell in counted], dim=1)


def localization_scores(counts: Tensor, positive: Positive = "wrong") -> Tensor:
    """Precision, recall and F1 of ``counts`` (..., 4), see :func:`localization_counts`: float64 (..., 3) in [0, 1].

    NaN where a score is not defined: the precision of what finds nothing, the recall of what is not there, F1 where
    both hold.
    """
    if positive not in POSITIVES:
        raise ConfigError(f"positive is {positive!r}; choose wrong or correct.")
    hits_wrong, alarms, misses, hits_right = counts.double().unbind(-1)
    hits, false, missed = (hits_wrong, alarms, misses) if positive == "wrong" else (hits_right, misses, alarms)
    f1 = 2 * hits / (2 * hits + false + missed)
    return torch.stack([hits / (hits + false), hits / (hits + missed), f1], dim=-1)


class ErrorLocalization:
    """Error localisation scores accumulated over batches; counts stay on the device until :meth:`scores`.

    >>> rejected, wrong = torch.tensor([[[True, True, False]]]), torch.tensor([[[True, False, False]]])
    >>> found = ErrorLocalization()
    >>> found.update(rejected, wrong)
    >>> found.scores()["wrong"]["per_image"]["precision"], found.scores()["correct"]["overall"]["recall"]
    (0.5, 0.5)
    """

    def __init__(self) -> None:
        self.counts: list[Tensor] = []

    def update(self, rejected: Tensor, wrong: Tensor, valid: Tensor | None = None) -> None:
        """Add one batch; arguments as in :func:`localization_counts`."""
        self.counts.append(localization_counts(rejected, wrong, valid))

    def scores(self) -> dict[str, Any]:
        """For "wrong" and "correct" as the positive class, ``per_image`` and ``overall`` precision, recall and f1.

        Per image: the mean over the images for which the score is defined. None where it is for none. ``images``,
        ``wrong_share`` and ``rejected_share`` (of the valid pixels) say what was looked at.
        """
        counts = torch.cat(self.counts).cpu() if self.counts else torch.zeros(0, 4, dtype=torch.int64)
        total = counts.sum(0)
        found: dict[str, Any] = {"images": len(counts)}
        found["wrong_share"], found["rejected_share"] = (_value((total[0] + total[k]) / total.sum()) for k in (2, 1))
        for positive in POSITIVES:
            each = localization_scores(counts, positive).nanmean(0)
            overall = localization_scores(total, positive)
            both = {"per_image": each, "overall": overall}
            found[positive] = {k: dict(zip(SCORES, map(_value, v), strict=True)) for k, v in both.items()}
        return found


class Curve(NamedTuple):
    """Scores over thresholds, each float64 (T,); NaN where they are not defined.

    Attributes:
        thresholds: ascending.
        precision: of the pixels whose score exceeds the threshold (or, for "correct", does not).
        recall: share of the positive pixels among them.
        f1: of both.
        average_precision: area under precision over recall, by steps; NaN if nothing is positive.
    """

    thresholds: Tensor
    precision: Tensor
    recall: Tensor
    f1: Tensor
    average_precision: float

    def best(self) -> tuple[float, float]:
        """The threshold with the highest F1, and that F1; (NaN, NaN) where it is not defined anywhere."""
        if bool(self.f1.isnan().all()):
            return math.nan, math.nan
        place = int(self.f1.nan_to_num(-1.0).argmax())
        return float(self.thresholds[place]), float(self.f1[place])


class ThresholdSweep:
    """Precision and recall for many thresholds on "how likely is this pixel wrong", all pixels counted together.

    Args:
        thresholds: ascending numbers; a pixel is rejected where its score is greater. Default: 0, 0.005, ... 1.

    Raises:
        ConfigError: thresholds that do not ascend.
    """

    def __init__(self, thresholds: Sequence[float] | None = None) -> None:
        self.thresholds = torch.linspace(0, 1, 201) if thresholds is None else torch.tensor(thresholds)
        if len(self.thresholds) == 0 or bool((self.thresholds.diff() <= 0).any()):
            raise ConfigError("thresholds must be ascending numbers, at least one.")
        self.histogram = torch.zeros(2, len(self.thresholds) + 1, dtype=torch.int64)

    def update(self, score: Tensor, wrong: Tensor, valid: Tensor | None = None) -> None:
        """Add pixels: ``score`` float, ``wrong`` and ``valid`` bool, all of one shape and on one device.

        Raises:
            ConfigError: the shapes differ.
        """
        _check_shapes(score, wrong, valid)
        below = torch.bucketize(score.float(), self.thresholds.to(score.device))  # number of thresholds < score
        bins = self.histogram.shape[1]
        cell = below + bins * wrong.long()
        cell = cell if valid is None else torch.where(valid, cell, 2 * bins)
        counts = torch.bincount(cell.flatten(), minlength=2 * bins + 1)[: 2 * bins]
        self.histogram = self.histogram + counts.view(2, bins).cpu()

    def counts(self) -> Tensor:
        """Counts at each threshold, int64 (T, 4), columns as in :func:`localization_counts`."""
        above = self.histogram.flip(1).cumsum(1).flip(1)[:, 1:]
        total = self.histogram.sum(1, keepdim=True)
        accepted = total - above
        return torch.stack([above[1], above[0], accepted[1], accepted[0]], dim=1)

    def curve(self, positive: Positive = "wrong") -> Curve:
        """Precision and recall at each threshold."""
        counts = self.counts()
        precision, recall, f1 = localization_scores(counts, positive).unbind(1)
        chosen = counts[:, :2] if positive == "wrong" else counts[:, 2:]
        order = chosen.sum(1).argsort()  # from few pixels to many
        steps = torch.cat([recall.new_zeros(1), recall[order]]).diff()
        area = float((steps * precision[order].nan_to_num(0.0)).sum())
        return Curve(self.thresholds, precision, recall, f1, math.nan if bool(recall.isnan().all()) else area)


def _check_shapes(first: Tensor, wrong: Tensor, valid: Tensor | None) -> None:
    shapes = [tuple(x.shape) for x in (first, wrong, valid) if x is not None]
    if len(set(shapes)) > 1:
        raise ConfigError(f"verdicts, truth and valid pixels have different shapes: {shapes}; resize them to one.")


def _value(x: Tensor) -> float | None:
    number = float(x)
    return None if math.isnan(number) else number
