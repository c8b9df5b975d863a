"""Graders of notebook 15: windows of a pyramid, phases, cosine attention, overlaps, pairs of tokens, AP."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from udalib.metrics.detection import ImageBoxes, Protocol, evaluate
from udalib.models.cfpt.attention import cosine_attention
from udalib.models.cfpt.partition import Window, channel_reconstruct, spatial_partition, spatial_reverse, windows
from udalib.teach.check import exercise, require, require_close, require_function


@exercise("15.1", "write csa_windows(levels, overlap): (size, stride, padding) of CSA on each level, finest first.")
def _windows(answer: Any) -> str:
    require_function(answer)
    got = [tuple(int(v) for v in each) for each in answer(4, 1)]
    want = [(w.size, w.stride, w.padding) for w in windows(4, 2, 1)]
    require(len(got) == 4 and all(len(each) == 3 for each in got), "one (size, stride, padding) a level.")
    require(got != want[::-1], "that is the coarsest level first; begin with the finest.")
    require(got[3] != (2, 1, 1), "the coarsest window is the overlap alone: one cell, which needs no neighbour.")
    require([g[:2] for g in got] == [w[:2] for w in want], f"sizes and strides are {[w[:2] for w in want]}, got {got}.")
    require(got == want, f"the padding is (size - stride) / 2, rounded up: {[w[2] for w in want]}, got {got}.")
    for levels, overlap in ((3, 1), (4, 3)):
        want = [(w.size, w.stride, w.padding) for w in windows(levels, 2, overlap)]
        got = [tuple(int(v) for v in each) for each in answer(levels, overlap)]
        require(got == want, f"{levels} levels, overlap {overlap}: {want}, got {got}.")
    return "81 + 25 + 9 + 1 = 116 tokens, whatever the size of the picture."


@exercise("15.2", "write phases(x, u): maps (C, H, W) to (C u u, H / u, W / u), the phases of a channel together.")
def _phases(answer: Any) -> str:
    require_function(answer)
    x = torch.arange(2 * 4 * 6, dtype=torch.float32).view(2, 4, 6)
    got, want = torch.as_tensor(answer(x, 2)), channel_reconstruct(x[None], 2)[0]
    require(got.shape == want.shape, f"2 channels of 4 x 6 become {tuple(want.shape)}, got {tuple(got.shape)}.")
    require(not torch.equal(got, x.reshape(want.shape)), "a reshape keeps neighbours together; take every second cell.")
    others = want.view(2, 4, 2, 3).transpose(0, 1).reshape(want.shape)
    require(not torch.equal(got, others), "all phases of channel 0 come first: index c u u + dy u + dx.")
    swapped = want.view(2, 2, 2, 2, 3).transpose(1, 2).reshape(want.shape)
    require(not torch.equal(got, swapped), "dx runs fastest: first along a row, then down.")
    require(torch.equal(got, want), "channel c u u + dy u + dx holds x[c, dy::u, dx::u].")
    return "nothing is lost and nothing is averaged: a small object keeps every pixel it has."


@exercise("15.3", "write attend(q, k, v, bias): tokens (T, D), bias (T, T), as CFPT attends.")
def _attention(answer: Any) -> str:
    require_function(answer)
    random = torch.Generator().manual_seed(0)
    q, k, v = (3 * torch.randn(5, 4, generator=random) for _ in range(3))
    bias = torch.randn(5, 5, generator=random)
    got, want = torch.as_tensor(answer(q, k, v, bias)), cosine_attention(q, k, v, bias)
    cosines = F.normalize(q, dim=-1) @ F.normalize(k, dim=-1).T
    wrong = {
        "q and k are scaled to length 1 first: the logits are cosines.": (q @ k.T + bias).softmax(-1) @ v,
        "no scaling by the square root of D beside the unit length.": (q @ k.T / 2 + bias).softmax(-1) @ v,
        "cosines are not divided by anything: there is no temperature.": (cosines / 2 + bias).softmax(-1) @ v,
        "the bias is part of the logits, before the soft-max.": (cosines.softmax(-1) + bias) @ v,
        "the positions are missing: add the bias to the cosines.": cosines.softmax(-1) @ v,
        "the soft-max runs over the keys, the last axis.": (cosines + bias).softmax(0) @ v,
    }
    for hint, value in wrong.items():
        require(not _alike(got, value), hint)
    require(_alike(got, want), "softmax over the keys of (cosine + bias), times v.")
    return "without a bias no token can get more than e^2 = 7.4 times the weight of another."


def _alike(got: Tensor, want: Tensor) -> bool:
    return got.shape == want.shape and bool(torch.allclose(got.float(), want.float(), atol=1e-5))


@exercise("15.4", "write holders(n, size, stride, padding): how many of n windows hold each of the n * stride cells.")
def _holders(answer: Any) -> str:
    require_function(answer)
    for n, size, stride, padding in ((4, 3, 2, 1), (3, 5, 4, 1), (5, 1, 1, 0)):
        ones = torch.ones(1, 1, n * stride, n * stride)
        window = Window(size, stride, padding)
        square = spatial_reverse(spatial_partition(ones, window), window, (n * stride, n * stride))[0, 0]
        want = square.diagonal().sqrt().round().int().tolist()
        got = [int(v) for v in answer(n, size, stride, padding)]
        where = f"{n} windows of {size}, stride {stride}, padding {padding}"
        require(len(got) == n * stride, f"{where}: one number for each of {n * stride} cells, got {len(got)}.")
        unpadded = [sum(i * stride <= cell < i * stride + size for i in range(n)) for cell in range(n * stride)]
        require(got != unpadded or got == want, "window i begins at i * stride - padding, not at i * stride.")
        require(got == want, f"{where}: {want}, got {got}.")
    return "fold adds them all up, so a cell that two windows hold gets twice as much: 4 in a corner of the plane."


@exercise("15.5", "write pairs(h, w): (CSA's, all-to-all) pairs of tokens, 4 levels, the coarsest h x w, beta 1.")
def _pairs(answer: Any) -> str:
    require_function(answer)
    group = sum(w.size**2 for w in windows(4, 2, 1))
    for h, w in ((2, 4), (13, 21)):
        cells = h * w * (1 + 4 + 16 + 64)
        want = (h * w * group**2, cells**2)
        got = tuple(int(v) for v in answer(h, w))
        require(len(got) == 2, f"two numbers, got {len(got)}.")
        require(got[0] != h * w * 85**2, "windows overlap: a group has 81 + 25 + 9 + 1 = 116 tokens, not 85.")
        require(got[0] != group**2, "116 x 116 is ONE group; there is one for each of the h w coarsest cells.")
        require(got[1] != (h * w * 64) ** 2, "all tokens of ALL levels: 64 + 16 + 4 + 1 for each coarsest cell.")
        require(got == want, f"a coarsest level of {h} x {w}: {want}, got {got}.")
    return "at 13 x 21 (a picture of 832 x 1344) the ratio is 147 to 1, and it grows with the picture."


@exercise("15.6", "write average_precision(hits, total): COCO's, of hits (best first) and the number of boxes.")
def _average_precision(answer: Any) -> str:
    require_function(answer)
    hits, total = np.array([1, 0, 1, 1, 0, 0, 1, 0], dtype=bool), 6
    got, right = float(answer(hits, total)), np.cumsum(hits)
    precision, recall = right / np.arange(1, len(hits) + 1), right / total
    best = np.maximum.accumulate(precision[::-1])[::-1]
    grid = np.linspace(0, 1, 101)
    wrong = {
        "recall is hits / total boxes: two of the six are never found.": _at(grid, right / right[-1], best),
        "precision counts as the BEST at this recall or a higher one.": _at(grid, recall, precision),
        "a recall that is never reached counts as 0; divide by all 101 points.": best[
            np.searchsorted(recall, grid[grid <= recall[-1]])
        ].mean(),
        "that is 11 points; COCO has 101 recalls, 0, 0.01, ... 1.": _at(np.linspace(0, 1, 11), recall, best),
        "that is the mean precision at the hits; COCO samples 101 recalls.": precision[hits].sum() / total,
    }
    for hint, value in wrong.items():
        require(abs(got - float(value)) > 1e-6, hint)
    require_close(got, _official(hits, total), "the average precision", 1e-6)
    require_close(answer(np.zeros(3, dtype=bool), 2), 0.0, "the average precision without a hit", 1e-6)
    return "what is below the last hit costs nothing, so a threshold can only lower it."


def _at(grid: Any, recall: Any, precision: Any) -> float:
    place = np.searchsorted(recall, grid, side="left")
    return float(np.where(place < len(recall), precision[np.minimum(place, len(recall) - 1)], 0).mean())


def _official(hits: Any, total: int) -> float:
    """The library's answer: hits lie on a box of their own, the rest nowhere."""
    truth = np.array([[20.0 * i, 0, 20.0 * i + 10, 10] for i in range(total)])
    rank = np.cumsum(hits) - 1
    found = np.array([truth[rank[i]] if hit else [0, 500.0, 10, 510] for i, hit in enumerate(hits)])
    scores = np.linspace(1, 0.1, len(hits))
    image = ImageBoxes(truth, np.zeros(total, int), found, np.zeros(len(hits), int), scores)
    return evaluate([image], 1, Protocol((0.5,), (("all", 0, 1e10),), (100,))).mean()
