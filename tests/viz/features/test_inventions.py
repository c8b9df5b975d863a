"""Clouds of known shape and their t-SNE: what is drawn, what the numbers below say, and every control."""

import re

import numpy as np
import pytest

from udalib.analysis.features import CLOUDS, Tsne, draw_clouds, neighbour_overlap, tsne
from udalib.analysis.features.embedding.clouds import distance_ratio, width_ratio
from udalib.core.errors import DataError, UnknownNameError
from udalib.viz.features import InventionsExplorer, inventions_figure

SHORT = Tsne(10, 250)


def test_clouds_have_the_shape_that_they_promise():
    points, groups = draw_clouds("a wide and a narrow one", 600)
    assert points.shape == (600, 20)
    assert width_ratio(points, groups) == pytest.approx(10, rel=0.05)
    points, groups = draw_clouds("two near, one far", 600)
    assert np.bincount(groups).tolist() == [200, 200, 200]
    assert distance_ratio(points, groups) == pytest.approx(10, rel=0.02)
    assert width_ratio(points, groups) == pytest.approx(1, abs=0.1)
    assert np.bincount(draw_clouds("many and few", 200)[1]).tolist() == [170, 30]
    assert width_ratio(*draw_clouds("one cloud")) is None
    assert distance_ratio(*draw_clouds("many and few")) is None
    assert np.array_equal(draw_clouds("one cloud", seed=3)[0], draw_clouds("one cloud", seed=3)[0])
    with pytest.raises(UnknownNameError, match="unknown set of clouds 'one cluod'. Did you mean: one cloud"):
        draw_clouds("one cluod")


def test_the_figure_shows_every_point_twice_and_what_was_kept():
    figure = inventions_figure("two near, one far", SHORT, 90)
    points, groups = draw_clouds("two near, one far", 90)
    picture = tsne(points, SHORT)
    for axes in figure.axes:
        assert sum(len(scatter.get_offsets()) for scatter in axes.collections) == 90
        assert len({len(scatter.get_paths()[0].vertices) for scatter in axes.collections}) > 1
    drawn = np.concatenate([scatter.get_offsets() for scatter in figure.axes[1].collections])
    assert np.asarray(drawn) == pytest.approx(picture)
    ratio, kept = figure.axes[1].get_xlabel().split("\n")
    assert f"farthest : nearest = {distance_ratio(picture, groups):.1f} : 1" in ratio
    assert f"{neighbour_overlap(points, picture, 10):.2f}" in kept
    assert "farthest : nearest = 10" in figure.axes[0].get_xlabel()
    assert inventions_figure("one cloud", SHORT, 90).axes[0].get_xlabel() == "nothing but noise"
    with pytest.raises(DataError, match="a perplexity of 40 needs more than 120 points"):
        inventions_figure("one cloud", Tsne(40), 90)


def test_tsne_makes_widths_alike():
    """The claim of the notebook, at the explorer's own settings."""
    label = InventionsExplorer().draw(data="a wide and a narrow one").axes[1].get_xlabel()
    assert float(re.search(r"narrowest = ([\d.]+)", label)[1]) < 2


def test_every_control_moves_over_its_whole_range_and_changes_the_picture(draw_over_all_ranges, move_every_control):
    explorer = InventionsExplorer(60)
    assert explorer.defaults == {"data": "one cloud", "perplexity": 15.0, "start": "PCA", "iterations": 500.0}
    assert explorer.controls["data"].sweep() == list(CLOUDS)
    assert explorer.controls["perplexity"].sweep() == [2.0, 5.0, 15.0, 19.0]
    draw_over_all_ranges(explorer)
    move_every_control(explorer)
