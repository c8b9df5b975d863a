"""DSCL: equal forms, SCL as a case of it, classes with one image, empty queues; views and distillation."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from udalib.core.draws import Draws
from udalib.core.errors import ConfigError
from udalib.models.feature_queue import FeatureQueue
from udalib.ops.contrast_views import ViewMaker, crop_resize, draw_boxes
from udalib.ops.decoupled_contrast import alpha_of, contrast_loss, patch_distillation, positive_weights

B = 4


def case(seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    features = F.normalize(torch.randn(2 * B + 12, 8, generator=generator, dtype=torch.float64), dim=1)
    queries = torch.tensor([5, 1, 1, 2])
    return features, torch.cat([queries, queries, torch.randint(0, 3, (12,), generator=generator)])


def log_p(features: torch.Tensor) -> torch.Tensor:
    logits = features[:B] @ features.T / 0.07
    logits[torch.arange(B), torch.arange(B)] = -torch.inf
    return logits.log_softmax(1)


def test_weights_share_out_one() -> None:
    _, labels = case()
    for positives in ("decoupled", "alike"):
        weight = positive_weights(labels, B, 0.1, positives)
        assert torch.allclose(weight.sum(1), torch.ones(B))
        assert not weight[torch.arange(B), torch.arange(B)].any()
    decoupled = positive_weights(labels, B, 0.1)
    assert decoupled[0, B] == 1  # a class with one image: its own view is all there is
    assert torch.allclose(decoupled[torch.arange(1, B), torch.arange(B + 1, 2 * B)], torch.tensor(0.1))


def test_the_paper_s_form_and_scl_by_hand() -> None:
    features, labels = case()
    logs = log_p(features)
    by_hand, alike = [], []
    for i in range(B):
        others = [j for j in range(len(labels)) if labels[j] == labels[i] and j not in (i, B + i)]
        own, rest = logs[i, B + i], logs[i, others]
        by_hand.append(-(0.2 * own + 0.8 * rest.mean()) if others else -own)
        alike.append(-(own + rest.sum()) / (len(others) + 1))
    assert torch.allclose(contrast_loss(features, labels, B, alpha=0.2), torch.stack(by_hand).mean())
    assert torch.allclose(contrast_loss(features, labels, B, positives="alike"), torch.stack(alike).mean())


def test_alone_in_every_class_it_is_instance_discrimination() -> None:
    features, _ = case()
    labels = torch.cat([torch.arange(B), torch.arange(B), torch.full((12,), -1)])
    info_nce = -log_p(features)[torch.arange(B), torch.arange(B, 2 * B)].mean()
    for alpha in (0.1, 0.5, 1.0):
        assert torch.allclose(contrast_loss(features, labels, B, alpha=alpha), info_nce)


def test_no_query_and_no_patch_give_zero() -> None:
    features, labels = case()
    assert contrast_loss(features, labels, 0) == 0
    assert patch_distillation(*(torch.zeros(0, B, 8),) * 2, features[:B].float(), features.float()) == 0


def test_the_gradient_reaches_the_patches_alone() -> None:
    features, _ = case()
    regions, patches = (features[None, s : s + B].clone().requires_grad_() for s in (0, B))
    patch_distillation(regions, patches, features[:B], features).backward()
    assert regions.grad is None
    assert patches.grad is not None


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: contrast_loss(torch.zeros(3, 2), torch.zeros(3), 2), "2 queries in features"),
        (lambda: contrast_loss(torch.zeros(4, 2), torch.zeros(4), 2, temperature=0.0), "temperature 0.0"),
        (lambda: contrast_loss(torch.zeros(4, 2), torch.zeros(4), 2, alpha=1.5), "alpha 1.5"),
        (lambda: alpha_of(-1.0), "beta is -1.0"),
        (lambda: patch_distillation(*[torch.zeros(1, 2, 3)] * 2, torch.zeros(3, 3), torch.zeros(4, 3)), "do not fit"),
        (lambda: FeatureQueue(8, 0), "a queue of 0 features of 8 dimensions is empty"),
        (lambda: FeatureQueue(8, 3).enqueue(torch.zeros(4, 8), torch.zeros(4)), "4 keys do not fit a queue of 3"),
        (lambda: ViewMaker(patch_scale=(0.5, 0.2)), "a scale from 0.5 to 0.2"),
    ],
)
def test_what_is_refused(call, message) -> None:
    with pytest.raises(ConfigError, match=message):
        call()


def test_an_empty_queue_has_no_class() -> None:
    assert FeatureQueue(4, 6).labels.tolist() == [-1] * 6
    assert (FeatureQueue(4, 600, 3, official=True).labels.unique() == torch.arange(3)).all()
    queue = FeatureQueue(4, 5)
    for start in range(0, 6, 3):  # five places, twice three keys: the last one wraps around
        queue.enqueue(torch.full((3, 4), float(start)), torch.arange(start, start + 3))
    assert queue.labels.tolist() == [5, 1, 2, 3, 4]
    assert int(queue.queue_ptr) == 1


def test_boxes_lie_inside_and_a_crop_is_what_they_say() -> None:
    draws = Draws.for_batch(0, "t", 0, range(50))
    boxes = draw_boxes((30, 40), (0.05, 0.6), draws)
    area = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1]) / 1200
    assert (boxes[:, :2] >= 0).all()
    assert (boxes[:, 2] <= 40).all()
    assert (boxes[:, 3] <= 30).all()
    assert 0.03 < area.min() < area.max() < 0.65
    image = torch.rand(1, 3, 30, 40)
    cut = crop_resize(image, torch.tensor([[4.0, 2.0, 24.0, 12.0]]), (10, 20))
    assert torch.allclose(cut, image[:, :, 2:12, 4:24], atol=1e-5)


def test_views_have_their_sizes() -> None:
    views = ViewMaker((16, 24), patches=2, patch_size=8)(torch.rand(3, 3, 30, 40), Draws.for_batch(0, "t", 0, range(3)))
    assert views.query.shape == views.key.shape == (3, 3, 16, 24)
    assert views.patches.shape == (2, 3, 3, 8, 8)
    assert views.boxes.shape == (2, 3, 4)
