"""Pulls on an anchor: the formula against the gradient of the loss, the paper's two ratios, random anchors."""

import pytest
import torch

from udalib.analysis.longtail import pulls, random_anchors, start_ratio
from udalib.core.errors import ConfigError
from udalib.ops.decoupled_contrast import contrast_loss

COUNTS = [60, 20, 5, 1]
OPTIONS = {"temperature": 0.07, "alpha": 0.1}


@pytest.mark.parametrize("positives", ["alike", "decoupled"])
@pytest.mark.parametrize("cosine", [0.0, 0.6])
def test_pulls_are_the_lengths_of_the_gradient_s_parts(positives, cosine):
    given = random_anchors(COUNTS, 0, cosine=cosine, dim=16)
    found = pulls(given, **OPTIONS, positives=positives)
    for place, count in enumerate(COUNTS):
        features, labels = given.features(place)
        leaf = features.double().requires_grad_()
        contrast_loss(leaf, labels, 1, **OPTIONS, positives=positives).backward()
        norm, same = leaf.grad.norm(dim=1), labels[2:] == place
        assert int(found.count[place]) == count == int(same.sum())
        assert float(found.own[place]) == pytest.approx(float(norm[1]), rel=1e-4)
        assert float(found.others[place]) == pytest.approx(float(norm[2:][same].sum()), rel=1e-4)
    expected = ((given.anchors * given.own).sum(1) / 0.07).exp()
    total = expected + (given.anchors @ given.queue.T / 0.07).exp().sum(1)
    assert torch.allclose(found.probability, expected / total, rtol=1e-4)


def test_where_p_is_near_zero_the_ratios_are_the_paper_s():
    given = random_anchors([400, 40, 4, 4000], 1)
    for positives in ("alike", "decoupled"):
        ratio = pulls(given, temperature=1.0, alpha=0.2, positives=positives).ratio[:3]
        wanted = torch.tensor([start_ratio(n, 0.2, positives) for n in (400, 40, 4)])
        assert torch.allclose(ratio, wanted, rtol=0.2), positives  # 400 of 4448 entries hold a tenth of the p
    assert start_ratio(7, 0.2, "alike") == pytest.approx(1 / 7)
    assert start_ratio(7, 0.2, "decoupled") == pytest.approx(0.25)


def test_an_anchor_without_others_is_pulled_by_its_own_view_alone():
    found = pulls(random_anchors([5, 0], 0, dim=8), **OPTIONS, positives="decoupled")
    assert found.count.tolist() == [5, 0]
    assert found.others[1] == 0
    assert found.ratio[1] == torch.inf


def test_random_anchors_have_the_cosine_that_was_asked_for():
    given = random_anchors([3, 2], 0, cosine=0.7)
    assert torch.allclose((given.anchors * given.own).sum(1), torch.full((2,), 0.7), atol=1e-5)
    assert given.queue_labels.tolist() == [0, 0, 0, 1, 1]
    for vectors in (given.anchors, given.own, given.queue):
        assert torch.allclose(vectors.norm(dim=1), torch.ones(len(vectors)), atol=1e-5)
    assert torch.equal(given.queue, random_anchors([3, 2], 0).queue)
    assert not torch.equal(given.queue, random_anchors([3, 2], 1).queue)


def test_what_is_refused():
    with pytest.raises(ConfigError, match=r"\|P\| = 0 at alpha 0.1"):
        start_ratio(0, 0.1, "alike")
    with pytest.raises(ConfigError, match=r"alpha 1"):
        start_ratio(3, 1.0, "decoupled")
    with pytest.raises(ConfigError, match="temperature is 0"):
        pulls(random_anchors([3], 0), temperature=0, alpha=0.1, positives="alike")
    with pytest.raises(ConfigError, match=r"classes of \[0\] entries"):
        random_anchors([0], 0)
    with pytest.raises(ConfigError, match="cosine 2"):
        random_anchors([3], 0, cosine=2)
