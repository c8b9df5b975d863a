"""Crop boxes, windows and fusion of two scales, as pure functions."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from udalib.core.errors import ConfigError
from udalib.ops.scales import (
    Box,
    average_windows,
    box_mask,
    crop_box,
    crop_positions,
    fuse,
    output_stride,
    pad_to_multiple,
    place,
    window_boxes,
)

sides = st.integers(1, 70)


@settings(max_examples=80, deadline=None)
@given(st.tuples(sides, sides), st.tuples(sides, sides), st.integers(1, 9))
def test_every_position_lies_inside_on_multiples(size, crop, divisible):
    rows, columns = crop_positions(size, crop, divisible)
    for row, column in ((0, 0), (rows - 1, columns - 1)):
        box = crop_box(size, crop, divisible, row, column)
        assert box.size == (min(crop[0], size[0]), min(crop[1], size[1]))
        assert (box.top % divisible, box.left % divisible) == (0, 0)
        assert box.top >= 0
        assert box.left >= 0
        assert box.bottom <= size[0]
        assert box.right <= size[1]


def test_the_last_position_is_never_drawn():
    assert crop_positions((1024, 1024), (512, 512), 8) == (64, 64)
    assert crop_box((1024, 1024), (512, 512), 8, 63, 0) == (504, 1016, 0, 512)
    assert crop_positions((100, 100), (85, 84), 8) == (2, 2)  # margins 15 and 16: offset 16 would fit and is left out
    assert crop_positions((10, 10), (10, 8), 1) == (1, 3)  # divisible 1 loses nothing
    assert crop_positions((4, 100), (8, 8), 8) == (1, 11)


@settings(max_examples=60, deadline=None)
@given(st.tuples(sides, sides), st.tuples(sides, sides), st.booleans())
def test_the_mean_over_windows_of_one_map_is_that_map(size, window, overlap):
    whole = torch.rand(2, 3, *size, generator=torch.Generator().manual_seed(0))
    boxes = window_boxes(size, window, overlap)
    assert len({box.size for box in boxes}) == 1
    torch.testing.assert_close(average_windows(torch.cat([box.cut(whole) for box in boxes]), boxes, size), whole)


def test_window_counts():
    assert len(window_boxes((1024, 1024), (512, 512))) == 9
    assert len(window_boxes((1024, 1024), (512, 512), overlap=False)) == 4
    assert window_boxes((3, 5), (8, 3)) == [(0, 3, 0, 3), (0, 3, 1, 4), (0, 3, 2, 5)]
    assert average_windows(torch.ones(2, 1, 2, 2, dtype=torch.bfloat16), [Box(0, 2, 0, 2)], (2, 2)).dtype.itemsize == 4


def test_place_and_mask_agree():
    box = Box(1, 3, 2, 5)
    assert torch.equal(place(torch.ones(1, 1, 2, 3), box, (4, 6))[0, 0], box_mask(box, (4, 6)))
    assert box_mask(box, (4, 6)).sum() == 6


def test_attention_is_applied_before_the_upsampling():
    """Worked by hand on one row: weighted context [0, 2] and attention [1, 0], each doubled."""
    row = lambda *values: torch.tensor(values).view(1, 1, 1, -1)  # noqa: E731
    fused, weighted = fuse(row(4.0, 2.0), row(8.0, 8.0, 0.0, 0.0), row(1.0, 0.0))
    assert weighted.flatten().tolist() == [0, 2]
    assert fused.flatten().tolist() == [8 * 1 + 0, 8 * 0.75 + 0.5, 1.5, 2.0]


def test_strides_and_padding():
    assert output_stride((64, 96), (16, 24)) == 4
    images = torch.arange(6.0).view(1, 1, 2, 3)
    padded = pad_to_multiple(images, 4)
    assert padded.shape == (1, 1, 4, 4)
    assert padded[0, 0, 3].tolist() == [3, 4, 5, 5]
    assert pad_to_multiple(padded, 4) is padded
    for pixels, cells in [((64, 96), (16, 32)), ((65, 65), (17, 17))]:
        with pytest.raises(ConfigError, match="no whole stride; make both sides of the detail crop multiples"):
            output_stride(pixels, cells)
