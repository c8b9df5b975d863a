"""Pseudo labels against the truth: numbers by hand, figures, and the explorer over the range of its controls."""

import numpy as np
import pytest
import torch

from udalib.core.errors import ConfigError, DataError
from udalib.data.labels import label_space
from udalib.ops import ema_decay
from udalib.viz.self_training import (
    PseudoLabelExplorer,
    TeacherOutput,
    class_precision,
    ema_decay_figure,
    kept_and_precision,
    kept_curves,
    pseudo_label_figure,
    reliability,
    teacher_lag_figure,
    toy_run,
)

SPACE = label_space("cityscapes19")
# Five known pixels and one to ignore: sure and right, sure and wrong, ..., the least sure wrong.
OUTPUT = TeacherOutput(
    np.array([[0.99, 0.97, 0.9], [0.6, 0.35, 1.0]]),
    np.array([[0, 0, 13], [13, 13, 5]]),
    np.array([[0, 1, 13], [13, 11, 255]]),
)


def outputs():
    generator = torch.Generator().manual_seed(0)
    confidence = torch.rand(2, 32, 64, generator=generator)
    truth = torch.randint(0, 4, (2, 32, 64), generator=generator)
    wrong = torch.rand(2, 32, 64, generator=generator) > confidence
    return {
        alpha: TeacherOutput(confidence**power, truth + wrong.long(), truth) for alpha, power in ((0.0, 1), (0.99, 2))
    }


def test_kept_and_precision_by_hand():
    kept, precision = kept_and_precision(OUTPUT, np.array([0.0, 0.9, 0.97, 0.995]))
    assert kept.tolist() == [1.0, 0.6, 0.4, 0.0]
    assert precision[:3].tolist() == pytest.approx([3 / 5, 2 / 3, 1 / 2])
    assert np.isnan(precision[3])


def test_precision_by_predicted_class_by_hand():
    kept, precision = class_precision(OUTPUT, 19, 0.5)
    assert (kept[0], kept[13]) == pytest.approx((1.0, 2 / 3))
    assert (precision[0], precision[13]) == pytest.approx((0.5, 1.0))
    assert np.isnan(kept[[1, 5, 11]]).all()  # never predicted on a known pixel
    assert np.isnan(class_precision(OUTPUT, 19, 0.95)[1][13])


def test_calibration_by_hand():
    result = reliability(OUTPUT, bins=2)
    assert result.pixels.tolist() == [1, 4]
    assert result.confidence.tolist() == pytest.approx([0.35, (0.99 + 0.97 + 0.9 + 0.6) / 4])
    assert result.accuracy.tolist() == [0.0, 0.75]
    assert result.ece == pytest.approx((0.35 + abs(3.46 - 3)) / 5)


def test_a_calibrated_teacher_has_a_small_error_and_an_overconfident_one_a_large_one():
    good = outputs()[0.0]
    assert reliability(good).ece < 0.03
    sure = TeacherOutput(torch.ones_like(good.confidence), good.prediction, good.truth)
    assert reliability(sure).ece == pytest.approx(0.5, abs=0.05)
    assert reliability(sure).pixels[-1] == good.truth.numel()


def test_the_figure_states_the_numbers():
    figure = pseudo_label_figure(OUTPUT, SPACE, 0.9, title="a teacher")
    assert figure.get_suptitle() == "a teacher"
    titles = [axes.get_title() for axes in figure.axes]
    assert titles[0] == "threshold 0.9 keeps 60 %: 67 % of it right"
    assert titles[1].startswith("calibration error (ECE)")
    rows = [tick.get_text() for tick in figure.axes[2].get_yticklabels()]
    assert rows == ["road", "sidewalk", "person", "car"]
    texts = [text.get_text() for text in figure.axes[2].texts]
    assert texts == ["100", "never predicted", "never predicted", "33", "50", "", "", "100"]
    nothing = pseudo_label_figure(OUTPUT, SPACE, 0.995)
    assert nothing.axes[0].get_title() == "threshold 0.995 keeps 0 %: nothing left"
    assert [text.get_text() for text in nothing.axes[2].texts].count("none kept") == 2


