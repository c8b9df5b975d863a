"""The evaluator against a direct computation, for mixed sizes, shares of several processes and other label spaces."""

import json
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from coded_pictures import SIZES, SPACE, Pictures, predict

from udalib.core.errors import ConfigError, DataError
from udalib.data.labels import label_space, mapping
from udalib.engine.evaluation.error_localization import ErrorLocalizationEvaluator
from udalib.engine.evaluation.inference import Sliding
from udalib.engine.evaluation.segmentation import Member, SegmentationEvaluator
from udalib.methods.base import judge_by_confidence
from udalib.metrics import confusion_matrix


def expected(dataset, indices=None):
    total = torch.zeros(19, 20, dtype=torch.int64)
    for i in indices if indices is not None else range(len(dataset)):
        sample = dataset[i]
        image = sample["image"][None].float() / 255
        total += confusion_matrix(predict(image).argmax(1)[0], sample["label"], 19)
    return total[:, :19]


@pytest.mark.parametrize("batch_size", [1, 2, 8])
def test_mixed_sizes(batch_size):
    shapes = []
    evaluator = SegmentationEvaluator(Pictures(), SPACE, {"few": (0, 1)}, batch_size=batch_size)
    scores = evaluator.evaluate(lambda x: shapes.append(tuple(x.shape)) or predict(x))
    json.dumps(scores, allow_nan=False)
    assert scores["confusion"] == expected(Pictures()).tolist()
    assert 0.2 < scores["miou"] < 0.99
    assert scores["subsets"]["few"] == pytest.approx((scores["iou"]["road"] + scores["iou"]["sidewalk"]) / 2)
    assert scores["images"] == len(SIZES)
    assert sum(s[0] for s in shapes) == len(SIZES)
    assert len(shapes) == {1: 7, 2: 5, 8: 4}[batch_size]


class Part:
    """What the evaluator asks of Lightning Fabric, for one process of several in turn."""

    def __init__(self, rank, world_size, sent):
        self.global_rank, self.world_size, self.sent = rank, world_size, sent

    def all_reduce(self, tensor, reduce_op):
        assert reduce_op == "sum"
        self.sent.append(tensor.clone())
        return torch.stack(self.sent).sum(0)


@pytest.mark.parametrize("world_size", [2, 3, 9])
def test_shares_of_several_processes_add_up(world_size):
    sent = []
    evaluator = SegmentationEvaluator(Pictures(), SPACE, batch_size=2)
    for rank in range(world_size):
        scores = evaluator.evaluate(predict, fabric=Part(rank, world_size, sent))
        assert torch.equal(sent[rank][:, :19], expected(Pictures(), range(rank, len(SIZES), world_size)))
    assert scores == evaluator.evaluate(predict)


def scores_of_both(*place):
    """Of segmentation, and of error localisation by confidence; seven images, so that shares differ."""
    judge = lambda images: judge_by_confidence(predict(images), 0.46)  # noqa: E731
    segmentation = SegmentationEvaluator(Pictures(), SPACE, batch_size=2).evaluate(predict, *place)
    return [segmentation, ErrorLocalizationEvaluator(Pictures(), SPACE, batch_size=2).evaluate(judge, *place)]


SCRIPT = """
import json, os, pathlib, sys
out, *variables, folder = ARGUMENTS
os.environ.update(variable.split("=") for variable in variables)
sys.path.insert(0, folder)
from lightning.fabric import Fabric
from test_evaluation import *
fabric = Fabric(accelerator="cpu", devices=2, strategy="ddp")
fabric.launch()
assert fabric.world_size == 2
scores = scores_of_both(fabric.device, fabric)
pathlib.Path(out, str(fabric.global_rank)).write_text(json.dumps(scores))
"""


@pytest.mark.slow
def test_two_processes_get_the_scores_of_one(tmp_path, start_script, under_torchrun):
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    under_torchrun(partial(start_script, script), str(tmp_path), str(Path(__file__).parent))
    want = scores_of_both()
    assert want[1]["f1"] > 0
    for rank in "01":
        segmentation, localization = json.loads((tmp_path / rank).read_text())
        assert segmentation == want[0]
        # Per-image scores are summed in the order of the processes: equal but for the last bit.
        assert localization.pop("class_f1") == pytest.approx(want[1]["class_f1"])
        assert localization == pytest.approx({k: v for k, v in want[1].items() if k != "class_f1"})


def test_logits_are_resized_to_the_label():
    coarse = lambda x: predict(torch.nn.functional.avg_pool2d(x, 4))  # noqa: E731
    sample = Pictures()[0]
    for corners in (False, True):
        scores = SegmentationEvaluator(Pictures(SIZES[:1]), SPACE, align_corners=corners).evaluate(coarse)
        logits = coarse(sample["image"][None].float() / 255)
        logits = torch.nn.functional.interpolate(logits, size=(12, 16), mode="bilinear", align_corners=corners)
        assert scores["confusion"] == confusion_matrix(logits.argmax(1)[0], sample["label"], 19)[:, :19].tolist()


