"""Graders of notebook 12: carried labels, resized flow, trust over time, agreement of frames, mixed flow."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from udalib.core.types import IGNORE_INDEX
from udalib.teach.check import exercise, require, require_close, require_function


@exercise("12.1", "write carried(label, backward, forward, beta): the earlier label on the later grid, 255 if hidden.")
def _carried(answer: Any) -> str:
    require_function(answer)
    label = torch.tensor([[0, 1, 2, 3], [4, 5, 6, 7]])
    right, back = _flow(2, 4, u=1), _flow(2, 4, u=-1)
    rows = _answered(answer, label, right, back)
    require(rows != [[IGNORE_INDEX, 0, 1, 2], [IGNORE_INDEX, 4, 5, 6]], "read at x + u; x - u is the other way round.")
    require(rows[0][:3] != [4, 5, 6], "channel 0 is u, along the row; channel 1 is v, down the column.")
    require(
        rows[0][3] == IGNORE_INDEX, "at the right border the flow leaves the frame: nothing can be read there, 255."
    )
    require(
        rows == [[1, 2, 3, 255], [5, 6, 7, 255]], f"with u = 1 everywhere the row 0 1 2 3 becomes 1 2 3 255; {rows}."
    )
    down, up = _flow(2, 4, v=1), _flow(2, 4, v=-1)
    rows = _answered(answer, label, down, up)
    require(rows == [[4, 5, 6, 7], [255] * 4], f"v = 1 reads the row BELOW (rows grow downwards); got {rows}.")
    other = back.clone()
    other[0, 0, 2] = 4.0  # whoever reads there is sent on instead of back
    rows = _answered(answer, label, right, other)
    require(rows[0][2] != IGNORE_INDEX, "read the forward flow where the backward flow POINTS, not at the same place.")
    require(rows[0][1] == IGNORE_INDEX, "the way there and back must end near its beginning, else the pixel is hidden.")
    near = back.clone()
    near[0] = -0.5  # 0.5 pixels off, 0.25 squared
    loose = torch.as_tensor(answer(label, right, near, 0.3))[0, 0]
    require(int(loose) == 1, "beta is a tolerance in SQUARED pixels: a miss of 0.5 is 0.25, less than 0.3.")
    require(_answered(answer, label, right, near)[0][0] == IGNORE_INDEX, "a miss of 0.25 squared pixels is above 0.1.")
    return "the library's check allows longer flows a larger miss as well, alpha times their squared lengths."


@exercise("12.2", "write resized(flow, height, width): a flow (2, h, w) at another size, its vectors in new pixels.")
def _resized(answer: Any) -> str:
    require_function(answer)
    got = torch.as_tensor(answer(_flow(4, 4, u=3, v=5), 8, 16)).float()
    require(tuple(got.shape) == (2, 8, 16), f"the flow becomes (2, 8, 16); got {tuple(got.shape)}.")
    u, v = (float(x) for x in got.mean((1, 2)))
    require((u, v) != (3.0, 5.0), "vectors are lengths in pixels: where the pixels become smaller, they become longer.")
    require(
        u != 6.0, "u goes with the WIDTH (here 4 times), v with the height; one factor for both is the published slip."
    )
    require_close(u, 12.0, "u")
    require_close(v, 10.0, "v")
    ramp = torch.stack([torch.arange(4.0).expand(4, 4), torch.zeros(4, 4)])
    wide = torch.as_tensor(answer(ramp, 4, 8)).float()[0, 0]
    require(bool((wide[1:] >= wide[:-1] - 1e-5).all()), "a flow that grows to the right still does when it is larger.")
    return "the official code scales u by the ratio of the heights too: right where both ratios are alike."


@exercise("12.3", "write weights(entropies): of each temporal pair, summing to 1, more for the surer one.")
def _weights(answer: Any) -> str:
    require_function(answer)
    entropies = torch.tensor([0.2, 0.7, 0.4])
    got = torch.as_tensor(answer(entropies)).float()
    require(tuple(got.shape) == (3,), f"one weight a pair, three here; got shape {tuple(got.shape)}.")
    require_close(got.sum(), 1.0, "the sum of the weights")
    require(not _near(got, entropies.softmax(0)), "this trusts the UNSURE pair: the published sign. Turn it round.")
    require(
        not _near(got, torch.full((3,), 1 / 3)), "equal weights are what the published code runs; trust the sure one."
    )
    require(_near(got, (-entropies).softmax(0)), "the soft-max of minus the entropies.")
    close = torch.as_tensor(answer(torch.tensor([0.0, 1 / 19]))).float()
    want = 1 / (1 + math.exp(-1 / 19))
    require_close(close[0], want, "the weight of a wholly sure map beside a wholly unsure one of 19 classes")
    return "0.513 to 0.487 at the most: a mean over classes is small, so the sign matters less than one fears."


@exercise(
    "12.4", "write agreement(now, before, backward, seen): share of seen pixels that say what the frame before said."
)
def _agreement(answer: Any) -> str:
    require_function(answer)
    before = torch.tensor([[0, 1, 2, 3]])
    now, seen = torch.tensor([[1, 2, 0, 9]]), torch.tensor([[True, True, True, False]])
    got = answer(now, before, _flow(1, 4, u=1), seen)
    require(not _close(got, 0.0), "carry the labels along the flow first; same place is not same thing.")
    require(not _close(got, 0.5), "a pixel that the frame before did not show counts neither for nor against.")
    require_close(got, 2 / 3, "1 and 2 were there before, 0 was not: the share of seen pixels that agree")
    steady = torch.zeros(1, 4, dtype=torch.long)
    require_close(answer(steady, steady, _flow(1, 4, u=1), seen), 1.0, "a network that always says road")
    nothing = torch.zeros_like(seen)
    require(
        math.isnan(float(answer(now, before, _flow(1, 4, u=1), nothing))),
        "where nothing is seen there is no share: NaN.",
    )
    return "and who always says the same agrees with himself perfectly: never read it without the mIoU."


@exercise(
    "12.5", "write mixed_flow(top, below, mask_now, mask_before): flow (2, H, W) of a mixed clip to its frame before."
)
def _mixed_flow(answer: Any) -> str:
    require_function(answer)
    top, below = _flow(1, 5, u=2), _flow(1, 5, v=-1)
    now, before = torch.tensor([[0, 1, 1, 0, 0]]).bool(), torch.tensor([[1, 1, 0, 0, 0]]).bool()
    got = torch.as_tensor(answer(top, below, now, before)).float()
    require(tuple(got.shape) == (2, 1, 5), f"a flow (2, 1, 5); got {tuple(got.shape)}.")
    require(not torch.equal(got, torch.where(before, top, below)), "a flow lies on the grid of the CURRENT frame.")
    either = torch.where(now | before, top, below)
    require(not torch.equal(got, either), "where the template was before, the current frame shows what lies below.")
    require(
        not torch.equal(got, torch.where(now, below, top)), "inside the mask the TEMPLATE's flow, outside the other."
    )
    require(
        torch.equal(got, torch.where(now, top, below)), "inside the current mask the template's flow, else the other."
    )
    return "the published code takes the mask of the frame before: a rim of foreign flow around all that moves."


def _flow(height: int, width: int, u: float = 0, v: float = 0) -> Tensor:
    return torch.tensor([float(u), float(v)]).view(2, 1, 1).expand(2, height, width).clone()


def _answered(answer: Any, label: Tensor, backward: Tensor, forward: Tensor) -> list[list[int]]:
    got = torch.as_tensor(answer(label, backward, forward, 0.1))
    require(got.shape == label.shape, f"a label of shape {tuple(label.shape)}; got {tuple(got.shape)}.")
    return [[int(value) for value in row] for row in got]


def _near(got: Tensor, want: Tensor) -> bool:
    return bool(torch.allclose(got, want, atol=1e-4))


def _close(got: Any, want: float) -> bool:
    return abs(float(got) - want) < 1e-6
