"""Strong augmentation: what is drawn and how often, neutral choices, jitter and blur of a batch."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from udalib.core.draws import Draws
from udalib.core.errors import ConfigError
from udalib.ops.augmentation import Choices, StrongAugmentation, augment
from udalib.ops.photometric import DAFORMER, NEUTRAL, TORCHVISION, blur, jitter, kernel_length

ALWAYS = StrongAugmentation(jitter_probability=1.0, blur_probability=1.0)


def drawn(augmentation: StrongAugmentation, seed: int = 0, samples: int = 2, **how: bool) -> Choices:
    batch = Draws.for_batch(seed, "test", 0, [-1])
    return augmentation.draw(Draws.for_batch(seed, "test", 0, range(samples)), batch, **how)


def images(*shape: int) -> torch.Tensor:
    return torch.rand(*(shape or (2, 3, 12, 14)), generator=torch.Generator().manual_seed(0))


@settings(deadline=None)
@given(st.integers(0, 2**31), st.floats(0.01, 0.5), st.booleans())
def test_choices_lie_in_their_ranges(seed, strength, alike):
    choices = drawn(StrongAugmentation(strength, 1.0, 1.0), seed, 3, alike=alike)
    assert [sorted(order) for order in choices.orders] == [[0, 1, 2, 3]] * 3
    for factors in choices.factors:
        assert all(abs(a - n) <= strength * (1 + 1e-6) for a, n in zip(factors, NEUTRAL, strict=True))
    assert choices.sigma.shape == (3,)
    assert ((choices.sigma >= 0.15) & (choices.sigma < 1.15)).all()
    assert len(set(choices.factors)) == 3  # factors are each sample's own, however the rest is drawn
    assert not alike or (len(set(choices.orders)), len(set(choices.sigma.tolist()))) == (1, 1)


def test_orders_and_sigmas_are_each_samples_own():
    choices = drawn(ALWAYS, samples=8)
    assert len(set(choices.orders)) > 4
    assert len(set(choices.sigma.tolist())) == 8


@pytest.mark.parametrize("alike", [False, True])
def test_a_sample_draws_the_same_in_any_batch(alike):
    batch, one = Draws.for_batch(5, "test", 0, [-1]), Draws.for_batch(5, "test", 0, [1])
    two, alone = drawn(ALWAYS, 5, alike=alike), ALWAYS.draw(one, batch, alike=alike)
    assert (two.orders[1:], two.factors[1:]) == (alone.orders, alone.factors)
    assert torch.equal(two.sigma[1:], alone.sigma)


@pytest.mark.parametrize(("jittered", "blurred"), [(0.8, 0.5), (0.0, 1.0), (1.0, 0.0)])
def test_how_often_is_a_draw_for_the_batch(jittered, blurred):
    """Each in its share of the iterations (5 standard errors of 500), for all samples or for none."""
    every = [drawn(StrongAugmentation(0.2, jittered, blurred), seed) for seed in range(500)]
    assert {len(choices.orders) for choices in every} <= {0, 2}
    for share, want in (([bool(c.orders) for c in every], jittered), ([c.sigma is not None for c in every], blurred)):
        assert abs(sum(share) / 500 - want) <= 5 * math.sqrt(want * (1 - want) / 500)


def test_strength_zero_draws_no_jitter():
    choices = drawn(StrongAugmentation(0.0, 1.0, 0.0))
    assert choices == Choices()
    assert augment(data := images(), choices) is data


@pytest.mark.parametrize("adjustments", [DAFORMER, TORCHVISION])
def test_neutral_factors_change_nothing(adjustments):
    data = images()
    assert jitter(data[0], (0, 1, 2, 3), NEUTRAL, adjustments) is data[0] or torch.equal(
        jitter(data[0], (0, 1, 2, 3), NEUTRAL, adjustments), data[0]
    )
    for function, value in zip(adjustments, NEUTRAL, strict=True):
        torch.testing.assert_close(function(data[0], value), data[0], rtol=1e-5, atol=1e-6)


def test_jitter_is_each_samples_own_and_in_order():
    data = images()
    factors = ((1.2, 0.8, 1.0, 0.0), (1.0, 1.0, 0.5, 0.1))
    got = augment(data, Choices(((0, 1, 2, 3), (3, 2, 1, 0)), factors))
    by_hand = ((data[0] + 0.2).clamp(0, 1) * 0.8).clamp(0, 1)
    torch.testing.assert_close(got[0], by_hand)
    torch.testing.assert_close(got[1], jitter(data[1], (3, 2), factors[1], DAFORMER))
    other = augment(data, Choices(((1, 0, 2, 3), (3, 2, 1, 0)), factors))
    assert not torch.equal(other[0], got[0])


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 2**31), st.integers(1, 30), st.integers(1, 30), st.integers(1, 3))
def test_images_stay_images(seed, height, width, samples):
    data = images(samples, 3, height, width)
    before = data.clone()
    got = augment(data, drawn(StrongAugmentation(0.5, 1.0, 1.0), seed, samples))
    assert got.shape == data.shape
    assert (got > -1e-5).all()
    assert (got < 1 + 1e-5).all()
    assert torch.equal(data, before)


def test_blur_keeps_what_is_constant_and_its_sigma_counts():
    flat = torch.full((2, 3, 24, 40), 0.3)
    torch.testing.assert_close(blur(flat, torch.tensor([0.5, 1.1])), flat)
    data = images(1, 3, 40, 40).repeat(2, 1, 1, 1)
    got = blur(data, torch.tensor([0.15, 1.1]))
    torch.testing.assert_close(got[0], data[0], rtol=0, atol=1e-6)  # exp(-1 / (2 * 0.15^2)) is 2e-10
    assert got[1].std() < 0.8 * data[1].std()


def test_kernel_lengths_are_odd():
    assert [kernel_length(side) for side in (1, 10, 11, 21, 30, 31, 512)] == [1, 1, 1, 3, 3, 3, 51]


def test_bfloat16_images():
    data, choices = images(2, 3, 32, 32), drawn(ALWAYS)
    got = augment(data.to(torch.bfloat16), choices)
    assert got.dtype == torch.bfloat16
    # 8 bits of mantissa, and up to six roundings: four adjustments and two passes of the blur
    torch.testing.assert_close(got.float(), augment(data, choices), rtol=0, atol=0.05)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"strength": 0.6}, "jitter_strength is 0.6; it must lie between 0 and 0.5"),
        ({"strength": -0.1}, "jitter_strength is -0.1"),
        ({"jitter_probability": 1.2}, "jitter_probability is 1.2; it must lie between 0 and 1"),
        ({"blur_probability": -1.0}, "blur_probability is -1.0; it must lie between 0 and 1"),
    ],
)
def test_what_is_no_probability_is_refused(options, words):
    with pytest.raises(ConfigError, match=words):
        StrongAugmentation(**options)
