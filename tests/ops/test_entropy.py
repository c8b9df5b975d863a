"""Entropy in [0, 1] with its known values, the range, and the class-ratio prior by hand."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from udalib.core.errors import ConfigError
from udalib.ops import class_ratio_loss, mean_entropy, pixel_entropy, self_information

PIXELS = torch.tensor([[1.0, 0.0, 0.0, 0.0], [0.25] * 4, [0.5, 0.5, 0.0, 0.0]]).T.reshape(1, 4, 1, 3)
"""One-hot, uniform, and undecided between two of four classes: entropy 0, 1 and log 2 / log 4."""


def probabilities(seed, classes=5, scale=3.0):
    return (scale * torch.randn(2, classes, 4, 6, generator=torch.Generator().manual_seed(seed))).softmax(1)


@settings(deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 30), st.floats(0.0, 60.0))
def test_entropy_lies_between_0_and_1(seed, classes, scale):
    p = probabilities(seed, classes, scale)
    entropy = pixel_entropy(p)
    assert entropy.shape == (2, 4, 6)
    assert entropy.min() >= 0
    assert entropy.max() <= 1 + 1e-5
    assert self_information(p).max() <= math.log2(math.e) / math.e / math.log2(classes) + 1e-6


def test_known_values():
    torch.testing.assert_close(pixel_entropy(PIXELS).flatten(), torch.tensor([0.0, 1.0, 0.5]))
    assert float(mean_entropy(PIXELS)) == pytest.approx(0.5)


def test_one_channel_of_19_reaches_an_eighth():
    """The maximum of -p log p lies at p = 1/e (advent sheet, section 3)."""
    p = torch.full((1, 19, 1, 1), (1 - 1 / math.e) / 18)
    p[0, 0] = 1 / math.e
    assert float(self_information(p)[0, 0]) == pytest.approx(0.125, abs=1e-4)


def test_classes_that_vanish_give_finite_gradients():
    logits = torch.tensor([300.0, 0.0, -300.0]).view(1, 3, 1, 1).requires_grad_()
    mean_entropy(logits.softmax(1)).backward()
    assert logits.grad.isfinite().all()


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_sixteen_bits_are_computed_in_float32(dtype):
    """In float16 the epsilon of 1e-30 would be 0 and the logarithm of an absent class infinite."""
    information = self_information(PIXELS.to(dtype))
    assert information.dtype == torch.float32
    torch.testing.assert_close(information, self_information(PIXELS))


def test_a_range_keeps_the_pixels_inside_it():
    assert float(mean_entropy(PIXELS, (0.4, 1.0))) == pytest.approx(0.75)
    assert float(mean_entropy(PIXELS, (0.0, 0.6))) == pytest.approx(0.25)
    p = probabilities(0)
    entropy = pixel_entropy(p)
    kept = entropy[(entropy >= 0.3) & (entropy <= 0.7)]
    assert 0 < kept.numel() < entropy.numel()
    torch.testing.assert_close(mean_entropy(p, (0.3, 0.7)), kept.mean())


def test_no_pixel_in_range_is_0_with_zero_gradient():
    logits = torch.zeros(1, 3, 2, 2, requires_grad=True)
    loss = mean_entropy(logits.softmax(1), (0.2, 0.3))
    loss.backward()
    assert loss == 0
    assert logits.grad is not None
    assert (logits.grad == 0).all()


@pytest.mark.parametrize("wrong", [(-0.1, 1.0), (0.5, 0.5), (0.0, 1.1), (0.9, 0.1)])
def test_an_impossible_range_is_refused(wrong):
    with pytest.raises(ConfigError, match="give two numbers with 0 <= low < high <= 1"):
        mean_entropy(PIXELS, wrong)


def test_the_class_ratio_prior_by_hand():
    """Batch shares 7/12, 5/12, 1/12, 1/12 minus a half of 0, .5, .5, 0."""
    share = PIXELS.mean((0, 2, 3))
    torch.testing.assert_close(share, torch.tensor([7.0, 3.0, 1.0, 1.0]) / 12)
    ratios = torch.tensor([0.0, 0.5, 0.5, 0.0])
    assert float(class_ratio_loss(PIXELS, ratios)) == pytest.approx((0.5 - 3 / 12) + (0.5 - 1 / 12))
    assert float(class_ratio_loss(PIXELS, ratios, mu=0.5)) == pytest.approx(0.25 - 1 / 12)
    assert class_ratio_loss(PIXELS, ratios, mu=0.0) == 0


def test_the_prior_pulls_only_classes_below_their_share():
    p = PIXELS.clone().requires_grad_()
    class_ratio_loss(p, torch.tensor([0.0, 0.5, 0.5, 0.0])).backward()
    want = torch.tensor([0.0, -1.0, -1.0, 0.0]).view(1, 4, 1, 1) / 3  # one third: the mean over three pixels
    torch.testing.assert_close(p.grad, want.expand_as(p))


@given(st.integers(0, 10_000))
@settings(deadline=None)
def test_the_prior_is_0_where_the_shares_agree(seed):
    p = probabilities(seed)
    assert float(class_ratio_loss(p, p.mean((0, 2, 3)))) == pytest.approx(0, abs=1e-6)
    assert float(class_ratio_loss(p, torch.eye(5)[0])) == pytest.approx(1 - float(p[:, 0].mean()), abs=1e-5)
