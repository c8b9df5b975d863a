"""The explorers of clips over the range of each control, on small clips."""

import pytest
import torch

from udalib.core.errors import ConfigError
from udalib.data.labels import label_space
from udalib.viz.video import AggregationExplorer, CarriedExplorer
from udalib.world import StreetClips

SPACE = label_space("cityscapes19")


@pytest.fixture(scope="module")
def samples():
    clips = StreetClips("target", length=2, size=(32, 64), cache=False, frames=5)
    return [clips[i] for i in range(2)]


def model(images):
    """Class 0 where it is dark, 10 where it is bright, sure of either."""
    bright = images.mean(1, keepdim=True) * 20
    logits = torch.zeros(len(images), 19, *images.shape[-2:])
    logits[:, :1], logits[:, 10:11] = 10 - bright, bright - 5
    return logits


@pytest.fixture
def carried(samples):
    return CarriedExplorer(samples, SPACE, estimators={"halved": lambda a, b: torch.full_like(a[:, :2], 0.5)})


@pytest.fixture
def aggregation(samples):
    return AggregationExplorer(samples, SPACE)


def test_carried_labels_over_the_whole_range(carried, draw_over_all_ranges):
    draw_over_all_ranges(carried)


def test_every_control_of_carried_labels_changes_the_picture(carried, move_every_control):
    move_every_control(carried)


def test_aggregation_over_the_whole_range(aggregation, draw_over_all_ranges):
    draw_over_all_ranges(aggregation)


def test_every_control_of_the_aggregation_changes_the_picture(aggregation, move_every_control):
    move_every_control(aggregation)


def test_the_flows_are_those_that_every_clip_has(samples):
    without = [{k: v for k, v in sample.items() if not k.startswith("flow")} for sample in samples]
    assert CarriedExplorer([samples[0], without[1]], SPACE, estimators={}).controls["flow"].options == ("no motion",)
    assert CarriedExplorer(samples, SPACE).controls["flow"].options == ("exact", "Lucas-Kanade", "no motion")


def test_a_model_labels_the_frames_and_is_named(samples):
    explorer = CarriedExplorer(samples, SPACE, model, "dark or bright", estimators={})
    figure = explorer.draw(frame=3, back=2)
    assert figure.get_suptitle() == "pseudo labels of frame 1 on frame 3; pseudo labels: dark or bright"
    truth = explorer.draw(frame=3, back=2, labels="truth")
    assert truth.get_suptitle() == "truth of frame 1 on frame 3"
    assert truth.axes[7].get_title().endswith("own 100.0 %")


def test_without_a_model_the_title_says_whose_scores_these_are(aggregation):
    title = aggregation.draw(pair="with frame -2", fault="sure, yet wrong", amount=0.5, scale=19.0).get_suptitle()
    assert "scores: no model: truth in cells of 8 pixels" in title
    assert title.endswith("with frame -2: sure, yet wrong, 0.5; entropy times 19")


def test_the_spoiled_pair_is_the_one_chosen(aggregation):
    def right(**state):
        axes = aggregation.draw(**state).axes[:3]
        return [float(panel.get_title().split(", ")[-1].split(" ")[0]) for panel in axes]

    whole = right(amount=0.0)
    for place in range(3):
        found = right(pair=f"with frame -{place + 1}", amount=1.0)
        assert [a < b - 10 for a, b in zip(found, whole, strict=True)] == [i == place for i in range(3)]


def test_clips_that_do_not_fit_are_refused(samples):
    short = {key: value[: 2 if key.startswith("flow") else 3] for key, value in samples[1].items() if key != "name"}
    with pytest.raises(ConfigError, match="clips of one length, got lengths \\[5, 3\\]"):
        CarriedExplorer([samples[0], short], SPACE, estimators={})
    with pytest.raises(ConfigError, match="one length, got lengths \\[\\]"):
        CarriedExplorer([], SPACE)
    with pytest.raises(ConfigError, match="4 frames or more with exact flow; got lengths \\[3\\]"):
        AggregationExplorer([short], SPACE)
    without = {key: value for key, value in samples[0].items() if not key.startswith("flow")}
    with pytest.raises(ConfigError, match="with exact flow"):
        AggregationExplorer([without], SPACE)
