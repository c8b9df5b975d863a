"""The thing mask at its threshold, the distance on it, empty masks."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from udalib.core.errors import ConfigError
from udalib.ops import THINGS, feature_distance, pool_label, thing_mask


@settings(deadline=None)
@given(st.integers(1, 20), st.data())
def test_a_class_of_exactly_the_ratio_is_kept(scale, data):
    """Whatever the side of a block, count / pixels is kept at that ratio and dropped at the next count."""
    area = scale * scale
    count = data.draw(st.integers(area // 2 + 1, area))
    label = torch.full((1, area), 3)
    label[0, :count] = 13
    label = label[:, torch.randperm(area)].view(1, scale, scale)
    assert pool_label(label, 19, scale, count / area).tolist() == [[[13]]]
    assert thing_mask(label, (1, 1), THINGS, count / area).item() is True
    if count < area:
        assert pool_label(label, 19, scale, (count + 1) / area).tolist() == [[[255]]]
        assert thing_mask(label, (1, 1), THINGS, (count + 1) / area).item() is False


def test_three_quarters_of_the_published_block():
    label = torch.full((2, 32, 64), 0)
    label[:, :24, :32] = 13  # 768 of 1024
    label[0, 0, 0] = 12  # one fewer, of another thing
    assert thing_mask(label, (1, 2), THINGS, 0.75).tolist() == [[[False, False]], [[True, False]]]


def test_ignored_pixels_and_foreign_ids_never_win():
    label = torch.full((1, 4, 8), 255)
    label[0, :, 4:] = 200
    label[0, 0, 0] = 2
    assert pool_label(label, 19, 4, 0.0).tolist() == [[[255, 255]]]
    assert not thing_mask(label, (1, 2), range(19), 0.0).any()


def test_pixels_that_fill_no_block_are_cut_off():
    label = torch.zeros(1, 5, 9, dtype=torch.uint8)
    assert pool_label(label, 3, 4, 0.75).shape == (1, 1, 2)


@settings(deadline=None)
@given(st.integers(1, 3), st.sets(st.integers(0, 18), max_size=5), st.floats(0.5, 1.0), st.integers(0, 2**31))
def test_the_mask_shows_blocks_of_wanted_classes(batch, classes, ratio, seed):
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.randint(0, 19, (batch, 2, 3), generator=generator)
    label = coarse.repeat_interleave(4, 1).repeat_interleave(4, 2)
    mask = thing_mask(label, (2, 3), sorted(classes), ratio)
    assert torch.equal(mask, torch.isin(coarse, torch.tensor(sorted(classes), dtype=torch.int64)))


@pytest.mark.parametrize("size", [(2, 2), (4, 3), (16, 16), (8, 4), (1, 1)])
def test_labels_that_do_not_fit_the_features_are_refused(size):
    with pytest.raises(ConfigError, match=r"labels of 8 x 12 .* the features have .*multiples of the encoder's stride"):
        thing_mask(torch.zeros(1, 8, 12, dtype=torch.int64), size, THINGS, 0.75)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_the_mean_length_of_the_differences(dtype):
    features, reference = torch.randn(2, 2, 6, 3, 4).to(dtype)
    mask = torch.rand(2, 3, 4) > 0.5
    lengths = (features.float() - reference.float()).square().sum(1).sqrt()
    assert feature_distance(features, reference).dtype == torch.float32
    torch.testing.assert_close(feature_distance(features, reference), lengths.mean())
    torch.testing.assert_close(feature_distance(features, reference, mask), lengths[mask].mean())


def test_an_empty_mask_is_zero_with_zero_gradient():
    features = torch.randn(1, 6, 3, 4, requires_grad=True)
    loss = feature_distance(features, torch.randn(1, 6, 3, 4), torch.zeros(1, 3, 4, dtype=torch.bool))
    loss.backward()
    assert loss == 0
    assert (features.grad == 0).all()


def test_equal_features_have_no_gradient_and_no_nan():
    """The first iteration, where the student is the reference: the length has a corner at 0."""
    features = torch.randn(1, 6, 3, 4, requires_grad=True)
    feature_distance(features, features.detach().clone()).backward()
    assert (features.grad == 0).all()


def test_the_gradient_has_the_same_length_at_every_masked_position():
    """d|x| / dx is a unit vector, so far features are pulled no harder than near ones; others are left alone."""
    features = torch.randn(2, 6, 3, 4, requires_grad=True)
    mask = torch.rand(2, 3, 4) > 0.5
    feature_distance(features, torch.zeros(2, 6, 3, 4), mask).backward()
    lengths = features.grad.norm(dim=1)
    torch.testing.assert_close(lengths, mask / mask.sum())
    assert math.isclose(float(lengths.sum()), 1, rel_tol=1e-5)
