"""Graders of notebook 02: sizes, receptive fields, parameters and attention."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F

from udalib.teach.check import exercise, require, require_close, require_function


@exercise("02.1", "write output_size(size, kernel, stride, padding): the length of a convolution's output.")
def _output_size(answer: Any) -> str:
    require_function(answer)
    for size, kernel, stride, padding in ((64, 7, 4, 3), (65, 3, 2, 1), (17, 8, 8, 0), (5, 1, 1, 0)):
        want = F.conv1d(torch.zeros(1, 1, size), torch.zeros(1, 1, kernel), stride=stride, padding=padding).shape[-1]
        got = answer(size, kernel, stride, padding)
        require_close(got, want, f"output_size({size}, {kernel}, {stride}, {padding})", tolerance=0)
    return "the floor in this formula is why 65 pixels at stride 4 give 17 columns and not 16."


@exercise("02.2", "write receptive_field(layers), layers a list of (kernel, stride, dilation) from the image upwards.")
def _receptive_field(answer: Any) -> str:
    require_function(answer)
    cases = [
        ([(3, 1, 1)], 3),
        ([(3, 1, 1), (3, 1, 1)], 5),
        ([(3, 2, 1), (3, 1, 1)], 7),
        ([(7, 2, 1), (3, 2, 1), (3, 1, 6)], 59),
    ]
    for layers, want in cases:
        require_close(answer(layers), want, f"receptive_field({layers})", tolerance=0)
    return "each layer adds (kernel - 1) x dilation x the product of the strides before it."


@exercise(
    "02.3", "write separable_share(channels_in, channels_out, kernel): weights of a separable over a full convolution."
)
def _separable(answer: Any) -> str:
    require_function(answer)
    for c_in, c_out, kernel in ((256, 256, 3), (1024, 256, 3), (8, 16, 5)):
        want = (c_in * kernel**2 + c_in * c_out) / (c_in * c_out * kernel**2)
        require_close(answer(c_in, c_out, kernel), want, f"separable_share({c_in}, {c_out}, {kernel}) without biases")
    return "about a ninth for 3 x 3: that is how DAFormer's head affords three dilated branches on 1024 channels."


@exercise("02.4", "write attention_entries(height, width, stride, reduction): entries of one head's attention matrix.")
def _attention_entries(answer: Any) -> str:
    require_function(answer)
    cases = (
        (512, 512, 4, 1, 16384**2),
        (512, 512, 4, 8, 16384 * 256),
        (512, 1024, 32, 1, 512**2),
        (64, 128, 8, 4, 128 * 8),
    )
    for height, width, stride, reduction, want in cases:
        got = answer(height, width, stride, reduction)
        require_close(got, want, f"attention_entries({height}, {width}, {stride}, {reduction})", tolerance=0)
    return "reduction R divides the keys, not the queries, so the cost falls by R x R."


@exercise("02.5", "write attention(q, k, v) for (N, d), (M, d), (M, e) tensors: softmax(q k^T / sqrt(d)) v.")
def _attention(answer: Any) -> str:
    require_function(answer)
    generator = torch.Generator().manual_seed(0)
    q, k, v = (torch.randn(n, d, generator=generator) for n, d in ((5, 16), (7, 16), (7, 4)))
    got = answer(q, k, v)
    want = F.scaled_dot_product_attention(q[None], k[None], v[None])[0]
    require(tuple(got.shape) == (5, 4), f"five queries and values of length 4 give (5, 4), got {tuple(got.shape)}.")
    unscaled = torch.softmax(q @ k.T, dim=1) @ v
    require(not torch.allclose(got, unscaled, atol=1e-4), "divide q k^T by sqrt(d) before the softmax.")
    require(bool(torch.allclose(got, want, atol=1e-4)), "the softmax runs over the keys (the last axis of q k^T).")
    return "the same numbers as torch's scaled_dot_product_attention."
