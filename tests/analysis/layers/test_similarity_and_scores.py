"""Similarity of states and the rescaling of scores, against values known beforehand."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from udalib.analysis.layers import (
    aggregate_scores,
    chance_iou,
    layer_similarity,
    normalised_score,
    select_tokens,
    similarity_groups,
)
from udalib.core.errors import ConfigError, UnknownNameError

STATES = torch.randn(4, 3, 6, 5, generator=torch.Generator().manual_seed(0))


@given(st.integers(0, 10**6), st.floats(0.1, 10))
def test_similarity_is_symmetric_with_a_unit_diagonal_whatever_the_scale(seed, scale):
    states = torch.randn(4, 2, 3, 5, generator=torch.Generator().manual_seed(seed))
    matrix = layer_similarity(states)
    assert torch.equal(matrix, matrix.T)
    assert torch.allclose(matrix.diagonal(), torch.ones(4, dtype=torch.float64), atol=1e-12)
    assert torch.allclose(layer_similarity(states * scale), matrix, atol=1e-6)
    assert float(matrix.abs().max()) <= 1 + 1e-12


def test_similarity_is_the_mean_over_samples_of_whole_states():
    expected = torch.cosine_similarity(STATES[1].flatten(1), STATES[3].flatten(1)).mean()
    assert float(layer_similarity(STATES)[1, 3]) == pytest.approx(float(expected), abs=1e-6)
    opposite = torch.stack([STATES[0], -STATES[0]])
    assert layer_similarity(opposite)[0, 1].item() == pytest.approx(-1)


def test_tokens_are_chosen_and_judged_apart():
    states = STATES[:2].clone()
    states[1, :, 1:] = states[0, :, 1:]
    states[1, :, 0] = -states[0, :, 0]
    assert layer_similarity(states, "cls")[0, 1].item() == pytest.approx(-1)
    assert layer_similarity(states, "patch")[0, 1].item() == pytest.approx(1)
    assert -1 < layer_similarity(states)[0, 1] < 1
    assert select_tokens(STATES, "patch", prefix_tokens=4).shape[2] == 2
    assert select_tokens(STATES, "patch", prefix_tokens=0).shape == STATES.shape
    with pytest.raises(UnknownNameError, match="Did you mean: patch"):
        layer_similarity(STATES, "patches")
    for tokens, prefix in (("cls", 0), ("patch", 6)):
        with pytest.raises(ConfigError, match="of 6 tokens"):
            layer_similarity(STATES, tokens, prefix_tokens=prefix)


def test_groups_are_runs_in_which_all_are_alike():
    matrix = torch.eye(6)
    matrix[1:4, 1:4] = matrix[4:, 4:] = 0.95
    matrix[1, 3] = matrix[3, 1] = 0.8
    assert similarity_groups(matrix, 0.9) == [(0, 0), (1, 2), (3, 3), (4, 5)]
    assert similarity_groups(matrix, 0.5) == [(0, 0), (1, 3), (4, 5)]
    assert similarity_groups(torch.ones(3, 3)) == [(0, 2)]


def test_scores_are_rescaled_between_chance_and_the_untouched_network():
    values = normalised_score(np.array([[0.6, 0.1], [0.05, 0.35]]), full=0.6, chance=0.1)
    assert values == pytest.approx(np.array([[1, 0], [-0.1, 0.5]]))
    for full in (0.1, 0.05, float("nan")):
        with pytest.raises(ConfigError, match="nothing to measure losses by"):
            normalised_score(0.3, full=full, chance=0.1)


def test_guessing_by_frequency_has_the_iou_that_counting_gives():
    shares = np.array([0.6, 0.3, 0.1])
    random = np.random.default_rng(0)
    truth, guess = (random.choice(3, 200_000, p=shares) for _ in range(2))
    counted = [np.mean((truth == c) & (guess == c)) / np.mean((truth == c) | (guess == c)) for c in range(3)]
    assert chance_iou(10 * shares) == pytest.approx(np.mean(counted), abs=3e-3)  # standard error 1e-3
    for wrong in ([], [0.0, 0.0], [1.0, -0.1]):
        with pytest.raises(ConfigError, match="class frequencies"):
            chance_iou(wrong)


def test_tasks_are_aggregated_by_median_or_mean():
    scores = {"a": [0.0, 1.0], "b": [0.2, 1.0], "c": [1.0, 0.4]}
    assert aggregate_scores(scores).tolist() == [0.2, 1.0]
    assert aggregate_scores(scores, "mean") == pytest.approx(np.array([0.4, 0.8]))
    with pytest.raises(UnknownNameError, match="Did you mean: mean"):
        aggregate_scores(scores, "meen")
    with pytest.raises(ConfigError, match="no task"):
        aggregate_scores({})
