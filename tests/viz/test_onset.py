"""Pictures of when classes are learned."""

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from matplotlib.text import Text

from udalib import viz
from udalib.analysis.runs.onset import ClassCurves
from udalib.core.errors import ConfigError, UnknownNameError
from udalib.viz.daformer.onset import early_late_figure, onset_figure


def run(seed, **curves):
    return ClassCurves("a", seed, (100, 200, 300), curves)


RUNS = [
    run(0, road=(50.0, 60.0, 70.0), bus=(0.0, 12.0, 30.0), train=(0.0, 1.0, None)),
    run(1, road=(50.0, 60.0, 70.0), bus=(0.0, 2.0, 20.0), train=(0.0, 1.0, 2.0)),
]


def texts(figure):
    return [text.get_text() for text in figure.findobj(Text)]


def points(axes):
    """Drawn single marks: (x, is it filled)."""
    lines = [line for line in axes.lines if len(line.get_xdata()) == 1 and line.get_linestyle() == "None"]
    return [(float(line.get_xdata()[0]), to_rgb(line.get_markerfacecolor()) != (1, 1, 1)) for line in lines]


def test_a_mark_a_run_and_class_and_open_ones_where_it_was_never_learned():
    figure = onset_figure({"DACS": RUNS, "with RCS": RUNS[:1]})
    (axes,) = figure.axes
    assert [label.get_text() for label in axes.get_yticklabels()] == ["train", "bus", "road"]
    found = points(axes)
    assert sorted(x for x, filled in found if filled) == [100, 100, 100, 200, 200, 300]
    assert [x > 300 for x, filled in found if not filled] == [True] * 3
    assert {"DACS (2 seeds)", "with RCS (1 seed)", "never"} <= set(texts(figure))
    assert viz.to_png(figure)


def test_the_threshold_moves_the_marks():
    (axes,) = onset_figure({"DACS": RUNS}, threshold=15.0).axes
    assert sorted(x for x, filled in points(axes) if filled) == [100, 100, 300, 300]


@pytest.mark.parametrize("groups", [{}, {"a": []}, dict.fromkeys("abcde", RUNS)])
def test_nothing_or_too_much_to_draw_is_refused(groups):
    with pytest.raises(ConfigError, match="one to four trainings"):
        onset_figure(groups)


def test_early_runs_are_solid_and_late_ones_dashed_with_their_ends_in_the_title():
    figure = early_late_figure(RUNS, ["bus", "road", "train"], title="curves")
    bus = figure.axes[0]
    assert bus.get_title() == "bus: early 30, late 20"
    curves = [line for line in bus.lines if len(line.get_xdata()) == 3]
    assert [line.get_linestyle() for line in curves] == ["-", "--"]
    np.testing.assert_array_equal(curves[1].get_ydata(), [0, 2, 20])
    marks = [line for line in bus.lines if len(line.get_xdata()) == 1]
    assert [(*line.get_xdata(), *line.get_ydata()) for line in marks] == [(200, 12), (300, 20)]
    assert [axes.get_title() for axes in figure.axes[1:]] == ["road: early 70", "train: never learned"]
    assert {"curves", "learned early", "learned late"} <= set(texts(figure))
    assert viz.to_png(figure)


def test_wrong_classes_are_named():
    with pytest.raises(UnknownNameError, match="bus"):
        early_late_figure(RUNS, ["buss"])
    for runs, classes in ((RUNS, []), ([], ["bus"]), (RUNS, ["bus"] * 9)):
        with pytest.raises(ConfigError, match="one to 8 classes"):
            early_late_figure(runs, classes)
