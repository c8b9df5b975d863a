"""Error localisation as an evaluation: against a direct computation, at other sizes, without errors, in a report."""

import json

import pytest
import torch
from coded_pictures import SIZES, SPACE, Pictures, predict

from udalib.core.errors import DataError
from udalib.core.types import Judgement
from udalib.engine.evaluation.error_localization import ErrorLocalizationEvaluator
from udalib.methods.base import Method, judge_by_confidence


def judge(images):
    return judge_by_confidence(predict(images), 0.46)


def direct(sample):
    """Hits, false alarms and misses of one sample, and the number of its valid pixels."""
    judged = judge(sample["image"][None].float() / 255)
    wrong, valid = judged.label[0] != sample["label"], sample["label"] != 255
    hits, alarms = (int((judged.rejected[0] & part & valid).sum()) for part in (wrong, ~wrong))
    return hits, alarms, int((wrong & valid).sum()) - hits, int(valid.sum())


@pytest.mark.parametrize("batch_size", [1, 8])
def test_scores_are_means_over_images(batch_size):
    scores = ErrorLocalizationEvaluator(Pictures(), SPACE, batch_size).evaluate(judge)
    json.dumps(scores, allow_nan=False)
    counts = [direct(Pictures()[i]) for i in range(len(SIZES))]
    precision = [h / (h + a) for h, a, _, _ in counts]
    recall = [h / (h + m) for h, _, m, _ in counts]
    assert scores["precision"] == pytest.approx(sum(precision) / len(SIZES))
    assert scores["recall"] == pytest.approx(sum(recall) / len(SIZES))
    assert scores["f1"] == scores["class_f1"]["wrong"] != scores["class_f1"]["correct"]
    hits, alarms, misses, valid = map(sum, zip(*counts, strict=True))
    assert scores["overall_f1"] == pytest.approx(2 * hits / (2 * hits + alarms + misses))
    assert scores["rejected_share"] == pytest.approx((hits + alarms) / valid)
    assert scores["wrong_share"] == pytest.approx((hits + misses) / valid)
    assert 0.02 < scores["wrong_share"] < scores["best_f1"] <= 1
    assert scores["best_f1"] >= scores["overall_f1"]


def test_judgements_of_smaller_images_are_brought_to_the_label():
    """Each answer stands for two by two pixels, so that scores at the label's size are known."""

    def at_half(images):
        return Judgement(*(part[:, ::2, ::2] for part in judge(images)))

    class Blocks(Pictures):
        def __getitem__(self, i):
            sample = super().__getitem__(i)
            blocks = {k: sample[k][..., 1::2, ::2] for k in ("image", "label")}
            return sample | {k: v.repeat_interleave(2, -1).repeat_interleave(2, -2) for k, v in blocks.items()}

    sizes = [(12, 16), (8, 20)]
    want = ErrorLocalizationEvaluator(Blocks(sizes), SPACE).evaluate(judge)
    assert ErrorLocalizationEvaluator(Blocks(sizes), SPACE).evaluate(at_half) == want


def test_a_perfect_prediction_leaves_nothing_to_find():
    def perfect(images):
        label = (images[:, 0] * 25.5).round().long()
        return Judgement(label, torch.zeros_like(images[:, 0]), torch.zeros_like(label, dtype=torch.bool))

    class Clean(Pictures):
        def __getitem__(self, i):
            sample = super().__getitem__(i)
            return sample | {"image": (sample["label"].int() % 19 * 10).to(torch.uint8).expand(3, -1, -1).clone()}

    scores = ErrorLocalizationEvaluator(Clean(), SPACE).evaluate(perfect)
    assert scores["wrong_share"] == scores["rejected_share"] == 0
    assert scores["f1"] is scores["average_precision"] is scores["best_f1"] is None
    assert scores["class_f1"]["correct"] == 1


def test_without_labels_nothing_can_be_scored():
    class Bare(Pictures):
        def __getitem__(self, i):
            return {k: v for k, v in super().__getitem__(i).items() if k != "label"}

    with pytest.raises(DataError, match="has no label"):
        ErrorLocalizationEvaluator(Bare(), SPACE).evaluate(judge)


def test_a_method_judges_by_confidence_unless_it_has_its_own():
    class Plain(Method):
        def predict(self, images):
            return predict(images)

    images = torch.rand(2, 3, 6, 8)
    judged, probability = Plain().judge(images), predict(images).softmax(1)
    assert torch.equal(judged.label, probability.argmax(1))
    assert torch.equal(judged.rejected, probability.amax(1) <= 0.9)
    assert torch.allclose(judged.error, 1 - probability.amax(1))