def test_labels_may_be_resized_first_as_some_published_protocols_do():
    """Twice as large: each label counts four times, and predictions are those of the enlarged logits."""
    same = lambda x: torch.eye(19)[(x[:, 0] * 25.5).round().long().clamp(0, 18)].permute(0, 3, 1, 2)  # noqa: E731
    blocks = lambda x: same(x).repeat_interleave(2, -1).repeat_interleave(2, -2)  # noqa: E731
    plain = SegmentationEvaluator(Pictures(SIZES[:1]), SPACE).evaluate(same)
    doubled = SegmentationEvaluator(Pictures(SIZES[:1]), SPACE, label_size=(24, 32)).evaluate(blocks)
    assert doubled["confusion"] == [[4 * count for count in row] for row in plain["confusion"]]


def test_an_ensemble_adds_weighted_logits_after_each_was_resized_its_own_way():
    coarse = lambda x: predict(torch.nn.functional.avg_pool2d(x, 4))  # noqa: E731
    members = [Member(coarse, 0.25, align_corners=True), Member(lambda x: coarse(1 - x), 2.0, align_corners=False)]
    scores = SegmentationEvaluator(Pictures(SIZES[:1]), SPACE).evaluate(members)
    sample = Pictures()[0]
    image = sample["image"][None].float() / 255
    one, two = (
        torch.nn.functional.interpolate(logits, size=(12, 16), mode="bilinear", align_corners=corners)
        for logits, corners in ((coarse(image), True), (coarse(1 - image), False))
    )
    predicted = (0.25 * one + 2 * two).argmax(1)[0]
    assert scores["confusion"] == confusion_matrix(predicted, sample["label"], 19)[:, :19].tolist()
    for other in (one + two, one, two):
        assert not torch.equal(other.argmax(1)[0], predicted), "the weights must matter here"


@pytest.mark.parametrize("batch_size", [1, 3])
def test_each_sample_is_handed_out_with_its_prediction(batch_size):
    seen = []
    evaluator = SegmentationEvaluator(Pictures(), SPACE, batch_size=batch_size)
    scores = evaluator.evaluate(predict, each=lambda sample, ids: seen.append((sample, ids)))
    assert [sample["name"] for sample, _ in seen] == [str(i) for i in range(len(SIZES))]
    assert all(ids.dtype == torch.uint8 and ids.shape == sample["label"].shape for sample, ids in seen)
    total = sum(confusion_matrix(ids, sample["label"], 19) for sample, ids in seen)
    assert total[:, :19].tolist() == scores["confusion"]


def test_transforms_see_the_image_only():
    seen = []

    def halve(batch, draws):
        seen.append((sorted(batch), len(draws)))
        return {**batch, "image": torch.nn.functional.avg_pool2d(batch["image"], 2)}

    sizes = []
    dataset = Pictures(SIZES[:2])
    SegmentationEvaluator(dataset, SPACE, batch_size=2, transforms=[halve]).evaluate(
        lambda x: sizes.append(x.shape[-2:]) or predict(x)
    )
    assert seen == [(["image", "name"], 2)]
    assert sizes == [(6, 8)]


def test_sliding_inference_and_loader_processes_change_nothing():
    plain = SegmentationEvaluator(Pictures(), SPACE, batch_size=3).evaluate(predict)
    other = SegmentationEvaluator(Pictures(), SPACE, None, Sliding((6, 6), (4, 5)), 3, workers=1).evaluate(predict)
    assert plain == other


def test_labels_of_another_space_are_mapped():
    target = label_space("cityscapes16")
    scores = SegmentationEvaluator(Pictures(), target).evaluate(lambda x: predict(x)[:, :16])
    table = mapping("cityscapes19", "cityscapes16")
    total = torch.zeros(16, 17, dtype=torch.int64)
    for i in range(len(SIZES)):
        sample = Pictures()[i]
        pred = predict(sample["image"][None].float() / 255)[0, :16].argmax(0)
        total += confusion_matrix(pred, torch.from_numpy(table[sample["label"].numpy()]), 16)
    assert scores["confusion"] == total[:, :16].tolist()
    assert np.sum(scores["confusion"]) < expected(Pictures()).sum()


def test_no_gradients():
    weight = torch.ones(1, requires_grad=True)
    flags = []
    SegmentationEvaluator(Pictures(), SPACE).evaluate(
        lambda x: flags.append((predict(x) * weight).requires_grad) or predict(x)
    )
    assert not any(flags)


class Unlabelled(Pictures):
    def __getitem__(self, i):
        return {"image": torch.zeros(3, 4, 4, dtype=torch.uint8), "name": "frame_7"}


@pytest.mark.parametrize(
    ("build", "error", "words"),
    [
        (lambda: SegmentationEvaluator(Pictures([]), SPACE), DataError, "'pictures' is empty"),
        (lambda: SegmentationEvaluator(Pictures(), SPACE, batch_size=0), ConfigError, "batch_size is 0"),
        (lambda: SegmentationEvaluator(Unlabelled(), SPACE).evaluate(predict), DataError, "frame_7 has no label"),
        (
            lambda: SegmentationEvaluator(Pictures(), SPACE).evaluate(lambda x: predict(x)[:, :16]),
            ConfigError,
            "predicts 16 classes, but cityscapes19 has 19",
        ),
    ],
)
def test_messages(build, error, words):
    with pytest.raises(error, match=words):
        build()
