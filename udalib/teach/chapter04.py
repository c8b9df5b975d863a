"""Graders of notebook 04: the teacher's memory, confidence, mixing, and the published jitter."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from udalib.core.types import IGNORE_INDEX
from udalib.ops import choose_half, class_mask, ema_decay, present_classes
from udalib.ops.photometric import add_brightness, scale_contrast
from udalib.teach.check import exercise, require, require_close, require_function


@exercise(
    "04.1", "write student_shares(t, alpha): weights of the students 0 .. t in the teacher after the update of step t."
)
def _student_shares(answer: Any) -> str:
    require_function(answer)
    require(len(answer(3, 0.99)) == 4, "one weight for each of the students 0 .. t: t + 1 numbers.")
    shares = np.asarray(answer(3, 0.99), dtype=float)
    require(
        abs(shares.sum() - 1) < 1e-6, f"the weights add up to 1, whatever t and alpha; yours to {shares.sum():.4g}."
    )
    require(
        not np.allclose(shares, [0.99**3, 0.99**2 * 0.01, 0.99 * 0.01, 0.01]),
        "alpha is only the cap: in step k the old teacher keeps min(1 - 1 / (k + 1), alpha).",
    )
    require(not np.allclose(shares, [1, 0, 0, 0]), "the newest student must count: it enters with 1 - a(t).")
    require(np.allclose(shares, 0.25), f"after four students and before the cap all count alike, 1/4; got {shares}.")
    late = np.asarray(answer(40, 0.9), dtype=float)
    require(
        np.allclose(late, _shares(40, 0.9)), "check t = 40, alpha = 0.9: from t = 9 on the oldest fade by 0.9 a step."
    )
    return "a plain mean until the cap, an exponential one after it; student 0, the untrained one, never quite leaves."


@exercise("04.2", "write class_mix_mask(label, priority): bool (H, W), half of the label's classes, 255 never.")
def _class_mix_mask(answer: Any) -> str:
    require_function(answer)
    label = torch.tensor([[0, 1, 2], [5, 255, 255], [2, 2, 0]])
    priority = torch.full((256,), 0.5)
    priority[[0, 1, 2, 5, 255]] = torch.tensor([0.7, 0.1, 0.2, 0.9, 0.0])
    got = torch.as_tensor(answer(label, priority))
    require(tuple(got.shape) == (3, 3), f"one value a pixel: (3, 3), got {tuple(got.shape)}.")
    require(not bool(got[1, 1]), "255 means that nobody labelled the pixel; it is no class to paste.")
    require(bool((got == _mask(label, priority)).all()), "take the classes of the LOWEST priority, here 1 and 2.")
    odd = label.masked_fill(label == 5, 1)
    message = "three classes: half of them, rounded up, are two (here 1 and 2)."
    require(bool((torch.as_tensor(answer(odd, priority)) == _mask(odd, priority)).all()), message)
    return "whole objects with their own borders, so the mixed picture has no cut through a car."


@exercise("04.3", "write pseudo_weight(confidence, threshold): what each pixel of confidence (B, H, W) weighs in DACS.")
def _pseudo_weight(answer: Any) -> str:
    require_function(answer)
    confidence = torch.tensor([[[0.99, 0.97], [0.98, 0.968]], [[0.5, 0.99], [0.1, 0.2]]])
    got = torch.as_tensor(answer(confidence, 0.968))
    require(
        tuple(got.shape) == (2, 2, 2), f"one weight for each pixel of the batch: (2, 2, 2), got {tuple(got.shape)}."
    )
    require(
        not _close(got, (confidence >= 0.968).float()),
        "DACS drops no pixel: the share of sure pixels is the weight of ALL of them.",
    )
    each = (confidence >= 0.968).float().mean((1, 2), keepdim=True).expand_as(confidence)
    require(not _close(got, each), "the share is that of the whole batch, one number, not one an image.")
    require(not _close(got, torch.full_like(got, 0.5)), "a pixel AT the threshold counts as sure: >=.")
    require(_close(got, torch.full_like(got, 0.625)), "5 of 8 pixels are at least 0.968 sure: 0.625 everywhere.")
    return "unsure early in training, the target hardly counts; the weight grows with the teacher's confidence."


@exercise("04.4", "write mixed_loss(losses, label, mask, q): the published mean of the mixed batch; all are (B, H, W).")
def _mixed_loss(answer: Any) -> str:
    require_function(answer)
    losses = torch.tensor([[[1.0, 2.0], [3.0, 4.0]]])
    label = torch.tensor([[[0, 1], [IGNORE_INDEX, 2]]])
    mask = torch.tensor([[[True, False], [True, False]]])
    got = float(answer(losses, label, mask, 0.25))
    mistakes = {
        2.5 / 3: "the mean is over ALL pixels of the batch, the ignored one too: divide by 4.",
        2.5 / 1.5: "the mean is over ALL pixels of the batch, whatever they weigh: divide by 4.",
        5.5 / 4: "the pixel with label 255 must add nothing.",
        6.25 / 4: "turned round: pixels of the source (mask true) weigh 1, the others q.",
        1 / 4: "target pixels count too, with the weight q.",
    }
    for value, hint in mistakes.items():
        require(abs(got - value) > 1e-6, hint)
    require_close(got, 0.625, "the loss for q = 0.25, (1 + q 2 + 0 + q 4) / 4,")
    return "with q near 0 this is a small source loss; no other divisor makes it grow back."


@exercise("04.5", "write dacs_jitter(image, brightness, contrast): kornia 0.5.8, brightness first, image in [0, 1].")
def _dacs_jitter(answer: Any) -> str:
    require_function(answer)
    image = torch.tensor([0.2, 0.5, 0.95]).view(1, 1, 3).expand(3, 1, 3)
    got = torch.as_tensor(answer(image, 1.2, 1.0))
    require(tuple(got.shape) == (3, 1, 3), f"the image keeps its shape (3, 1, 3); got {tuple(got.shape)}.")
    require(
        not _close(got, (image * 1.2).clamp(0, 1)),
        "brightness ADDS factor - 1 here; elsewhere it multiplies.",
    )
    require(bool((got <= 1).all()), "clamp to [0, 1] after each step.")
    require(_close(got, add_brightness(image, 1.2)), "brightness 1.2 adds 0.2 to every channel, then clamps.")
    darker = torch.as_tensor(answer(image, 1.0, 0.8))
    mean = image.mean()
    require(not _close(darker, mean + 0.8 * (image - mean)), "contrast MULTIPLIES here; no mean stays where it was.")
    require(_close(darker, scale_contrast(image, 0.8)), "contrast 0.8 multiplies every channel by 0.8, then clamps.")
    both = torch.as_tensor(answer(image, 1.2, 0.8))
    message = "brightness first, and a clamp after each of the two: 0.95 becomes 1, then 0.8."
    require(_close(both, scale_contrast(add_brightness(image, 1.2), 0.8)), message)
    return "a 'contrast' of this kind is a brightness by another name: the same numbers mean another jitter elsewhere."


@exercise("04.6", "write calibration_error(confidence, right, bins): the ECE of flat arrays, equal bins over [0, 1].")
def _calibration_error(answer: Any) -> str:
    require_function(answer)
    sure, right = np.asarray([0.95, 0.95, 0.95, 0.95, 0.55, 0.55]), np.asarray([1, 1, 0, 0, 1, 0], dtype=bool)
    got = float(answer(sure, right, 10))
    require(abs(got - 0.25) > 1e-6, "bins count by their pixels: 4 of 6 lie in the upper one, so it weighs 4/6.")
    require(got >= 0, "a bin's error is the ABSOLUTE difference, or over- and under-confidence would cancel.")
    require_close(got, (4 * 0.45 + 2 * 0.05) / 6, "the ECE of four pixels at 0.95 (half right) and two at 0.55 (half)")
    mixed = np.asarray([0.95, 0.05]), np.asarray([False, True])
    require_close(answer(*mixed, 10), 0.95, "the ECE of one sure wrong pixel and one unsure right pixel")
    require_close(
        answer(np.asarray([1.0]), np.asarray([True]), 10), 0.0, "confidence 1 belongs to the last bin; the ECE"
    )
    return "a threshold on the confidence promises that much accuracy only where this is small."


def _shares(t: int, alpha: float) -> np.ndarray[Any, np.dtype[np.float64]]:
    shares = np.zeros(t + 1)
    for step in range(t + 1):
        shares *= ema_decay(step, alpha)
        shares[step] += 1 - ema_decay(step, alpha)
    return shares


def _mask(label: Tensor, priority: Tensor) -> Tensor:
    present = present_classes(label[None])
    present[:, IGNORE_INDEX] = False
    return class_mask(label[None], choose_half(present, priority[None]))[0]


def _close(got: Tensor, want: Tensor) -> bool:
    return tuple(got.shape) == tuple(want.shape) and bool(torch.allclose(got.float(), want, atol=1e-5))