def test_curves_draw_every_seed_and_their_mean():
    both = outputs()
    figure = kept_curves({"a": [both[0.0], both[0.99], both[0.0]], "b": [both[0.99]]})
    assert [len(axes.lines) for axes in figure.axes] == [4 + 1, 4 + 1]
    assert [text.get_text() for text in figure.axes[0].get_legend().get_texts()] == ["a (3 seeds)", "b (1 seed)"]
    assert figure.axes[0].lines[-1].get_ydata()[0] == 100
    with pytest.raises(ConfigError, match="no teacher"):
        kept_curves({})


def test_every_control_moves_over_its_whole_range_and_changes_the_picture(draw_over_all_ranges, move_every_control):
    explorer = PseudoLabelExplorer(outputs(), SPACE)
    assert explorer.controls["alpha"].sweep() == [0.0, 0.99]
    titles = {figure.axes[0].get_title() for figure in draw_over_all_ranges(explorer)}
    assert len(titles) == len(explorer.controls["threshold"].sweep()) + 1
    move_every_control(explorer)


def test_the_contact_sheet_is_captioned():
    sheet = PseudoLabelExplorer(outputs(), SPACE).contact_sheet(alpha=[0.0, 0.99])
    assert [axes.get_title() for axes in sheet.axes] == [
        "EMA alpha of the teacher: 0",
        "EMA alpha of the teacher: 0.99",
    ]


def test_bad_input_is_refused():
    with pytest.raises(ConfigError, match="no teacher"):
        PseudoLabelExplorer({}, SPACE)
    with pytest.raises(DataError, match="differ in shape"):
        TeacherOutput(np.zeros((2, 2)), np.zeros((2, 2)), np.zeros((2, 3))).known()
    with pytest.raises(DataError, match="no pixel of known truth"):
        TeacherOutput(np.zeros(2), np.zeros(2), np.full(2, 255)).known()
    with pytest.raises(DataError, match="values from 3 to 5"):
        PseudoLabelExplorer({0.9: TeacherOutput(np.array([3, 5]), np.zeros(2), np.zeros(2))}, SPACE)


def test_the_decay_is_drawn_with_its_caps():
    figure = ema_decay_figure((0.9, 0.99), 500)
    labels = [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
    assert labels == ["alpha = 0.9, reached at t = 9", "alpha = 0.99, reached at t = 99"]
    line = figure.axes[0].lines[0]
    assert line.get_ydata().tolist() == [ema_decay(int(t), 0.9) for t in line.get_xdata()]
    assert figure.axes[1].lines[0].get_ydata()[-1] == pytest.approx(10)
    assert len(ema_decay_figure((0.999,), 500).axes[0].lines) == 1  # the cap lies beyond the axis
    for alphas in ((), (0.9, 1.0)):
        with pytest.raises(ConfigError, match="between 0 and 1"):
            ema_decay_figure(alphas)


def test_a_warmed_up_teacher_lags_less_and_both_end_nearer_than_the_student():
    runs = [toy_run(0.99, 800, seed) for seed in range(3)]
    for run in runs:
        assert run["warm-up"][0] == run["constant"][0] == run["student"][0] == pytest.approx(1)
        assert run["warm-up"][100] < run["constant"][100]
        assert run["student"][100] < run["warm-up"][100]
        assert run["warm-up"][500:].mean() < run["student"][500:].mean()
    again = toy_run(0.99, 800, 1)
    assert np.array_equal(again["student"], runs[1]["student"])


def test_the_lag_is_drawn_for_three_seeds():
    (axes,) = teacher_lag_figure(0.9, 50).axes
    assert len(axes.lines) == 3 * 4 + 1
    assert "alpha = 0.9" in axes.get_title()
    assert all("(3 seeds)" in text.get_text() for text in axes.get_legend().get_texts())
