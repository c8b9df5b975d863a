"""The picture of learning-rate schedules."""

import pytest
from matplotlib.text import Text

from udalib import viz
from udalib.core.errors import ConfigError
from udalib.engine.optim.schedules import Poly, WarmupPoly
from udalib.viz.daformer.schedules import schedule_figure

SCHEDULES = {"warm-up": WarmupPoly(40000), "poly10": Poly(40000, 1.0, 1e-4)}


def test_rates_are_drawn_and_marks_written():
    figure = schedule_figure(SCHEDULES, 6e-5, 40000, zoom=2000, marks=(49, 1500), title="rates")
    whole, first = figure.axes
    warm, oddity = whole.lines[:2]
    assert (warm.get_ydata()[-1], oddity.get_ydata()[-1]) == (0, pytest.approx(1e-4))
    assert max(warm.get_ydata()) < 6e-5
    assert first.lines[0].get_xdata()[-1] == 2000
    texts = {text.get_text() for text in figure.findobj(Text)}
    assert {"rates", "lr(49) = 1.958e-06", "lr(1500) = 5.775e-05"} <= texts
    assert viz.to_png(figure)


@pytest.mark.parametrize(("zoom", "marks"), [(0, ()), (50000, ()), (100, (101,)), (100, (-1,))])
def test_places_outside_the_training_are_refused(zoom, marks):
    with pytest.raises(ConfigError, match="must lie in 1 to 40000"):
        schedule_figure(SCHEDULES, 6e-5, 40000, zoom=zoom, marks=marks)


def test_nothing_to_draw_is_refused():
    with pytest.raises(ConfigError, match="no schedule"):
        schedule_figure({}, 6e-5, 10, zoom=5)
