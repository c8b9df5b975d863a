"""Judged images: scores by hand, cuts, curves, and the pictures of them."""

import math

import numpy as np
import pytest
import torch

from udalib.core.errors import ConfigError, DataError, UnknownNameError
from udalib.data.labels import label_space
from udalib.viz.eln import JudgedImages, ThresholdExplorer, judges_figure, kept_and_dropped_figure, six_panels_figure
from udalib.viz.eln.curves import interpolated
from udalib.viz.pictures.sorted_pixels import group_patches, sorted_pixels
from udalib.viz.theme import new_figure

SPACE = label_space("cityscapes19")
SIZE = (16, 32)


def judged(seed=0, sharp=1.0):
    """Two images whose left half is wrong in part; the judges know, more or less."""
    random = torch.Generator().manual_seed(seed)
    truth = torch.randint(0, 3, (2, *SIZE), generator=random)
    wrong = torch.rand(2, *SIZE, generator=random) < torch.linspace(0.5, 0.0, SIZE[1])
    truth[:, :2] = 255
    noise = torch.rand(2, *SIZE, generator=random)
    opinions = {"confidence": 0.3 * wrong + 0.6 * noise, "ELN": ((0.4 * wrong + 0.5 * noise) * sharp).clamp(0, 1)}
    return JudgedImages(torch.rand(2, 3, *SIZE, generator=random), (truth + wrong.long()) % 3, truth, opinions)


@pytest.fixture(scope="module")
def explorer():
    return ThresholdExplorer({"early": judged(), "late": judged(1, 0.9)}, SPACE)


def by_hand():
    """Five valid pixels, of which two are wrong, and a void one."""
    truth = torch.tensor([[[0, 0, 0], [1, 1, 255]]])
    prediction = torch.tensor([[[0, 0, 1], [1, 0, 1]]])
    doubt = torch.tensor([[[0.1, 0.6, 0.9], [0.2, 0.4, 1.0]]])
    return JudgedImages(torch.zeros(1, 3, 2, 3), prediction, truth, {"J": doubt})


def test_scores_at_a_cut_by_hand():
    one = by_hand()
    assert one.at("J", 0.5) == pytest.approx((1 / 2, 1 / 2, 1 / 2))
    assert one.at("J", 0.5, "correct") == pytest.approx((2 / 3, 2 / 3, 2 / 3))
    assert one.kept("J", 0.5) == pytest.approx((3 / 5, 2 / 3))
    assert one.kept("J", 1.0) == pytest.approx((1.0, 3 / 5))
    assert math.isnan(one.at("J", 0.95)[0])
    assert math.isnan(one.kept("J", 0.0)[1])


def test_the_best_cut_has_the_highest_f1_by_hand():
    cut, f1 = by_hand().best_cut("J")  # above 0.2 lie 0.9, 0.6 and 0.4: two hits of two, one false alarm
    assert 0.2 <= cut < 0.4
    assert f1 == pytest.approx(0.8)
    assert by_hand().at("J", cut)[2] == pytest.approx(f1)


def test_a_perfect_judge_has_an_average_precision_of_one():
    one = judged()
    perfect = JudgedImages(one.images, one.prediction, one.truth, {"J": one.wrong.float()})
    assert perfect.curve("J").average_precision == pytest.approx(1.0)


def test_precision_is_held_before_the_first_cut_that_finds_anything():
    line = interpolated(np.array([0.0, 0.5, 1.0]), np.array([np.nan, 0.8, 0.4]))
    assert line[0] == line[40] == pytest.approx(0.8)
    assert line[-1] == pytest.approx(0.4)
    assert np.isnan(interpolated(np.array([np.nan]), np.array([np.nan]))).all()


def test_curves_show_each_seed_and_their_mean():
    figure = judges_figure([judged(), judged(1), judged(2)], ["confidence", "ELN"], title="three")
    assert [len(axes.lines) for axes in figure.axes] == [2 * 4, 2 * (4 + 1)]
    labels = [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
    assert labels[1].startswith("ELN: average precision ")
    with pytest.raises(ConfigError, match="no judge to draw"):
        judges_figure([], ["ELN"])


def test_pixels_are_sorted_into_four_groups_told_apart_by_tone_and_hatch():
    wrong = torch.tensor([[False, False, True, True, True]] * 2)
    rejected = torch.tensor([[False, True, False, True, True]] * 2)
    valid = torch.tensor([[True, True, True, True, False]] * 2)
    _, (axes,) = new_figure(2, 2)
    sorted_pixels(axes, rejected, wrong, valid)
    picture = np.asarray(axes.images[0].get_array())
    assert len(np.unique(picture.reshape(-1, 3), axis=0)) == 5
    patches = group_patches(rejected, wrong, valid)
    assert [p.get_label() for p in patches] == [
        "right, kept: 25 %",
        "right, dropped: 25 %",
        "wrong, kept: 25 %",
        "wrong, dropped: 25 %",
    ]
    assert [bool(p.get_hatch()) for p in patches] == [False, True, False, True]


def test_the_figure_says_what_is_kept():
    one = judged()
    figure = kept_and_dropped_figure(one, SPACE, 1, cuts={"confidence": 0.1, "ELN": 0.5}, title="both")
    titles = [axes.get_title() for axes in figure.axes]
    kept, right = one.kept("ELN", 0.5)
    assert titles[4] == f"ELN\nof all images it keeps {100 * kept:.0f} %, {100 * right:.0f} % of it right"
    marks = [line for line in figure.axes[5].lines if line.get_markersize() == 12]
    assert [m.get_xdata()[0] for m in marks] == pytest.approx(
        [100 * one.at(n, c)[1] for n, c in (("confidence", 0.1), ("ELN", 0.5))]
    )
    nothing = kept_and_dropped_figure(one, SPACE, cuts={"confidence": -0.1, "ELN": 1.0})
    assert "nothing left" in nothing.axes[3].get_title()


def test_six_panels_show_truth_verdict_and_what_is_left():
    one = judged()
    figure = six_panels_figure(one, SPACE, 0, "ELN")
    assert len(figure.axes) == 6
    mask = np.asarray(figure.axes[4].images[0].get_array()).astype(bool)
    assert np.array_equal(mask, ~one.rejected("ELN")[0].numpy())
    left = np.asarray(figure.axes[5].images[0].get_array())
    assert not left[~mask].any()
    assert left[mask].any()


def test_every_control_moves_over_its_whole_range(explorer, draw_over_all_ranges):
    draw_over_all_ranges(explorer)


def test_every_control_of_the_widget_changes_the_picture(explorer, move_every_control):
    move_every_control(explorer)


def test_bad_input_is_refused():
    one = judged()
    with pytest.raises(ConfigError, match="at least one judge"):
        JudgedImages(one.images, one.prediction, one.truth, {})
    with pytest.raises(DataError, match="every map must be"):
        JudgedImages(one.images, one.prediction[:, :8], one.truth, one.wrong_by)
    with pytest.raises(UnknownNameError, match="judge"):
        one.score("nobody")
    with pytest.raises(UnknownNameError, match="judge"):
        ThresholdExplorer({"a": one}, SPACE, localizer="nobody")
    with pytest.raises(ConfigError, match="equally many images"):
        ThresholdExplorer({}, SPACE)
