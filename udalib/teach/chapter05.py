"""Graders of notebook 05: rare classes, crops that show them, feature distance, warm-up, absent classes."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor

from udalib.analysis.rare_classes import iterations_until
from udalib.engine.optim.schedules import WarmupPoly
from udalib.ops.feature_distance import feature_distance, thing_mask
from udalib.teach.check import exercise, require, require_close, require_function


@exercise(
    "05.1",
    "write iterations_until_seen(chance, batch, certainty): iterations after which a class drawn with that chance an "
    "image was in at least one of them with that certainty.",
)
def _iterations_until_seen(answer: Any) -> str:
    require_function(answer)
    one = float(answer(0.01, 1, 0.95))
    require(one > 100, "UNSEEN after n images has the probability (1 - p)^n; that must fall to 1 - certainty.")
    require(one == round(one), f"whole iterations, rounded up; got {one:.4g}.")
    require_close(one, 299, "iterations until a class of 1 % is 95 % sure to be seen, one image an iteration,", 0)
    require_close(answer(0.01, 2, 0.95), 150, "the same with two images an iteration: half as many, rounded up,", 0)
    for chance, batch, certainty in ((0.3, 8, 0.95), (0.002, 8, 0.99), (0.9, 1, 0.5)):
        want = iterations_until(chance, batch, certainty)
        require_close(answer(chance, batch, certainty), want, f"iterations for {chance}, {batch}, {certainty}", 0)
    return "one image in a thousand, two an iteration: 1498 iterations until a class is 95 % sure to be seen ONCE."


@exercise("05.2", "write accepted_crop(pixels, min_pixels, ratio): place in the list of the crop that is trained on.")
def _accepted_crop(answer: Any) -> str:
    require_function(answer)
    require_close(answer([1800, 5000], 3000, 0.5), 0, "the first crop will do if it has enough: the place", 0)
    require(
        int(answer([0, 1500, 1600], 3000, 0.5)) != 1,
        "MORE than min_pixels * ratio: a crop with exactly 1500 is not it.",
    )
    require_close(answer([0, 1500, 1600, 9000], 3000, 0.5), 2, "the place of the first with more than 1500", 0)
    none = int(answer([0] * 20, 3000, 0.5))
    require(none != 19, "not as often as it takes: after ten new crops the last one is taken, whatever it shows.")
    require_close(none, 10, "one crop and ten more, and the last of these is kept: the place", 0)
    require_close(
        answer([0] * 10 + [9000], 3000, 0.5), 10, "the tenth new crop may still be the right one: the place", 0
    )
    require_close(answer([10, 700, 9000], 1000, 0.6), 1, "with 1000 and 0.6, more than 600: the place", 0)
    return "so rare class sampling promises nothing: a class in a corner is missed eleven times, and trained without."


@exercise(
    "05.3",
    "write thing_positions(label, scale, things, min_ratio): bool (H / scale, W / scale), label (H, W), 255 = ignore.",
)
def _thing_positions(answer: Any) -> str:
    require_function(answer)
    label = torch.tensor(
        [
            [13, 13, 11, 11, 13, 255, 0, 0],
            [13, 0, 13, 13, 255, 255, 0, 13],
            [2, 2, 18, 18, 13, 13, 13, 13],
            [2, 2, 18, 18, 13, 13, 13, 255],
        ]
    )
    got = torch.as_tensor(answer(label, 2, (11, 13, 18), 0.75))
    require(tuple(got.shape) == (2, 4), f"one value a block: (2, 4), got {tuple(got.shape)}.")
    require(bool(got[0, 0]), "three of four pixels are exactly 0.75, and that is enough: >=.")
    require(not bool(got[0, 1]), "ONE class must cover the block: half person and half car is no thing's block.")
    require(not bool(got[0, 2]), "ignored pixels count in the block's size: one car pixel beside three of 255 is 1/4.")
    require(not bool(got[0, 3] | got[1, 0]), "road and building are no things, however much they cover.")
    require(
        _same(got, _things(label, 0.75)), "the second row from its second block on shows things: bicycle, car, car."
    )
    half = torch.as_tensor(answer(label, 2, (11, 13, 18), 0.5))
    require(_same(half, _things(label, 0.5)), "with min_ratio 0.5 the half blocks of the first row count as well.")
    return "at stride 32 a person must be large to count at all: the distance guards what fills whole blocks."


@exercise(
    "05.4", "write thing_distance(f, F, mask): mean L2 distance over channels at mask; f, F (B, C, h, w), mask bool."
)
def _thing_distance(answer: Any) -> str:
    require_function(answer)
    f, reference = torch.zeros(2, 2, 1, 2), torch.zeros(2, 2, 1, 2)
    f[0, :, 0, 0], f[1, :, 0, 1], f[1, :, 0, 0] = torch.tensor([3.0, 4.0]), torch.tensor([0.0, 2.0]), 9.0
    mask = torch.tensor([[[True, True]], [[False, True]]])
    got = float(answer(f, reference, mask))
    mistakes = {
        29 / 3: "the distance is not squared: the square root of the sum over channels.",
        9 / 3: "L2 over the channels, not the sum of absolute differences.",
        (5 + 2 + math.sqrt(162)) / 4: "only positions of the mask count.",
        2.25: "one mean over all masked positions of the batch, not one an image.",
        7 / 4: "divide by the positions of the mask (3), not by all (4).",
    }
    for value, hint in mistakes.items():
        require(abs(got - value) > 1e-4, hint)
    require_close(got, float(feature_distance(f, reference, mask)), "three positions, (5 + 0 + 2) / 3: the distance")
    empty = float(answer(f, reference, torch.zeros_like(mask)))
    require(not math.isnan(empty), "no thing in the batch: the mean of nothing is NaN. Return 0.")
    require_close(empty, 0.0, "the distance without any thing")
    return "the published code logs NaN for a batch without things, to the worry of many; its gradient is zero, too."


@exercise("05.5", "write learning_rate(t, base, total, warmup, ratio): DAFormer's, power 1, linear warm-up.")
def _learning_rate(answer: Any) -> str:
    require_function(answer)
    setting = (6e-5, 40000, 1500, 1e-6)
    peak = float(answer(1500, *setting))
    require(abs(peak - 6e-5) > 1e-9, "the warm-up multiplies the rate that decays ALREADY; at its end 1500 have gone.")
    require_close(peak, 5.775e-5, "the rate at t = 1500", 1e-9)
    start = float(answer(0, *setting))
    require(start > 0, "at t = 0 the factor is the ratio, 1e-6, not 0.")
    require_close(start, 6e-11, "the rate at t = 0", 1e-13)
    require(
        abs(float(answer(49, *setting)) - 49 / 1500 * 6e-5) > 1e-10,
        "close: both factors count during the warm-up, the decay as well.",
    )
    schedule = WarmupPoly(40000)
    for t in (49, 750, 1499, 20000, 40000):
        require_close(answer(t, *setting), schedule(6e-5, t), f"the rate at t = {t}", 1e-10)
    return "lr(49) = 1.958e-06, which the published training prints as 'Iter 50'."


@exercise("05.6", "write miou16(iou): from 19 IoUs by train id, the mean without terrain (9), truck (14), train (16).")
def _miou16(answer: Any) -> str:
    require_function(answer)
    iou = np.arange(19, dtype=float) + 10
    iou[[9, 14, 16]] = 0.0
    iou[12] = 0.0  # a rider that the network never finds: a true zero
    got, want = float(answer(iou)), float(iou.sum() / 16)
    require(abs(got - iou.mean()) > 1e-4, "that is the mean over 19: three classes that SYNTHIA does not have score 0.")
    require(
        abs(got - iou.sum() / 15) > 1e-4, "leave classes out by their id, not because they score 0: rider counts here."
    )
    require_close(got, want, "the mean over the 16 classes of SYNTHIA", 1e-4)
    iou[14] = 57.0
    require_close(answer(iou), want, "a score of truck must not count at all; the mean", 1e-4)
    return (
        "with zeros in the three, mIoU16 = mIoU19 x 19 / 16; who forgets it thinks that 51 misses 60.9 by ten points."
    )


def _things(label: Tensor, min_ratio: float) -> Tensor:
    height, width = label.shape
    return thing_mask(label[None], (height // 2, width // 2), (11, 13, 18), min_ratio)[0]


def _same(got: Tensor, want: Tensor) -> bool:
    return tuple(got.shape) == tuple(want.shape) and bool((got == want).all())
