"""Pseudo labels, the one weight of a batch, rows that are not learned."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from udalib.core.errors import ConfigError
from udalib.ops import confident_fraction, ignore_rows, pseudo_labels


def logits(dtype: torch.dtype = torch.float32) -> torch.Tensor:
    return (3 * torch.randn(2, 5, 6, 7, generator=torch.Generator().manual_seed(0))).to(dtype)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float64])
def test_label_and_confidence_of_a_soft_max(dtype):
    values = logits(dtype).requires_grad_()
    label, confidence = pseudo_labels(values)
    soft = values.detach().double().softmax(1)
    assert (label.dtype, confidence.dtype.itemsize) == (torch.int64, max(dtype.itemsize, 4))
    assert not confidence.requires_grad
    # the soft-max of 16-bit logits is taken in 32 bits: only the rounding of float32 is left
    torch.testing.assert_close(confidence.double(), soft.amax(1), rtol=1e-6, atol=0)
    torch.testing.assert_close(soft.gather(1, label[:, None])[:, 0], soft.amax(1), rtol=1e-6, atol=0)


def test_the_fraction_is_one_number_for_the_batch_with_the_threshold_counted():
    confidence = torch.tensor([[[0.968, 0.9679]], [[0.999, 0.3]]])
    fraction = confident_fraction(confidence, 0.968)
    assert fraction.shape == ()
    assert fraction == 0.5
    assert confident_fraction(confidence, 0.0) == 1
    assert confident_fraction(confidence, 1.0) == 0
    assert confident_fraction(confidence, None) == 1


@given(st.integers(1, 9), st.integers(0, 11), st.integers(0, 11))
def test_rows_at_both_ends_weigh_nothing(height, top, bottom):
    weight = torch.full((2, height, 3), 0.7)
    kept = ignore_rows(weight, top, bottom)
    rows = torch.tensor([top <= row < height - bottom for row in range(height)])
    assert torch.equal(kept, weight * rows[:, None])
    assert (weight == 0.7).all()


def test_rows_of_a_weight_that_is_one_number():
    """``expand`` shares one number among all pixels; nothing is written into it."""
    fraction = torch.tensor(0.4)
    kept = ignore_rows(fraction.expand(1, 4, 2), 1, 2)
    assert kept[0, :, 0].tolist() == pytest.approx([0, 0.4, 0, 0])
    assert fraction == pytest.approx(0.4)


@pytest.mark.parametrize("rows", [(-1, 0), (0, -2)])
def test_negative_rows_are_refused(rows):
    with pytest.raises(ConfigError, match="neither may be negative"):
        ignore_rows(torch.ones(1, 2, 2), *rows)
