"""Mixing masks: half of the classes without bias, shares that are covered, what a mix takes from where."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from udalib.core.draws import Draws
from udalib.core.errors import ConfigError
from udalib.ops import choose_half, class_mask, cow_mask, cut_mask, mix, present_classes

sides = st.integers(1, 40)
seeds = st.integers(0, 2**31)
id_sets = st.sets(st.integers(0, 255), max_size=30)


def draws(seed: int, samples: int) -> Draws:
    return Draws.for_batch(seed, "test", 0, range(samples))


def table(*rows: set[int]) -> torch.Tensor:
    found = torch.zeros(len(rows), 256, dtype=torch.bool)
    for row, ids in zip(found, rows, strict=True):
        row[sorted(ids)] = True
    return found


@given(id_sets, id_sets, seeds)
def test_half_of_the_ids_that_occur_rounded_up(first, second, seed):
    present = table(first, second)
    chosen = choose_half(present, draws(seed, 2).noise(256))
    assert chosen.dtype == torch.bool
    assert not (chosen & ~present).any()
    assert chosen.sum(1).tolist() == [math.ceil(len(ids) / 2) for ids in (first, second)]


@given(id_sets, seeds)
def test_ids_of_the_whole_batch_are_chosen_for_each_sample(ids, seed):
    chosen = choose_half(table(ids), draws(seed, 3).noise(256))
    assert chosen.shape == (3, 256)
    assert chosen.sum(1).tolist() == [math.ceil(len(ids) / 2)] * 3


@pytest.mark.parametrize("ids", [(0, 1), (0, 7, 254), (0, 1, 2, 18, 255)])
def test_no_class_is_preferred(ids):
    """Each class in ceil(n / 2) / n of the choices, each pair as often as without replacement; 5 standard errors."""
    n, count = 20_000, len(ids)
    priority = torch.rand(n, 256, generator=torch.Generator().manual_seed(0))
    chosen = choose_half(table(set(ids)), priority)[:, list(ids)].float()
    half = (count + 1) // 2
    share, together = half / count, half * (half - 1) / (count * (count - 1))
    assert (chosen.mean(0) - share).abs().max() < 5 * math.sqrt(share * (1 - share) / n)
    pairs = (chosen.T @ chosen / n)[torch.triu_indices(count, count, 1).unbind()]
    assert (pairs - together).abs().max() <= 5 * math.sqrt(together * (1 - together) / n)


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int64])
def test_present_classes_and_their_mask(dtype):
    label = torch.tensor([[[0, 255], [3, 3]], [[7, 7], [7, 7]]], dtype=dtype)
    assert torch.equal(present_classes(label), table({0, 3, 255}, {7}))
    assert class_mask(label, table({3, 7}, {3})).tolist() == [[[False, False], [True, True]], [[False] * 2] * 2]


@settings(deadline=None, max_examples=60)
@given(st.integers(4, 60), st.integers(4, 60), seeds, st.floats(0.2, 0.8))
def test_cut_mask_is_one_box_of_its_share(height, width, seed, share):
    mask = cut_mask((height, width), draws(seed, 3), share)
    assert mask.shape == (3, height, width)
    for sample in mask:
        rows, columns = sample.any(1).sum(), sample.any(0).sum()
        assert sample.sum() == rows * columns  # a full rectangle ...
        assert all(line.int().diff().ne(0).sum() <= 2 for line in (sample.any(0), sample.any(1)))  # ... in one piece
        # each side is rounded to a pixel: off by half a row and half a column at most
        assert abs(float(sample.float().mean()) - share) <= 0.5 / height + 0.5 / width + 0.25 / (height * width)


def test_cut_mask_reaches_every_border_and_every_shape():
    mask = cut_mask((20, 30), draws(0, 400))
    tall, wide = mask.any(2).sum(1), mask.any(1).sum(1)
    assert (int(tall.min()), int(tall.max())) == (10, 20)
    assert (int(wide.min()), int(wide.max())) == (15, 30)
    assert mask.any(0).all()
    assert mask[:, 0].any()
    assert mask[:, -1].any()
    assert abs(float(mask.float().mean()) - 0.5) < 0.005
    # no side is preferred: as often over the left as over the right column
    assert abs(float(mask[:, :, 0].any(1).float().mean() - mask[:, :, -1].any(1).float().mean())) < 0.15


@settings(deadline=None, max_examples=40)
@given(sides, sides, seeds, st.floats(0.1, 0.9))
def test_cow_mask_covers_exactly_its_share(height, width, seed, share):
    mask = cow_mask((height, width), draws(seed, 2), share)
    want = height * width - round((1 - share) * height * width)
    assert mask.flatten(1).sum(1).tolist() == [want, want]


def test_cow_mask_has_spots_and_not_noise():
    """Neighbours agree far more often than the half of independent pixels."""
    mask = cow_mask((64, 64), draws(0, 4))
    agree = (mask[:, 1:] == mask[:, :-1]).float().mean((1, 2))
    assert agree.min() > 0.8
    assert not torch.equal(mask[0], mask[1])


@given(sides, sides, seeds)
def test_masks_of_a_sample_do_not_depend_on_its_neighbours(height, width, seed):
    for kind in (cut_mask, cow_mask):
        both = kind((height, width), draws(seed, 2))
        assert torch.equal(both[1:], kind((height, width), Draws.for_batch(seed, "test", 0, [1])))


@pytest.mark.parametrize("kind", [cut_mask, cow_mask])
@pytest.mark.parametrize("share", [0.0, 1.0, -0.1, 1.5])
def test_a_share_must_leave_something_on_both_sides(kind, share):
    with pytest.raises(ConfigError, match=rf"share of a mixing mask is {share}; it must lie between 0 and 1"):
        kind((4, 4), draws(0, 1), share)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_mix_takes_each_pixel_from_one_side(dtype):
    mask = draws(0, 2).noise(5, 6) > 0.5
    inside, outside = torch.rand(2, 2, 3, 5, 6).to(dtype)
    mixed = mix(mask, inside, outside)
    assert mixed.dtype == dtype
    wide = mask[:, None].expand_as(mixed)
    assert torch.equal(mixed[wide], inside[wide])
    assert torch.equal(mixed[~wide], outside[~wide])
    labels = mix(mask, torch.full((2, 5, 6), 3), torch.full((2, 5, 6), 7))
    assert torch.equal(labels, torch.where(mask, 3, 7))
