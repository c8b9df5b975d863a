"""The figure of effects draws every seed, the mean and the interval, and tells verdicts apart without colour."""

import pytest

from udalib.core.errors import ConfigError, UnknownNameError
from udalib.viz.charts.effects import VERDICTS, effects_figure, verdict


def effect(recipe, baseline, differences, interval):
    mean = sum(differences) / len(differences)
    common = {"metric": "target/miou", "n": len(differences), "wins": sum(d > 0 for d in differences)}
    return {
        "recipe": recipe,
        "baseline": baseline,
        "differences": differences,
        "mean": mean,
        "interval": interval,
        **common,
    }


@pytest.fixture
def record():
    return {
        "effects": [
            effect("gains", "plain", [1.0, 2.0, 3.0], [0.5, 3.5]),
            effect("loses", "plain", [-1.0, -2.0, -1.5], [-2.5, -0.5]),
            effect("flat", "plain", [0.5, 0.5], None),
            effect("gains", "control", [-1.0, 1.0], [-12.7, 12.7]),
        ]
    }


def lines(axes, marker):
    return [line for line in axes.lines if line.get_marker() == marker]


def texts(axes):
    return [text.get_text() for text in axes.texts]


def test_every_baseline_has_a_panel_with_all_seeds_means_and_intervals(record):
    figure = effects_figure(record)
    plain, control = figure.axes
    assert [axes.get_title() for axes in figure.axes] == ["over plain", "over control"]
    assert [tick.get_text() for tick in plain.get_yticklabels()] == ["gains", "loses", "flat"]
    seeds = [tuple(line.get_xdata()) for line in lines(plain, "o") if line.get_markerfacecolor() == "white"]
    assert seeds == [(1.0, 2.0, 3.0), (-1.0, -2.0, -1.5), (0.5, 0.5)]
    assert [line.get_xdata()[0] for line in lines(plain, "^")] == [2.0]
    assert [line.get_xdata()[0] for line in lines(plain, "v")] == [-1.5]
    ends = [tuple(segment[:, 0]) for c in plain.collections for segment in c.get_segments()]
    assert ends == [(0.5, 3.5), (-2.5, -0.5)]
    assert texts(plain) == ["mean  wins", "+2.0  3/3", "-1.5  0/3", "+0.5  2/2"]
    assert texts(control) == ["mean  wins", "+0.0  1/2"]
    assert "target/miou" in plain.get_xlabel()


def test_panels_can_be_chosen_and_the_first_recipe_is_on_top(record):
    figure = effects_figure(record, baselines=["control"], title="what helps")
    (axes,) = figure.axes
    assert [tick.get_text() for tick in axes.get_yticklabels()] == ["gains"]
    bottom, top = axes.get_ylim()
    assert bottom > top
    assert figure.get_suptitle() == "what helps"


def test_verdicts_differ_in_marker_as_well_as_colour():
    for key in ("marker", "color", "label"):
        assert len({style[key] for style in VERDICTS.values()}) == len(VERDICTS)
    assert verdict({"interval": [-2.0, -1.0]}) == "worse"
    assert verdict({"interval": [0.0, 1.0]}) == "unclear"


def test_what_the_record_lacks_is_named(record):
    with pytest.raises(ConfigError, match="no effect in 'control/miou'; it has target/miou"):
        effects_figure(record, metric="control/miou")
    with pytest.raises(ConfigError, match="none at all"):
        effects_figure({"effects": []})
    with pytest.raises(UnknownNameError, match="unknown baseline 'plan'"):
        effects_figure(record, baselines=["plan"])
