"""Mixed images: what is pasted, labelled and weighted; the explorer over the range of each of its controls."""

import numpy as np
import pytest
import torch

from udalib import viz
from udalib.core.draws import Draws
from udalib.core.errors import ConfigError, DataError, UnknownNameError
from udalib.data.labels import label_space
from udalib.ops import PseudoLabels
from udalib.ops.augmentation import StrongAugmentation
from udalib.viz.pictures.regions import outline
from udalib.viz.self_training import MixingExplorer, dacs_step, mix_pair, mixing_figure, mixing_mask, stand_in_logits

SPACE = label_space("cityscapes19")
HEIGHT, WIDTH = 32, 64


def sample(value, classes):
    """An image of one grey, its label in vertical stripes of ``classes``."""
    label = torch.tensor(classes).repeat_interleave(WIDTH // len(classes)).expand(HEIGHT, WIDTH)
    return {"image": torch.full((3, HEIGHT, WIDTH), value, dtype=torch.uint8), "label": label.to(torch.uint8)}


SOURCES = [sample(200, [0, 13, 10, 255]), sample(150, [0, 2])]
TARGETS = [sample(20, [0, 8]), sample(60, [1, 11])]


def model(images):
    """Class 3 everywhere: hardly in dark images, surely in bright ones."""
    logits = torch.zeros(len(images), 19, HEIGHT // 2, WIDTH // 2)
    logits[:, 3] = 40 * images.mean((1, 2, 3))[:, None, None]
    return logits


@pytest.fixture(scope="module")
def explorer():
    return MixingExplorer(SOURCES, TARGETS, SPACE)


def pair(**options):
    confidence = torch.full((HEIGHT, WIDTH), 0.5)
    confidence[:, :16] = 0.99
    mask = torch.zeros(HEIGHT, WIDTH, dtype=torch.bool)
    mask[:8] = True
    pseudo = PseudoLabels(torch.full((HEIGHT, WIDTH), 8), confidence)
    source, target = torch.full((3, HEIGHT, WIDTH), 0.75), torch.full((3, HEIGHT, WIDTH), 0.25)
    return mix_pair(source, torch.full((HEIGHT, WIDTH), 13), target, pseudo, mask, **options)


def test_source_pixels_weigh_one_and_target_pixels_the_share_of_sure_ones():
    mixed = pair()
    assert mixed.weight[:8].unique().tolist() == [1.0]
    assert mixed.weight[8:].unique().tolist() == [0.25]
    assert mixed.label[:8].unique().tolist() == [13]
    assert mixed.label[8:].unique().tolist() == [8]
    assert mixed.image[:, :8].unique().tolist() == [0.75]
    assert mixed.image[:, 8:].unique().tolist() == [0.25]


def test_pixel_weights_keep_the_sure_ones_only():
    mixed = pair(weighting="pixel")
    assert mixed.weight[8:, :16].unique().tolist() == [1.0]
    assert mixed.weight[8:, 16:].unique().tolist() == [0.0]


def test_augmentation_touches_the_image_alone():
    draws = Draws.for_batch(0, "test", 0, [0])
    choices = StrongAugmentation(0.2, 1.0, 0.0).draw(draws, draws)
    plain, augmented = pair(), pair(augmentation=choices)
    assert not torch.equal(plain.image, augmented.image)
    assert torch.equal(plain.label, augmented.label)
    assert torch.equal(plain.weight, augmented.weight)


def test_bad_pairs_are_refused():
    with pytest.raises(UnknownNameError, match="Did you mean: pixel"):
        pair(weighting="pixels")
    mask = torch.zeros(8, 8, dtype=torch.bool)
    pseudo = PseudoLabels(torch.zeros(8, 8), torch.zeros(8, 8))
    with pytest.raises(DataError, match=r"target \(4, 8\)"):
        mix_pair(torch.zeros(3, 8, 8), torch.zeros(8, 8), torch.zeros(3, 4, 8), pseudo, mask)


def test_figures_say_what_they_show():
    figure = mixing_figure(pair(), SPACE, title="one pair", origin="a teacher of mine")
    assert figure.get_suptitle() == "one pair\npseudo labels of the target: a teacher of mine"
    titles = [axes.get_title() for axes in figure.axes]
    assert "what came from where: 25 % source, hatched: target" in titles
    assert "weight of each pixel; 25 % of target sure" in titles
    numbers = [text.get_text() for text in figure.axes[5].texts]
    assert numbers == ["1", "0.25"]
    strip = dacs_step(pair(weighting="pixel"), SPACE)
    assert [axes.get_title()[:2] for axes in strip.axes[:8]] == [f"{i}." for i in range(1, 9)]
    assert [text.get_text() for text in strip.axes[7].texts] == ["1"]


def test_the_source_part_is_in_colour_and_the_target_part_grey_and_hatched():
    colored = pair()
    colored.source[0], colored.target[0] = 1.0, 0.0
    axes = mixing_figure(colored, SPACE).axes[3]
    picture = np.asarray(axes.images[0].get_array()).astype(int)
    assert picture[2, 2, 0] - picture[2, 2, 1] > 50
    assert np.ptp(picture[20, 20]) == 0
    assert any(getattr(c, "hatches", None) == ["///"] for c in axes.collections)


@pytest.mark.parametrize("filled", [False, True])
def test_an_empty_or_full_mask_has_no_outline(filled):
    _, (axes,) = viz.new_figure(1, 1)
    outline(axes, torch.full((8, 8), filled))
    assert not axes.collections


def test_every_control_moves_over_its_whole_range(explorer, draw_over_all_ranges):
    draw_over_all_ranges(explorer)


def test_every_control_of_the_widget_changes_the_picture(explorer, move_every_control):
    move_every_control(explorer)


def test_classes_can_be_picked(explorer):
    assert explorer.controls["classes"].options == ("road", "building", "sky", "car")
    title = explorer.draw(classes=("car", "building")).get_suptitle()
    assert "1 of 3 classes: car" in title  # no building in the first source image, and 255 is no class
    nothing = explorer.draw(classes=("building",))
    assert "0 of 3 classes: none" in nothing.get_suptitle()
    assert nothing.axes[3].get_title().startswith("what came from where: 0 % source")


def test_half_of_the_classes_are_drawn_anew_at_each_iteration(explorer):
    titles = [explorer.draw(draw=i).get_suptitle() for i in range(10)]
    assert all("2 of 3 classes" in title for title in titles)
    assert len({title.split(";")[1] for title in titles}) > 1
    assert explorer.draw(draw=3).get_suptitle() == titles[3]


@pytest.mark.parametrize("kind", ["cut", "cow"])
def test_boxes_and_spots_cover_half_of_the_image(kind):
    mask, _ = mixing_mask(torch.zeros(HEIGHT, WIDTH, dtype=torch.int64), kind, Draws.for_batch(0, "a", 0, [0]), SPACE)
    assert float(mask.float().mean()) == pytest.approx(0.5, abs=0.03)


def test_without_a_model_the_title_says_so(explorer):
    assert "no model: truth in cells of 8 pixels" in explorer.draw().get_suptitle()
    title = MixingExplorer(SOURCES, TARGETS, SPACE, model, name="a trained network").draw().get_suptitle()
    assert "a trained network" in title
    assert "no model" not in title


def test_a_model_labels_each_target_once_and_is_resized():
    asked = []

    def counting(images):
        asked.append(images)
        return model(images)

    unlabelled = [{"image": target["image"]} for target in TARGETS]
    explorer = MixingExplorer(SOURCES, unlabelled, SPACE, counting)
    for state in ({}, {"threshold": 0.5}, {"target": 1}, {"mix": "cow"}):
        explorer.draw(**state)
    assert len(asked) == 2
    assert asked[0].dtype == torch.float32
    assert float(asked[0].max()) == pytest.approx(20 / 255)
    assert explorer.draw(target=1, threshold=0.99).axes[5].get_title() == "weight of each pixel; 100 % of target sure"
    assert explorer.draw(target=0, threshold=0.99).axes[5].get_title() == "weight of each pixel; 0 % of target sure"


def test_bad_input_is_refused():
    unlabelled = {"image": TARGETS[0]["image"]}
    with pytest.raises(ConfigError, match="without a label"):
        MixingExplorer(SOURCES, [unlabelled], SPACE)
    with pytest.raises(ConfigError, match="without a label"):
        MixingExplorer([unlabelled], TARGETS, SPACE)
    with pytest.raises(ConfigError, match="no image"):
        MixingExplorer([], TARGETS, SPACE)
    with pytest.raises(ConfigError, match="no image"):
        MixingExplorer(SOURCES, [], SPACE)
    with pytest.raises(DataError, match="share one shape"):
        MixingExplorer(SOURCES, [{"image": torch.zeros(3, 8, 8), "label": torch.zeros(8, 8)}], SPACE)
    with pytest.raises(DataError, match="differ in size"):
        MixingExplorer([{"image": SOURCES[0]["image"], "label": torch.zeros(8, 8)}], TARGETS, SPACE)
    with pytest.raises(DataError, match=r"logits \(B, C, h, w\)"):
        MixingExplorer(SOURCES, TARGETS, SPACE, lambda images: images[0]).draw()


def test_the_contact_sheet_stacks_wide_pictures(explorer):
    sheet = explorer.contact_sheet(mix=["class", "cut"])
    (upper, lower) = (axes.get_position().x0 for axes in sheet.axes)
    assert upper == pytest.approx(lower, abs=0.05)


def test_the_stand_in_is_sure_and_right_inside_regions_and_unsure_at_borders():
    label = torch.zeros(1, 64, 64, dtype=torch.int64)
    label[:, :, 36:] = 13
    label[0, :8] = 255
    probabilities = stand_in_logits(label, 19).softmax(1)
    confidence, prediction = probabilities.max(1)
    inside = torch.zeros(64, 64, dtype=torch.bool)
    inside[16:, :24] = inside[16:, 48:] = True
    assert float((prediction == label)[0, inside].float().mean()) > 0.95
    assert confidence[0, inside].mean() > confidence[0, 16:, 32:40].mean() + 0.1
    assert confidence[0, inside].mean() > confidence[0, :4].mean() + 0.3
    assert torch.equal(stand_in_logits(label, 19), stand_in_logits(label, 19))
    assert not torch.equal(stand_in_logits(label, 19), stand_in_logits(label, 19, seed=1))
