"""Scores of error localisation: by hand, against scikit-learn, and a sweep against single thresholds."""

from __future__ import annotations

import math

import pytest
import torch
from sklearn.metrics import average_precision_score, precision_recall_fscore_support

from udalib.core.errors import ConfigError
from udalib.metrics.error_localization import (
    POSITIVES,
    ErrorLocalization,
    ThresholdSweep,
    localization_counts,
    localization_scores,
)


def pixels(seed=0, images=5, side=12):
    generator = torch.Generator().manual_seed(seed)
    wrong = torch.rand(images, side, side, generator=generator) < 0.3
    score = (torch.rand(images, side, side, generator=generator) + wrong * 0.4).clamp(0, 1)
    valid = torch.rand(images, side, side, generator=generator) < 0.9
    return score, wrong, valid


@pytest.mark.parametrize("positive", POSITIVES)
def test_scores_are_those_of_scikit_learn(positive):
    score, wrong, valid = pixels()
    rejected = score > 0.5
    found = ErrorLocalization()
    for part in torch.arange(5).split(2):
        found.update(rejected[part], wrong[part], valid[part])
    scores = found.scores()
    truth, verdict = (wrong, rejected) if positive == "wrong" else (~wrong, ~rejected)

    def reference(images):
        t, v = (x[images][valid[images]] for x in (truth, verdict))
        return precision_recall_fscore_support(t.numpy(), v.numpy(), average="binary")[:3]

    each = torch.tensor([reference([i]) for i in range(5)], dtype=torch.float64).mean(0)
    names = ("precision", "recall", "f1")
    assert [scores[positive]["per_image"][n] for n in names] == pytest.approx(each.tolist())
    assert [scores[positive]["overall"][n] for n in names] == pytest.approx(list(reference(slice(None))))
    assert scores["images"] == 5
    assert scores["wrong_share"] == pytest.approx(float(wrong[valid].float().mean()))


def test_undefined_scores_are_none_and_enter_no_mean():
    nothing, everything = torch.zeros(1, 2, 2, dtype=torch.bool), torch.ones(1, 2, 2, dtype=torch.bool)
    found = ErrorLocalization()
    found.update(nothing, nothing)  # a perfect image without errors: no precision, no recall of "wrong"
    assert found.scores()["wrong"]["per_image"] == {"precision": None, "recall": None, "f1": None}
    assert found.scores()["correct"]["overall"] == {"precision": 1.0, "recall": 1.0, "f1": 1.0}
    found.update(everything, everything)
    assert found.scores()["wrong"]["per_image"]["recall"] == 1.0
    assert ErrorLocalization().scores()["wrong"]["overall"]["f1"] is None
    assert ErrorLocalization().scores()["images"] == 0


@pytest.mark.parametrize("positive", POSITIVES)
def test_a_sweep_agrees_with_each_threshold(positive):
    score, wrong, valid = pixels(1)
    thresholds = [0.0, 0.25, 0.5, float(score[0, 0, 0]), 1.0]
    sweep = ThresholdSweep(sorted(thresholds))
    for part in torch.arange(5).split(3):
        sweep.update(score[part], wrong[part], valid[part])
    curve = sweep.curve(positive)
    for i, t in enumerate(sorted(thresholds)):
        counts = localization_counts(score > torch.tensor(t), wrong, valid).sum(0)
        assert torch.equal(sweep.counts()[i], counts)
        want = localization_scores(counts, positive)[:2]
        torch.testing.assert_close(torch.stack([curve.precision[i], curve.recall[i]]), want, equal_nan=True)


def test_average_precision_is_that_of_scikit_learn():
    """Equal with a threshold below each score; a grid of 201 joins pixels into steps, 0.03."""
    score, wrong, _ = pixels(2, images=20)
    want = average_precision_score(wrong.flatten().numpy(), score.flatten().numpy())
    for thresholds, tolerance in (([-1.0, *score.unique().tolist()], 1e-9), (None, 0.03)):
        sweep = ThresholdSweep(thresholds)
        sweep.update(score, wrong)
        assert sweep.curve().average_precision == pytest.approx(want, abs=tolerance)
    empty = ThresholdSweep()
    empty.update(score, torch.zeros_like(wrong))
    assert math.isnan(empty.curve().average_precision)


def test_bad_input_is_refused():
    score, wrong, valid = pixels()
    with pytest.raises(ConfigError, match="different shapes"):
        localization_counts(score[:, 1:] > 0.5, wrong)
    with pytest.raises(ConfigError, match="different shapes"):
        ThresholdSweep().update(score, wrong, valid[:1])
    with pytest.raises(ConfigError, match="ascending"):
        ThresholdSweep([0.5, 0.5])
    with pytest.raises(ConfigError, match="positive is 'void'"):
        localization_scores(torch.zeros(4), "void")
