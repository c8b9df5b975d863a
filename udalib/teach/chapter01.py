"""Graders of notebook 01: label tables, rare classes, flow, and transforms that keep a label right."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from udalib.teach.check import NotYet, exercise, require, require_close, require_function
from udalib.viz.pictures.labels import to_numpy


@exercise("01.1", "write to_train_ids(raw): uint8 raw ids -> train ids with 7: 0, 26: 13, everything else 255.")
def _train_ids(answer: Any) -> str:
    require_function(answer)
    raw = np.asarray([[7, 26, 0], [13, 255, 26]], dtype=np.uint8)
    before = raw.copy()
    got = to_numpy(answer(raw))
    require(np.array_equal(raw, before), "the input was changed in place; the next epoch would map it a second time.")
    require(got.dtype == np.uint8, f"a label map stays uint8, got {got.dtype}.")
    want = np.asarray([[0, 13, 255], [255, 255, 13]])
    require(bool((got == want).all()), f"expected {want.tolist()}, got {got.tolist()}.")
    return "one look-up table of 256 entries does this for any label map, in one indexing step."


@exercise("01.2", "write rcs_probabilities(frequencies, temperature): P(c) proportional to exp((1 - f_c) / T).")
def _rcs(answer: Any) -> str:
    require_function(answer)
    frequencies = np.asarray([0.7, 0.29, 0.01])
    got = np.asarray(to_numpy(answer(frequencies, 0.1)), dtype=float)
    require_close(got.sum(), 1.0, "the sum of the probabilities")
    weights = np.exp((1 - frequencies) / 0.1)
    for c, want in enumerate(weights / weights.sum()):
        require_close(got[c], float(want), f"P({c}) for frequencies 0.7, 0.29, 0.01 and T = 0.1")
    small = np.asarray(to_numpy(answer(frequencies, 0.001)), dtype=float)
    require(bool(np.isfinite(small).all()), "at T = 0.001 exp() overflows: subtract the largest exponent first.")
    return "the smaller T, the more the rare classes are preferred; a large T treats all classes alike."


@exercise("01.3", "write warp(next_frame, flow): fetch, for each pixel, the next frame's pixel the flow points to.")
def _warp(answer: Any) -> str:
    require_function(answer)
    frame = torch.arange(30.0).reshape(1, 5, 6).repeat(3, 1, 1)
    flow = torch.zeros(2, 5, 6)
    require(_same(answer(frame, flow), frame), "with zero flow the frame comes back unchanged; yours does not.")
    flow[0] = 2
    got = torch.as_tensor(to_numpy(answer(frame, flow)))
    require(got.shape == frame.shape, f"expected shape {tuple(frame.shape)}, got {tuple(got.shape)}.")
    require(
        _same(got[..., :4], frame[..., 2:]), "flow u = +2 points right: pixel x must fetch column x + 2 of next_frame."
    )
    flow = torch.zeros(2, 5, 6)
    flow[1] = 1
    got = torch.as_tensor(to_numpy(answer(frame, flow)))
    require(_same(got[:, :4], frame[:, 1:]), "flow v = +1 points DOWN: pixel y must fetch row y + 1 of next_frame.")
    return "backward warping: every pixel asks 'where did I go?', so there are no holes."


def _same(got: Any, want: torch.Tensor) -> bool:
    value = torch.as_tensor(to_numpy(got)).float()
    return value.shape == want.shape and bool(torch.allclose(value, want, atol=1e-3))


@exercise("01.4", "write flip(image, label, flow): mirror left and right, so that all three still belong together.")
def _flip(answer: Any) -> str:
    require_function(answer)
    image = torch.arange(2 * 3 * 4).reshape(1, 2, 3, 4)[0].float()[:1].repeat(3, 1, 1)
    label = torch.arange(12).reshape(3, 4)
    flow = torch.stack([torch.arange(12.0).reshape(3, 4), 100 + torch.arange(12.0).reshape(3, 4)])
    outputs = answer(image, label, flow)
    require(len(outputs) == 3, "return the three flipped tensors: image, label, flow.")
    require(_same(outputs[0], image.flip(-1)), "the image's last axis is its width: reverse that one.")
    require(_same(outputs[1], label.flip(-1).float()), "the label must be mirrored exactly as the image is.")
    if _same(outputs[2], flow.flip(-1)):
        raise NotYet("the flow moved with its pixels, but what flew to the right now flies to the left: negate u.")
    want = torch.stack([-flow[0].flip(-1), flow[1].flip(-1)])
    require(_same(outputs[2], want), "mirror both flow components, negate u only; v stays.")
    return "text and traffic side are mirrored too: a flip is label-safe, not world-safe."


@exercise(
    "01.5", "write decode_synthia(png): the class map of a 16-bit (H, W, 3) label file whose channel 0 is the class."
)
def _synthia(answer: Any) -> str:
    require_function(answer)
    png = np.zeros((2, 3, 3), dtype=np.uint16)
    png[..., 0] = [[3, 10, 22], [1, 0, 8]]
    png[..., 1] = [[513, 2, 70], [300, 0, 65535]]
    got = to_numpy(answer(png))
    require(got.shape == (2, 3), f"a class map is (H, W) = (2, 3), got {got.shape}.")
    require(np.array_equal(got, png[..., 0]), "channel 0 is the class; channel 1 numbers the instances.")
    return "an 8-bit reader would have cut these values or scaled them to nonsense without a word."
