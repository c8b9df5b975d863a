"""The memory's pure functions: weights, writes, losses."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional as F

from udalib.ops.memory import (
    ClassSums,
    class_means,
    class_sums,
    cohesion_loss,
    divergence_loss,
    gumbel_noise,
    mixture,
    similarity,
    soft_labels,
    unit_features,
    written,
)


def features(seed: int, *shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@given(seed=st.integers(0, 100), classes=st.integers(1, 5))
def test_reading_mixes_unit_items(seed: int, classes: int) -> None:
    items = F.normalize(features(seed, classes, 6), dim=1)
    query = unit_features(features(seed + 1, 2, 6, 3, 4))
    scores = similarity(query, items)
    assert scores.shape == (2, classes, 3, 4)
    assert scores.abs().max() <= 1 + 1e-9
    read = mixture(scores.softmax(1), items)
    assert read.shape == query.shape
    assert read.norm(dim=1).max() <= 1 + 1e-9


def test_soft_labels_of_a_label_at_its_size_are_one_hot_and_void_has_no_class() -> None:
    label = torch.tensor([[[0, 2], [255, 1]]])
    weights = soft_labels(label, (2, 2), 3)
    assert weights[0, :, 0, 0].tolist() == [1, 0, 0]
    assert weights[0, :, 1, 0].tolist() == [0, 0, 0]
    assert weights.sum().item() == 3


def test_void_pixels_dilute_the_weights_beside_them() -> None:
    """They take part in the bilinear reduction as if they were a class of their own."""
    label = torch.tensor([[[0, 0, 255, 255]] * 4])
    assert soft_labels(label, (1, 3), 1)[0, 0, 0].tolist() == [1, 0.5, 0]


@given(seed=st.integers(0, 100))
def test_sums_of_parts_add_up(seed: int) -> None:
    feature = features(seed, 4, 3, 2, 5)
    weights = torch.rand(4, 2, 2, 5, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    whole = class_sums(feature, weights)
    parts = [class_sums(feature[i : i + 2], weights[i : i + 2]) for i in (0, 2)]
    assert torch.allclose(whole.total, parts[0].total + parts[1].total)
    assert torch.allclose(whole.weight, parts[0].weight + parts[1].weight)
    by_hand = torch.stack([(weights[:, None, c] * feature).sum((0, 2, 3)) for c in range(2)])
    assert torch.allclose(whole.total, by_hand)


def test_a_write_moves_the_classes_seen_and_no_other() -> None:
    items = F.normalize(features(0, 3, 4), dim=1)
    sums = ClassSums(features(1, 3, 4), torch.tensor([2.0, 0.0, 1e-6], dtype=torch.float64))
    after = written(items, sums, 0.8)
    assert torch.equal(after[1], F.normalize(items, dim=1)[1])
    assert torch.allclose(after.norm(dim=1), torch.ones(3, dtype=torch.float64))
    want = F.normalize(0.8 * items[2] + 0.2 * sums.total[2] / 1e-6, dim=0)
    assert torch.allclose(after[2], want)
    assert torch.allclose(written(items, sums, 0.8, min_weight=0.1)[2], items[2])


def test_a_class_never_seen_stays_zero_and_gives_finite_gradients() -> None:
    """Its mean is 0 / 1, its length 0, which nothing may divide by."""
    total = features(2, 2, 4).requires_grad_()
    sums = ClassSums(total, torch.tensor([1.0, 0.0], dtype=torch.float64))
    after = written(torch.zeros(2, 4, dtype=torch.float64), sums, 0.8)
    assert after[1].abs().sum() == 0
    (divergence_loss(after) + after.sum()).backward()
    assert torch.isfinite(total.grad).all()
    assert total.grad[1].abs().sum() == 0
    assert class_means(sums)[1].abs().sum() == total[1].abs().sum()


def test_gradients_reach_the_sums_and_not_the_old_items() -> None:
    items = F.normalize(features(0, 2, 4), dim=1).requires_grad_()
    total = features(1, 2, 4).requires_grad_()
    written(items, ClassSums(total, torch.ones(2, dtype=torch.float64)), 0.8).sum().backward()
    assert items.grad is None
    assert total.grad.abs().sum() > 0


def test_divergence_counts_positive_cosines_of_pairs() -> None:
    corner = torch.eye(3)
    assert divergence_loss(corner) == 0
    assert divergence_loss(torch.ones(3, 1)) == 1
    assert divergence_loss(torch.tensor([[1.0], [-1.0]])) == 0  # opposite is as good as orthogonal
    assert divergence_loss(torch.ones(3, 1), margin=0.25) == 0.75
    assert divergence_loss(torch.ones(1, 4)) == 0


def test_cohesion_of_indifferent_scores_is_the_logarithm_of_k_and_a_temperature_sharpens_it() -> None:
    label = torch.tensor([[[0, 1], [255, 0]]])
    assert cohesion_loss(torch.zeros(1, 5, 2, 2), label) == pytest.approx(math.log(5))
    scores = torch.zeros(1, 2, 2, 2)
    scores[0, 0, 0, 0] = scores[0, 1, 0, 1] = scores[0, 0, 1, 1] = 1.0
    plain, sharp = cohesion_loss(scores, label), cohesion_loss(scores, label, 0.1)
    assert plain == pytest.approx(math.log(1 + math.exp(-1)))
    assert sharp < 1e-3
    assert cohesion_loss(scores, torch.full((1, 2, 2), 255)) == 0


def test_gumbel_noise_is_finite_and_swamps_small_differences() -> None:
    """The sheet's simulation: 0.9 among eighteen times 0.5 is the largest in 8 % of the draws, mean weight 0.070."""
    assert torch.isfinite(gumbel_noise(torch.tensor([0.0, 0.5, 1 - 2**-24]))).all()
    scores = torch.full((20_000, 19), 0.5)
    scores[:, 0] = 0.9
    drawn = scores + gumbel_noise(torch.rand(scores.shape, generator=torch.Generator().manual_seed(0)))
    assert (drawn.argmax(1) == 0).float().mean() == pytest.approx(0.08, abs=0.01)
    assert drawn.softmax(1)[:, 0].mean() == pytest.approx(0.070, abs=0.004)
    assert scores[:1].softmax(1)[0, 0] == pytest.approx(0.077, abs=0.001)
