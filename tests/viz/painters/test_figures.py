"""Filmstrips, similarity maps and scores over plans: what is drawn is what was given."""

import numpy as np
import pytest
import torch
from matplotlib.patches import Rectangle

from udalib.analysis.layers import Plan, create_plan
from udalib.core.errors import ConfigError, DataError
from udalib.viz.painters import filmstrip_figure, loops_figure, plan_curves, similarity_figure

SCORES = {"skip": {1: [0.55], 3: [0.3], 5: [0.05]}, "random": {3: [0.5, 0.4, 0.3], 1: [0.6, 0.58, 0.56]}}


def written(axes):
    return [text.get_text() for text in axes.texts]


def frames(axes):
    """(x, y, width, height) of rectangles that are not filled."""
    found = [p for p in axes.patches if isinstance(p, Rectangle) and p.get_facecolor()[3] == 0]
    return [(*patch.get_xy(), patch.get_width(), patch.get_height()) for patch in found]


def test_a_filmstrip_has_the_numbers_of_the_plan_in_order():
    plan = create_plan("loop_parallel", 8, 1, loops=2)
    (axes,) = filmstrip_figure({"looped": plan, "skipped": create_plan("skip", 8, 1)}).axes
    numbers = [int(text) for text in written(axes) if text.isdigit()]
    assert numbers == [*plan.executed, 0, 1, 7]
    assert "mean of 2-6, 2 times" in written(axes)
    assert [frame[0] for frame in frames(axes)] == [2, 3]
    labels = [label.get_text() for label in axes.get_yticklabels()]
    assert labels == ["looped\n13 layers in 5 steps", "skipped\n3 layers, without 2-6"]


def test_a_place_of_many_layers_is_one_column_without_numbers():
    plans = [create_plan(name, 40, 6) for name in ("parallel", "reverse")]
    (axes,) = filmstrip_figure(plans, title="stage 3").axes
    assert [frame[0] for frame in frames(axes)] == [7]
    assert len([t for t in written(axes) if t.isdigit()]) == 13 + 40
    assert "mean of 7-33" in written(axes)
    assert len([p for p in axes.patches if p.get_facecolor()[3]]) == 80


def test_layers_keep_their_colour_in_every_plan():
    (axes,) = filmstrip_figure([create_plan("baseline", 6), create_plan("reverse", 6, 0)]).axes
    colors = [patch.get_facecolor() for patch in axes.patches]
    assert colors[6:] == [colors[i] for i in (0, 5, 4, 3, 2, 1)]
    assert len(set(colors)) == 6


def test_a_plan_of_ones_own_is_described():
    (axes,) = filmstrip_figure([Plan(5, (("seq", (0,)), ("par", (4, 2))), "mine")]).axes
    assert axes.get_yticklabels()[0].get_text() == "mine\n3 layers in 2 steps, without 1, 3"
    assert "mean of 2, 4" in written(axes)
    with pytest.raises(ConfigError, match="no plan to draw"):
        filmstrip_figure([])


def test_similarities_share_a_scale_and_groups_are_outlined():
    matrix = np.eye(5)
    matrix[1:4, 1:4] = 0.95
    first, second, bar = similarity_figure({"a": torch.from_numpy(matrix), "b": matrix - 0.5}, threshold=0.9).axes
    assert frames(first) == [(-0.5, -0.5, 1, 1), (0.5, 0.5, 3, 3), (3.5, 3.5, 1, 1)]
    assert first.get_xlabel() == "3 groups at 0.9: 0 | 1-3 | 4"
    assert first.images[0].get_clim() == second.images[0].get_clim() == (-0.5, 1)
    assert bar.get_ylabel() == "cosine similarity"
    plain = similarity_figure({"a": np.eye(20)}).axes[0]
    assert not frames(plain)
    assert plain.images[0].get_clim() == (0, 1)
    many = similarity_figure({"a": np.eye(20)}, threshold=0.5).axes[0]
    assert many.get_xlabel() == "20 groups at 0.5: 0 | 1 | 2 | 3 | 4 | 5 | ... | 19"


def test_bad_similarities_are_refused():
    with pytest.raises(ConfigError, match="no matrix"):
        similarity_figure({})
    with pytest.raises(DataError, match=r"'a' must be \(L, L\), got shape \(2, 3\)"):
        similarity_figure({"a": np.ones((2, 3))})


def test_curves_are_normalised_with_the_range_of_the_seeds():
    (axes,) = plan_curves(SCORES, full=0.6, chance=0.1, metric="mIoU").axes
    skip, random = axes.lines[:2]
    assert list(skip.get_xdata()) == [1, 3, 5]
    assert list(skip.get_ydata()) == pytest.approx([0.9, 0.4, 0])
    assert list(random.get_xdata()) == [1, 3]
    assert list(random.get_ydata()) == pytest.approx([0.96, 0.6])
    (band,) = axes.collections
    edges = band.get_paths()[0].vertices[:, 1]
    assert (edges.min(), edges.max()) == pytest.approx((0.4, 1.0))
    assert written(axes) == ["untouched network", "chance; what is below is drawn here"]
    assert random.get_label() == "random\n(mean and range\nof 3 seeds)"
    assert axes.get_ylabel() == "mIoU, share of what is above chance"


def test_raw_curves_are_drawn_as_they_are():
    (axes,) = plan_curves(SCORES, full=0.6, chance=0.1, raw=True, each="draw").axes
    assert list(axes.lines[0].get_ydata()) == pytest.approx([0.55, 0.3, 0.05])
    assert [line.get_ydata()[0] for line in axes.lines[2:]] == [0.6, 0.1]
    assert written(axes) == ["untouched network", "chance"]
    assert "3 draws" in axes.lines[1].get_label()


def test_curves_of_nothing_are_refused():
    for nothing in ({}, {"skip": {}}, {"skip": {1: []}}):
        with pytest.raises(ConfigError, match="one or more plans"):
            plan_curves(nothing, full=0.6)
    with pytest.raises(ConfigError, match="nothing to measure"):
        plan_curves(SCORES, full=0.1, chance=0.1)


def test_the_best_number_of_loops_of_each_width_is_boxed():
    scores = np.array([[0.5, 0.2, 0.1, np.nan], [0.4, 0.2, 0.3, np.nan]])
    axes, bar = loops_figure(scores, (1, 3), (1, 3, 5, 7), metric="mIoU").axes
    assert [(x + 0.5, y + 0.5) for x, y, _, _ in frames(axes)] == [(0, 0), (1, 0), (2, 1)]
    assert written(axes) == ["0.5", "0.2", "0.1", "-", "0.4", "0.2", "0.3", "-"]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["1", "3"]
    assert bar.get_ylabel() == "mIoU"
    for wrong in (scores[:1], np.full((2, 4), np.nan)):
        with pytest.raises(DataError, match=r"shape \(2, 4\)"):
            loops_figure(wrong, (1, 3), (1, 3, 5, 7))
