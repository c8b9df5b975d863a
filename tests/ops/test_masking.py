"""Holes in images: cells of any size, their share, what is seen through them."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from udalib.core.errors import ConfigError
from udalib.ops import block_grid, block_mask, mask_images

sides = st.integers(1, 90)


@given(sides, sides, st.integers(1, 50), st.floats(0, 1), st.integers(0, 2**31))
def test_pixel_i_belongs_to_cell_i_times_cells_over_side(height, width, block, ratio, seed):
    """Also where the block does not divide the image; the published mask is a nearest-neighbour enlargement."""
    if min(round(height / block), round(width / block)) < 1:
        with pytest.raises(ConfigError, match=f"mask block {block} does not fit an image of {height} x {width}"):
            block_grid((height, width), block)
        return
    rows, columns = block_grid((height, width), block)
    assert (rows, columns) == (round(height / block), round(width / block))
    noise = torch.rand(2, rows, columns, generator=torch.Generator().manual_seed(seed))
    kept = block_mask(noise, (height, width), ratio)
    assert (kept.shape, kept.dtype) == ((2, 1, height, width), torch.bool)
    y = torch.tensor([i * rows // height for i in range(height)])
    x = torch.tensor([j * columns // width for j in range(width)])
    assert torch.equal(kept[:, 0], (noise > ratio)[:, y][:, :, x])
    # every cell has pixels, and sides differ by one pixel at most
    assert all(len(set(t.bincount().tolist())) <= 2 and t.bincount().min() > 0 for t in (y, x))


def test_ratio_is_the_share_of_holes():
    noise = torch.rand(200, 8, 8, generator=torch.Generator().manual_seed(0))
    for ratio in (0.0, 0.3, 0.7, 1.0):
        holes = 1 - block_mask(noise, (32, 32), ratio).float().mean()
        assert float(holes) == pytest.approx(ratio, abs=0.015)  # 3 standard errors of 12,800 cells
    assert not block_mask(torch.full((1, 1, 1), 0.7), (2, 2), 0.7).any()  # strictly greater is kept


@pytest.mark.parametrize("block", [0, -3, 20])
def test_a_block_that_gives_no_cell_is_refused(block):
    with pytest.raises(ConfigError, match=f"mask block {block} does not fit an image of 8 x 40; choose a smaller one"):
        block_grid((8, 40), block)


def test_holes_are_filled_with_a_number_or_a_colour():
    images = torch.rand(2, 3, 4, 6)
    kept = torch.rand(2, 1, 4, 6) > 0.5
    color = torch.tensor([0.1, 0.2, 0.3]).view(3, 1, 1)
    wide = kept.expand_as(images)
    for fill in (0.0, color):
        masked = mask_images(images, kept, fill)
        assert torch.equal(masked[wide], images[wide])
        assert torch.equal(masked, torch.where(wide, images, torch.as_tensor(fill)))


def test_images_keep_their_type_and_layout():
    images = torch.rand(2, 3, 4, 6).to(torch.bfloat16).contiguous(memory_format=torch.channels_last)
    kept = torch.rand(2, 1, 4, 6) > 0.5
    for fill in (0.5, torch.rand(3, 1, 1)):
        masked = mask_images(images, kept, fill)
        assert masked.dtype == torch.bfloat16
        assert masked.is_contiguous(memory_format=torch.channels_last)
