"""Segmentation of clips as an evaluation: the last frame's score, consistency along the flow, and bad clips."""

import json

import pytest
import torch

from udalib.core.errors import ConfigError, DataError
from udalib.data import Resize, label_space
from udalib.engine.evaluation.clips import ClipEvaluator
from udalib.metrics.temporal import TemporalConsistency
from udalib.recipes.spec.tasks import TASKS
from udalib.world import StreetClips

SPACE, SIZE = label_space("cityscapes19"), (64, 128)


def one_hot(labels):
    return torch.nn.functional.one_hot(labels.long(), 19).movedim(-1, 1).float()


class Known(StreetClips):
    """Clips whose frames are their labels, so that a prediction can be read off."""

    def __init__(self, frames=3):
        super().__init__("source", split="val", length=3, size=SIZE, cache=False, frames=frames)

    def __getitem__(self, index):
        sample = super().__getitem__(index)
        frames = sample["frame_labels"][:, None].expand(-1, 3, -1, -1)
        return {**sample, "frames": frames, "image": frames[-1]}


def true_labels(clip):
    return one_hot((clip["frames"][:, -1, 0] * 255).round())


def test_true_labels_are_right_and_go_with_the_flow():
    scores = ClipEvaluator(Known(), SPACE, batch_size=2).evaluate(true_labels)
    json.dumps(scores, allow_nan=False)
    assert scores["miou"] == scores["accuracy"] == 1
    assert scores["images"] == 3
    assert scores["temporal_agreement"] > 0.96
    assert 0.8 < scores["temporal_consistency"] <= 1
    assert scores["class_consistency"]["road"] > 0.9


def test_a_constant_prediction_is_consistent_and_wrong():
    scores = ClipEvaluator(Known(), SPACE).evaluate(lambda clip: true_labels(clip) * 0 + one_hot(torch.zeros(1, *SIZE)))
    assert scores["temporal_consistency"] == scores["temporal_agreement"] == 1
    assert scores["miou"] < 0.1


def test_a_prediction_that_ignores_motion_is_less_consistent():
    """Labels of the first frame for every frame, against those of each frame."""
    first = []

    def frozen(clip):
        if clip["frames"].shape[1] == 3:
            first.append(true_labels({"frames": clip["frames"][:, :1]}))
        return first[-1]

    still = ClipEvaluator(Known(), SPACE).evaluate(frozen)
    moving = ClipEvaluator(Known(), SPACE).evaluate(true_labels)
    assert still["temporal_consistency"] < moving["temporal_consistency"] - 0.05


def test_frames_and_flow_are_transformed_and_labels_keep_their_size():
    seen = []

    def predict(clip):
        seen.append((clip["frames"].shape, clip["flow_backward"].shape))
        return torch.zeros(len(clip["frames"]), 19, 16, 32)

    scores = ClipEvaluator(Known(), SPACE, batch_size=3, transforms=[Resize((16, 32))]).evaluate(predict)
    assert seen == [((3, 3, 3, 16, 32), (3, 2, 2, 16, 32)), ((3, 2, 3, 16, 32), (3, 1, 2, 16, 32))]
    assert sum(map(sum, scores["confusion"])) == 3 * 64 * 128


class Stripped(Known):
    """Clips without some of their parts."""

    def __init__(self, *keys):
        super().__init__()
        self.keys = keys

    def __getitem__(self, index):
        return {key: value for key, value in super().__getitem__(index).items() if key not in self.keys}


def test_bad_clips():
    with pytest.raises(DataError, match="has no frames; set frames=3"):
        ClipEvaluator(Stripped("frames"), SPACE).evaluate(true_labels)
    with pytest.raises(DataError, match="no flow between its frames; add a flow transform"):
        ClipEvaluator(Stripped("flow_backward", "flow_forward"), SPACE).evaluate(true_labels)
    with pytest.raises(DataError, match="has no label"):
        ClipEvaluator(Stripped("label"), SPACE).evaluate(true_labels)
    with pytest.raises(ConfigError, match="predicts 7 classes, but cityscapes19 has 19"):
        ClipEvaluator(Known(), SPACE).evaluate(lambda clip: torch.zeros(1, 7, 4, 4))
    without_forward = ClipEvaluator(Stripped("flow_forward"), SPACE).evaluate(true_labels)
    assert without_forward["temporal_agreement"] < 1


def test_the_metric_counts_visible_pixels_alone():
    measure = TemporalConsistency(3)
    assert measure.scores("abc")["temporal_consistency"] is None
    measure.update(
        torch.tensor([[0, 0, 1, 2]]), torch.tensor([[0, 1, 1, 0]]), torch.tensor([[True, True, True, False]])
    )
    scores = measure.scores("abc")
    assert scores["temporal_agreement"] == pytest.approx(2 / 3)
    assert scores["class_consistency"] == {"a": 0.5, "b": 0.5, "c": None}
    assert scores["temporal_consistency"] == 0.5


def test_the_task_is_known():
    assert TASKS.get("video").score == "miou"
