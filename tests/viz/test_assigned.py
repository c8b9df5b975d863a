"""The map of assigned classes: rows by frequency, crosses where a class is missing, seeds averaged."""

import numpy as np
import pytest

from udalib.analysis import Followed
from udalib.core.errors import ConfigError
from udalib.data import label_space
from udalib.viz import to_png
from udalib.viz.self_training import assigned_figure

SPACE = label_space("cityscapes19")


def run(assigned, iterations=(10, 20)):
    """Truth: 90 pixels road, 10 car; at each evaluation ``assigned`` pixels go to the car, the others to the road."""
    confusion = np.zeros((len(assigned), 19, 19), dtype=np.int64)
    for matrix, cars in zip(confusion, assigned, strict=True):
        matrix[13, 13] = min(cars, 10)
        matrix[13, 0] = 10 - matrix[13, 13]
        matrix[0, 13] = cars - matrix[13, 13]
        matrix[0, 0] = 90 - matrix[0, 13]
    return Followed(np.asarray(iterations), confusion)


def crosses(axes):
    return [(round(t.get_position()[0]), round(t.get_position()[1])) for t in axes.texts if t.get_text() == "×"]


def test_rows_are_the_classes_that_occur_the_common_first():
    figure = assigned_figure({"a": [run([0, 10])]}, SPACE)
    labels = [t.get_text() for t in figure.axes[0].get_yticklabels()]
    assert labels == ["road  90 %", "car  10 %"]
    assert crosses(figure.axes[0]) == [(0, 1)], "the car is missing at the first evaluation"
    assert to_png(figure).startswith(b"\x89PNG")


def test_colours_are_the_assigned_share_over_the_true_one():
    figure = assigned_figure({"a": [run([1, 40])]}, SPACE)
    shown = np.asarray(figure.axes[0].images[0].get_array())
    assert shown[1] == pytest.approx([-1.0, np.log10(4)])


def test_seeds_are_averaged_and_counted():
    figure = assigned_figure({"a": [run([0, 10])], "b": [run([0, 10]), run([10, 10])]}, SPACE, title="both")
    assert [panel.get_title() for panel in figure.axes[:2]] == ["a (1 seed)", "b (2 seeds)"]
    assert crosses(figure.axes[1]) == [], "half of the true share is not missing"


@pytest.mark.parametrize("wrong", [{}, {"a": []}])
def test_nothing_to_draw_is_told(wrong):
    with pytest.raises(ConfigError, match="at least one"):
        assigned_figure(wrong, SPACE)


def test_seeds_with_other_iterations_are_refused():
    with pytest.raises(ConfigError, match="same iterations"):
        assigned_figure({"a": [run([0, 1]), run([0, 1], (10, 30))]}, SPACE)
