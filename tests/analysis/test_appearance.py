"""Distances between sets of pictures, on pictures whose distance is known."""

import numpy as np
import torch

from udalib.analysis import class_histograms, color_histograms, mean_distance


def sample(value, class_id):
    label = torch.full((4, 8), class_id, dtype=torch.uint8)
    label[0] = 255
    return {"image": torch.full((3, 4, 8), value, dtype=torch.uint8), "label": label}


def test_equal_and_disjoint_colours():
    dark, grey, bright = (color_histograms([sample(value, 0)]) for value in (3, 12, 250))
    assert dark.shape == (1, 48)
    assert np.isclose(dark.sum(), 1)
    assert mean_distance(dark, grey) == 0  # one bin holds 16 values
    assert np.isclose(mean_distance(dark, bright), 100)


def test_ignored_pixels_belong_to_no_class():
    shares = class_histograms([sample(0, 2), sample(0, 18)], 19)
    assert shares.shape == (2, 19)
    assert (shares[0, 2], shares[1, 18]) == (0.75, 0.75)
    assert shares.sum() == 1.5


def test_the_distance_is_a_mean_over_all_pairs():
    shares = class_histograms([sample(0, 2), sample(0, 18)], 19)
    assert mean_distance(shares, shares) == (0 + 75 + 75 + 0) / 4
