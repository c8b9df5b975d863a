"""Figures of rare class sampling: what they draw comes from the statistics, and bad input is refused."""

import math

import numpy as np
import pytest
import torch

from udalib.analysis import first_draws
from udalib.core.errors import ConfigError
from udalib.data import ClassStatistics, RareClassSampler, class_probabilities, custom_space
from udalib.viz.daformer import crops_figure, drawn_images, sampled_figure, temperature_figure, unseen_figure
from udalib.viz.daformer.rare_classes import _edges

SPACE = custom_space("four", ["road", "rider", "train", "absent"])
IMAGES = ({0: 900, 1: 90}, {0: 900, 1: 100}, {0: 800, 2: 10}, {0: 950, 2: 40})
STATISTICS = ClassStatistics(tuple((str(i), counts) for i, counts in enumerate(IMAGES)))


def sampler(**options):
    return RareClassSampler(STATISTICS, **{"min_pixels": 5, "temperature": 0.05, **options})


def widths(axes):
    return [bar.get_width() for bar in axes.patches]


def test_bars_are_the_shares_and_the_probabilities_rarest_on_top():
    figure = temperature_figure(STATISTICS, SPACE, (0.05, math.inf))
    share, cold, uniform = figure.axes
    assert [t.get_text() for t in share.get_yticklabels()] == ["train", "rider", "road"]
    assert share.get_ylim()[0] > share.get_ylim()[1]
    assert widths(share) == pytest.approx(100 * np.array([50, 190, 3550]) / 3790)
    assert widths(cold) == pytest.approx(100 * class_probabilities(STATISTICS, 0.05)[1])
    assert widths(uniform) == pytest.approx([100 / 3] * 3)
    assert cold.get_xlim() == uniform.get_xlim()
    assert "T = inf" in uniform.get_title()


def test_what_is_sampled_has_a_mark_for_uniform_expected_and_drawn():
    rare = sampler()
    figure = sampled_figure(rare, SPACE, first_draws(rare, 50))
    lines = {line.get_label(): line.get_xdata() for line in figure.axes[0].lines}
    assert list(lines) == ["images uniformly", "expected with RCS", "in 50 draws"]
    assert lines["images uniformly"] == pytest.approx(100 * np.array([50, 190, 3550]) / 3790)
    assert lines["expected with RCS"][0] > lines["images uniformly"][0]
    markers = {line.get_marker() for line in figure.axes[0].lines}
    assert len(markers) == 3


def test_unseen_curves_fall_and_say_when_it_is_sure():
    figure = unseen_figure(sampler(), SPACE, [2, 3], batch_size=2)
    curves = {line.get_label(): line.get_ydata() for line in figure.axes[0].lines}
    assert list(curves) == [
        "train, RCS: n = 2",
        "train, uniform: n = 3",
        "absent, RCS: never",
        "absent, uniform: never",
    ]
    assert (np.diff(curves["train, RCS: n = 2"]) < 0).all()
    assert (curves["absent, RCS: never"] == 1).all()
    assert {line.get_linestyle() for line in figure.axes[0].lines} == {"-", "--"}


@pytest.mark.parametrize("classes", [[], [0, 1, 2, 3, 0]])
def test_unseen_curves_are_of_one_to_four_classes(classes):
    with pytest.raises(ConfigError, match="one to four classes"):
        unseen_figure(sampler(), SPACE, classes)


def test_crops_say_how_many_show_enough():
    pixels = {"first": np.array([0, 0, 15, 16]), "again": np.array([20, 30, 16, 400])}
    figure = crops_figure(pixels, 15)
    first, again = (axes.get_title() for axes in figure.axes)
    assert first == "first: of 4 draws 25 % show more than 15 pixels, 50 % show none"
    assert again == "again: of 4 draws 100 % show more than 15 pixels, 0 % show none"
    assert all(sum(bar.get_height() for bar in axes.patches) == 4 for axes in figure.axes)


@pytest.mark.parametrize("largest", [0, 3, 100, 9999])
@pytest.mark.parametrize("threshold", [0, 0.5, 15, 1500])
def test_bars_of_crops_start_below_zero_and_part_at_the_threshold(largest, threshold):
    edges = _edges(largest, threshold)
    assert edges[0] == -0.5
    assert math.floor(threshold) + 0.5 in edges
    assert (np.diff(edges) > 0).all()
    assert 2 <= len(edges) <= 60
    assert edges[-1] > largest - 1


def test_no_counts_are_refused():
    with pytest.raises(ConfigError, match="no pixel counts"):
        crops_figure({}, 15)
    with pytest.raises(ConfigError, match="no pixel counts"):
        crops_figure({"a": []}, 15)
    with pytest.raises(ConfigError, match="no temperature"):
        temperature_figure(STATISTICS, SPACE, ())


def sample(label_id):
    label = torch.zeros(16, 32, dtype=torch.uint8)
    label[4:8, 4:8] = label_id
    return {"image": torch.zeros(3, 16, 32, dtype=torch.uint8), "label": label}


def test_images_say_what_they_were_drawn_for_and_outline_it():
    figure = drawn_images([sample(1), sample(2)], [1, 1], SPACE)
    assert [axes.get_title() for axes in figure.axes] == ["rider: 16 pixels", "rider: 0 pixels"]
    assert [bool(axes.collections) for axes in figure.axes] == [True, False]


@pytest.mark.parametrize(("samples", "ids"), [([], []), ([sample(1)], [1, 2])])
def test_a_class_for_each_sample_is_needed(samples, ids):
    with pytest.raises(ConfigError, match="a class each"):
        drawn_images(samples, ids, SPACE)
