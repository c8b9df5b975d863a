"""Pixel contrast in a window: numbers equal to the loss of the library, drawn, explored."""

import pytest
import torch

from udalib.core.errors import ConfigError, DataError
from udalib.data.labels import label_space
from udalib.ops.contrastive import pixel_contrast
from udalib.viz.eln import ContrastExplorer, Embedded, contrast_figure, view_contrast

SPACE = label_space("cityscapes19")
SIZE = (8, 16)


def parts(seed=0):
    random = torch.Generator().manual_seed(seed)
    teacher, student = torch.randn(2, 6, *SIZE, generator=random)
    label = torch.randint(0, 3, SIZE, generator=random)
    label[:3] = 0
    accepted = torch.rand(SIZE, generator=random) < 0.7
    return teacher, student, label, accepted


@pytest.fixture(scope="module")
def explorer():
    embedded = []
    for seed in range(2):
        teacher, student, label, accepted = parts(seed)
        image = torch.rand(3, 32, 64, generator=torch.Generator().manual_seed(seed))
        embedded.append(Embedded(image, teacher, student, label, accepted))
    return ContrastExplorer(embedded, SPACE, windows=(3, 5))


@pytest.mark.parametrize("tau", [0.1, 0.5])
def test_the_losses_are_those_of_the_library(tau):
    teacher, student, label, accepted = parts()
    label = torch.where(accepted, label, 255)
    view = view_contrast(teacher, student, label, (1, 4), 0, num_classes=19, window=5, temperature=tau)
    want = pixel_contrast(teacher[None], student[None], label[None], [(1, 4)], 19, window=5, temperature=tau)
    assert view.loss == pytest.approx(float(want), rel=1e-5)
    assert int(view.anchors.sum()) == int((view.inside != 255).sum())
    assert int((view.roles == 2).sum()) == int(view.anchors[0])
    assert int((view.roles == 0).sum()) == int((view.inside == 255).sum())


def test_similarity_is_the_mean_over_the_anchors():
    teacher, student, label, _ = parts()
    view = view_contrast(teacher, student, label, (0, 0), 1, num_classes=19, window=8)
    own = (label[:, :8] == 1).flatten()
    t, s = (torch.nn.functional.normalize(x[:, :, :8].flatten(1).T) for x in (teacher, student))
    torch.testing.assert_close(view.similarity.flatten(), torch.exp(t[own] @ s.T / 0.5).mean(0))


def test_without_an_anchor_and_without_a_valid_pixel_nothing_fails():
    teacher, student, label, _ = parts()
    image = torch.zeros(3, 32, 64)
    empty = view_contrast(teacher, student, torch.full_like(label, 255), (0, 0), 1, num_classes=19, window=4)
    assert empty.loss == 0
    figure = contrast_figure(empty, image, SPACE)
    assert "no anchor" in figure.axes[3].texts[0].get_text()
    other = view_contrast(teacher, student, label, (0, 0), 7, num_classes=19, window=4)
    assert other.loss > 0 or set(other.inside.unique().tolist()) == {0}


def test_the_figure_has_a_bar_a_class_and_hatches_the_one_looked_at():
    teacher, student, label, _ = parts()
    view = view_contrast(teacher, student, label, (2, 0), 1, num_classes=19, window=6)
    figure = contrast_figure(view, torch.zeros(3, 32, 64), SPACE, title="a window")
    bars = figure.axes[4].patches
    assert [bar.get_width() for bar in bars] == pytest.approx([float(view.losses[c]) for c in range(3)])
    assert [bool(bar.get_hatch()) for bar in bars] == [False, True, False]
    assert [tick.get_text() for tick in figure.axes[4].get_yticklabels()] == list(SPACE.names[:3])
    dots = [line for line in figure.axes[2].lines if line.get_marker() == "o"]
    assert len(dots) == int(view.anchors[1])


def test_every_control_moves_over_its_whole_range(explorer, draw_over_all_ranges):
    draw_over_all_ranges(explorer)


def test_every_control_of_the_widget_changes_the_picture(explorer, move_every_control):
    move_every_control(explorer)


def test_bad_input_is_refused(explorer):
    teacher, student, label, accepted = parts()
    with pytest.raises(DataError, match="do not fit labels"):
        view_contrast(teacher, student[:, :4], label, (0, 0), 0, num_classes=19)
    with pytest.raises(DataError, match="leaves embeddings"):
        view_contrast(teacher, student, label, (4, 0), 0, num_classes=19)
    with pytest.raises(ConfigError, match="that fit labels"):
        ContrastExplorer([], SPACE)
    one = Embedded(torch.zeros(3, 32, 64), teacher, student, label, accepted)
    two = Embedded(torch.zeros(3, 32, 64), teacher[:, :, :9], student[:, :, :9], label[:, :9], accepted[:, :9])
    with pytest.raises(DataError, match="share one size"):
        ContrastExplorer([one, two], SPACE, windows=(3,))
