"""Pictures of graphs: what they show, and what they refuse."""

import numpy as np
import pytest
import torch

from udalib.core.errors import ConfigError, DataError
from udalib.data.labels import label_space
from udalib.viz.graphs import (
    Neighbourhood,
    counts_figure,
    label_matrices,
    mean_by_doubling,
    neighbours_figure,
    sizes_figure,
)
from udalib.viz.graphs.cells import FORMS, cell_box

SPACE = label_space("cityscapes19")
IMAGE = torch.rand(3, 16, 32, generator=torch.Generator().manual_seed(0))


def neighbourhood(groups=2, place=(3.5, 5.5), wanted=True):
    nearness = torch.linspace(-1, 1, groups * 8).view(groups, 2, 4)
    neighbours = torch.tensor([[7, 6, 5], [7, 6, 1], [7, 0, 1], [2, 3, 4]])[:groups]
    shows = torch.zeros(2, 4, dtype=torch.bool)
    shows[1] = True
    return Neighbourhood(IMAGE, nearness, neighbours, place, shows if wanted else None)


def test_a_cell_is_where_it_is_in_the_picture():
    assert cell_box(5, (2, 4), (16, 32)) == (7.5, 7.5, 8.0, 8.0)


def test_what_is_heard_is_said_in_words():
    assert neighbourhood().said() == "4 different sources of at most 6, 3 of them show it (4 in the picture do)"
    assert neighbourhood(wanted=False).said() == "4 different sources of at most 6"


@pytest.mark.parametrize(("groups", "panels"), [(1, 2), (2, 3), (4, 6)])
def test_a_panel_a_group_with_its_neighbours_outlined(groups, panels):
    figure = neighbours_figure(neighbourhood(groups), "a patch", "cosine")
    shown = figure.axes[:panels]
    assert [axes.get_title() for axes in shown[1 : groups + 1]] == [
        f"group {g + 1} ({FORMS[g]})" for g in range(groups)
    ]
    assert [len(axes.patches) for axes in shown[1 : groups + 1]] == [2 * 3] * groups
    assert len(shown[0].collections) == groups
    markers = {tuple(map(tuple, marks.get_paths()[0].vertices.round(3).tolist())) for marks in shown[0].collections}
    assert len(markers) == groups
    assert figure.get_suptitle().startswith("a patch: ")


def test_the_asking_patch_has_a_cross_and_a_label_none():
    assert [line.get_xydata().tolist() for line in neighbours_figure(neighbourhood()).axes[0].lines] == [
        [[3.5, 5.5]]
    ] * 2
    assert not neighbours_figure(neighbourhood(place=None)).axes[0].lines


def test_counts_by_class_and_on_their_scale():
    label = torch.zeros(16, 32, dtype=torch.long)
    label[:, 16:] = 10
    counts = torch.tensor([[2, 4, 3, 3], [2, 4, 2, 2]])
    figure = counts_figure(IMAGE, label, counts, (2, 4), SPACE, title="one picture")
    _, _, heat, bars, *_ = figure.axes
    assert [text.get_text() for text in bars.get_yticklabels()] == ["road", "sky"]
    assert [patch.get_width() for patch in bars.patches] == [3.0, 2.5]
    assert heat.images[0].get_clim() == (2, 4)
    with pytest.raises(DataError, match="from 2 to 4 do not lie in 3 to 6"):
        counts_figure(IMAGE, label, counts, (3, 6), SPACE)


def test_means_of_doublings_and_of_sizes():
    sizes, values = mean_by_doubling(torch.tensor([1, 2, 3, 4, 7]), torch.tensor([1, 2, 4, 6, 8]))
    assert sizes.tolist() == [1.0, 2.5, 5.5]
    assert values.tolist() == [1.0, 3.0, 7.0]
    points = {"one": [(np.array([1, 2, 3, 3]), np.array([4, 5, 6, 8]))] * 3, "other": [([1], [4])]}
    figure = sizes_figure(points, ylabel="heard", limits=(4, 8), expected=lambda n: 4.0, doubling=False)
    assert figure.axes[0].lines[0].get_xydata().tolist() == [[1, 4], [2, 5], [3, 7]]
    labels = [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
    assert labels == ["run 1, mean", "run 2, mean", "run 3, mean", "by chance alone"]
    with pytest.raises(ConfigError, match="no points to draw"):
        sizes_figure({"none": [([], [])]}, ylabel="heard", limits=(4, 8))


def test_matrices_carry_their_numbers_and_leave_nan_empty():
    matrix = torch.tensor([[torch.nan, 0.25], [1.0, torch.nan]])
    axes = label_matrices({"share": matrix}, ("car", "bus"), rows="a").axes[0]
    assert sorted(text.get_text() for text in axes.texts) == ["0.25", "1.00"]
    with pytest.raises(DataError, match=r"'share' must be \(3, 3\), got shape \(2, 2\)"):
        label_matrices({"share": matrix}, ("car", "bus", "train"))
    with pytest.raises(ConfigError, match="no matrix"):
        label_matrices({}, ())
