"""The film strip of the four paths, the table of holes, and the explorer over the range of each of its controls."""

import pytest
import torch

from udalib.core.errors import ConfigError, UnknownNameError
from udalib.data.labels import label_space
from udalib.ops.quad_mixing import Paths
from udalib.viz.quadmix import QuadMixExplorer, holes_figure, one_clip, paths_figure, quad_pair

SPACE = label_space("cityscapes19")
HEIGHT, WIDTH = 16, 32


def sample(value, classes):
    """An image of one grey, its label in vertical stripes of ``classes``."""
    label = torch.tensor(classes).repeat_interleave(WIDTH // len(classes)).expand(HEIGHT, WIDTH)
    return {"image": torch.full((3, HEIGHT, WIDTH), value, dtype=torch.uint8), "label": label.to(torch.uint8)}


SOURCES = [sample(200, [0, 13, 10, 255]), sample(150, [0, 2, 13, 8])]
TARGETS = [sample(20, [0, 8]), sample(60, [1, 11, 2, 10])]


def model(images):
    """Class 2 left, 10 right, with a confidence that falls from the left to the right."""
    logits = torch.zeros(len(images), 19, HEIGHT, WIDTH)
    logits[:, 2, :, : WIDTH // 2] = torch.linspace(9, 4, WIDTH // 2)
    logits[:, 10, :, WIDTH // 2 :] = torch.linspace(4, 2.5, WIDTH // 2)
    return logits


def ids(*chosen):
    table = torch.zeros(1, 256, dtype=torch.bool)
    table[0, list(chosen)] = True
    return table


def pair(paths=None, sure=True):
    now, before = (
        tuple(one_clip(each[i]["image"] / 255, each[i]["label"]) for each in (SOURCES, TARGETS)) for i in (0, 1)
    )
    valid = torch.full((1, 1, HEIGHT, WIDTH), sure)
    return quad_pair(now, before, (ids(13, 8), ids(11)), valid, paths=paths or Paths())


@pytest.fixture
def explorer():
    return QuadMixExplorer(SOURCES, TARGETS, SPACE, model, "stripes")


def test_both_learned_images_hold_both_templates():
    made = pair()
    for origin, own in zip(made.origin, (0, 1), strict=True):
        assert origin[0, 0, ::8].tolist() == [own, 3, 2, 2]
    assert made.mixed.tss.label[0, 0, ::8].tolist() == [0, 11, 13, 8]


def test_unsure_pixels_are_in_no_target_template():
    assert not pair(sure=False).target_template.mask.any()
    assert not (pair(sure=False).origin[0] == 3).any()


@pytest.mark.parametrize("view", ["images", "labels", "origin"])
def test_the_strip_names_its_eight_pictures(view):
    figure = paths_figure(pair(), SPACE, view=view, title="one pair")
    titles = [axes.get_title() for axes in figure.axes]
    assert [title.split(":")[0] for title in titles[2:4]] == ["S to S", "T to (S to S)"]
    assert [title.split(":")[0] for title in titles[6:]] == ["S to T", "T to (S to T)"]
    assert figure.get_suptitle() == "one pair"


def test_the_origin_is_written_and_hatched():
    axes = paths_figure(pair(), SPACE, view="origin").axes[3]
    assert {text.get_text() for text in axes.texts} == {"S", "S'", "T'"}
    assert {each.hatches[0] for each in axes.collections if getattr(each, "hatches", None)} == {"///", "xx"}


def test_a_path_that_is_off_has_no_outline():
    figure = paths_figure(pair(Paths(False, True, True, True)), SPACE)
    assert not figure.axes[2].collections
    assert figure.axes[6].collections


def test_an_unknown_view_is_refused():
    with pytest.raises(UnknownNameError, match="labels"):
        paths_figure(pair(), SPACE, view="label")


def test_holes_are_counted_and_crossed():
    counts = torch.ones(4, 19, dtype=torch.int64)
    counts[:2] = 0
    figure = holes_figure({"one": counts, "other": counts + 1}, SPACE)
    assert [axes.get_title() for axes in figure.axes[:2]] == ["one: 38 of 76 seen", "other: 76 of 76 seen"]
    assert [len(axes.lines[0].get_xdata()) for axes in figure.axes[:2]] == [38, 0]
    with pytest.raises(ConfigError, match="no crossings"):
        holes_figure({}, SPACE)


def test_every_control_moves_over_its_whole_range(explorer, draw_over_all_ranges):
    draw_over_all_ranges(explorer)


def test_every_control_of_the_widget_changes_the_picture(explorer, move_every_control):
    move_every_control(explorer)


def test_the_title_says_what_is_pasted_and_who_labelled(explorer):
    figure = explorer.draw(source_classes=("building", "car"), target_classes=("sky",), threshold=0.0)
    first, second = figure.get_suptitle().split("\n")
    assert first == "source template: building, car (256 pixels); target template: sky (256 pixels)"
    assert second == "pseudo labels of the target: stripes"


def test_random_templates_share_no_class(explorer):
    for draw in range(10):
        first, second = explorer.draw(draw=draw, threshold=0.0).get_suptitle().split("\n")[0].split(";")
        names = [set(part.split(": ")[1].split(" (")[0].split(", ")) - {"none"} for part in (first, second)]
        assert not names[0] & names[1]


def test_without_samples_it_is_refused():
    with pytest.raises(ConfigError, match="no image"):
        QuadMixExplorer([], TARGETS, SPACE)
