"""What rare class sampling changes, against counting by hand and against many draws."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from udalib.analysis.rare_classes import (
    chance_of_class,
    first_draws,
    iterations_until,
    pixel_counts,
    pixel_shares,
    shown_pixels,
    unseen,
)
from udalib.core.errors import ConfigError
from udalib.data import ClassStatistics, RandomCrop, RareClassSampler, Stream

IMAGES = ({0: 900, 1: 90}, {0: 900, 1: 100}, {0: 800, 2: 10}, {0: 950, 2: 40})
STATISTICS = ClassStatistics(tuple((str(i), counts) for i, counts in enumerate(IMAGES)))
COUNTS = pixel_counts(STATISTICS, 4)


def sampler(**options):
    return RareClassSampler(STATISTICS, **{"min_pixels": 5, "temperature": 0.5, **options})


def test_counts_are_a_table_of_images_and_classes():
    assert COUNTS.tolist() == [[900, 90, 0, 0], [900, 100, 0, 0], [800, 0, 10, 0], [950, 0, 40, 0]]


def test_shares_of_uniform_and_weighted_images():
    assert pixel_shares(COUNTS) == pytest.approx(np.array([3550, 190, 50, 0]) / 3790)
    assert pixel_shares(COUNTS, np.array([0.0, 0, 0, 1])) == pytest.approx(np.array([950, 0, 40, 0]) / 990)
    assert pixel_shares(np.zeros((2, 3), dtype=np.int64)).tolist() == [0, 0, 0]


def test_many_draws_come_near_the_expected_shares():
    drawn = first_draws(sampler(), 4000)
    assert drawn.items.shape == drawn.train_ids.shape == (4000,)
    assert pixel_shares(COUNTS[drawn.items]) == pytest.approx(
        pixel_shares(COUNTS, sampler().item_probabilities()), abs=0.005
    )
    assert first_draws(sampler(), 7).items.tolist() == sampler().indices(0, 7)


def test_chance_of_a_class_counts_more_than_min_pixels():
    assert chance_of_class(COUNTS).tolist() == [1.0, 0.5, 0.5, 0.0]
    assert chance_of_class(COUNTS, more_than=90).tolist() == [1.0, 0.25, 0.0, 0.0]
    assert chance_of_class(COUNTS, np.array([0.1, 0.2, 0.3, 0.4]), 10) == pytest.approx([1.0, 0.3, 0.4, 0.0])


@settings(max_examples=50, deadline=None)
@given(chance=st.floats(1e-4, 1.0), batch=st.integers(1, 16), certainty=st.floats(0.5, 0.999))
def test_the_named_iteration_is_the_first_that_is_certain_enough(chance, batch, certainty):
    n = iterations_until(chance, batch, certainty)
    left = unseen(chance, np.array([n - 1, n]), batch)
    assert left[1] <= (1 - certainty) * (1 + 1e-9)
    assert n == 1 or left[0] > (1 - certainty) * (1 - 1e-9)


def test_a_class_without_a_chance_is_never_seen():
    assert iterations_until(0.0, 8) == math.inf
    assert unseen(0.0, np.array([1.0, 1e6]), 8).tolist() == [1.0, 1.0]


def test_unseen_agrees_with_simulated_batches():
    chance = chance_of_class(COUNTS, sampler().item_probabilities())[2]
    drawn = COUNTS[first_draws(sampler(), 6000).items, 2].reshape(-1, 6)
    assert (drawn.sum(1) == 0).mean() == pytest.approx(unseen(chance, np.array([3.0]), 2)[0], abs=0.03)


class Corner:
    """Class 1 in a corner of an image of class 0."""

    def __len__(self):
        return 4

    def __getitem__(self, i):
        label = torch.zeros(40, 60, dtype=torch.uint8)
        label[:9, :9] = 1
        return {"image": label.expand(3, 40, 60), "label": label, "name": str(i)}


def test_cropping_again_shows_the_drawn_class_more_often():
    statistics = ClassStatistics(tuple((str(i), {0: 2319, 1: 81}) for i in range(4)))
    rare = RareClassSampler(statistics, min_pixels=20, min_crop_ratio=1.0)
    stream = Stream("source", Corner(), 4, sample_transforms=[RandomCrop((20, 20))], seed=1)
    first, again = (shown_pixels(stream, rare, 120, crop_again=crop) for crop in (False, True))
    drawn = first_draws(rare, 120)
    assert first.shape == again.shape == (120,)
    assert (first[drawn.train_ids == 1] > 20).mean() < 0.3
    assert (again > 20).mean() > (first > 20).mean() + 0.2
    assert ((first > 20) <= (again > 20)).all()


def test_without_a_crop_there_is_nothing_to_repeat():
    with pytest.raises(ConfigError, match="no sample transforms"):
        shown_pixels(Stream("source", Corner(), 4), sampler(), 3, crop_again=True)
