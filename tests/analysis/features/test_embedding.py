"""PCA, t-SNE, Procrustes and stability: by hand, against SciPy, deterministic, and refused where they make no sense."""

import importlib.util

import numpy as np
import pytest
from scipy.spatial import procrustes as scipy_procrustes
from scipy.spatial.distance import pdist

from udalib.analysis.features import (
    Tsne,
    neighbour_overlap,
    principal,
    procrustes,
    shared_tsne,
    stability,
    trustworthiness,
    tsne,
    unit_scatter,
)
from udalib.core.errors import ConfigError, DataError

QUICK = Tsne(perplexity=5, iterations=250)
SETTLED = Tsne(perplexity=5, iterations=500)


@pytest.fixture(scope="module")
def clusters():
    """Three clusters of 20 points in 10 dimensions, and their numbers."""
    random = np.random.default_rng(0)
    which = np.repeat(np.arange(3), 20)
    return random.normal(size=(60, 10)) + 20 * np.eye(10)[which], which


def rotation(size, seed=0):
    return np.linalg.qr(np.random.default_rng(seed).normal(size=(size, size)))[0]


def test_principal_components_keep_distances(clusters):
    assert pdist(principal(clusters[0])) == pytest.approx(pdist(clusters[0]))
    assert principal(clusters[0], 3).shape == (60, 3)
    assert np.array_equal(principal(clusters[0], 3), principal(clusters[0].copy(), 3))


def test_unit_scatter_by_hand():
    assert unit_scatter([[0.0], [2.0]]).tolist() == [[-1.0], [1.0]]
    assert unit_scatter(np.ones((3, 2))).tolist() == [[0, 0]] * 3


def test_clusters_stay_together_and_the_seed_says_the_picture(clusters):
    vectors, which = clusters
    first = tsne(vectors, SETTLED)
    centres = np.stack([first[which == c].mean(axis=0) for c in range(3)])
    nearest = np.square(first[:, None] - centres[None]).sum(axis=2).argmin(axis=1)
    assert np.array_equal(nearest, which)
    assert np.array_equal(first, tsne(vectors, SETTLED))
    random = Tsne(perplexity=5, iterations=250, init="random")
    assert not np.allclose(tsne(vectors, random), tsne(vectors, Tsne(5, 250, seed=1, init="random")))
    assert np.square(first).sum(axis=1).mean() == pytest.approx(1)


def test_networks_that_see_the_same_share_their_places(clusters):
    vectors, _ = clusters
    turned = 7 * vectors @ rotation(10) + 3
    wider = np.hstack([turned, np.zeros((60, 4))])
    found = shared_tsne({"a": vectors, "b": wider}, SETTLED)
    assert np.linalg.norm(found["a"] - found["b"], axis=1).max() < 0.15  # of a mean distance of 1 from the middle
    alone = shared_tsne({"a": vectors}, QUICK)["a"]
    assert alone == pytest.approx(tsne(unit_scatter(principal(vectors)), QUICK), abs=1e-6)
    with pytest.raises(DataError, match=r"the same points everywhere, got \[60, 59\]"):
        shared_tsne({"a": vectors, "b": vectors[1:]}, QUICK)


def test_too_few_points_or_iterations_are_refused(clusters):
    with pytest.raises(DataError, match="a perplexity of 30 needs more than 90 points, got 60; take .* below 20"):
        tsne(clusters[0])
    with pytest.raises(ConfigError, match="at least 250 iterations, got 100"):
        tsne(clusters[0], Tsne(perplexity=5, iterations=100))


def test_another_engine_where_it_is_installed(clusters):
    settings = Tsne(perplexity=5, iterations=300, engine="opentsne")
    if importlib.util.find_spec("openTSNE") is None:
        with pytest.raises(ConfigError, match="pip install openTSNE"):
            tsne(clusters[0], settings)
        pytest.skip("openTSNE is not installed")
    assert neighbour_overlap(clusters[0], tsne(clusters[0], settings), 15) > 0.3


def test_procrustes_undoes_shift_turn_mirror_and_scale():
    points = np.random.default_rng(0).normal(size=(20, 2))
    moved = 3 * points @ rotation(2) @ np.diag([1, -1]) + [5, 6]
    found = procrustes(moved, points)
    assert found.aligned == pytest.approx(points)
    assert found.residual == pytest.approx(0, abs=1e-12)
    assert found.scale == pytest.approx(1 / 3)
    rigid = procrustes(moved, points, scaling=False)
    assert pdist(rigid.aligned) == pytest.approx(pdist(moved))
    assert rigid.aligned.mean(axis=0) == pytest.approx(points.mean(axis=0))


def test_the_residual_is_scipys_disparity():
    random = np.random.default_rng(0)
    one, other = random.normal(size=(15, 3)), random.normal(size=(15, 3))
    wanted = scipy_procrustes(one, other)[2]
    assert procrustes(one, other).residual == procrustes(one, other, scaling=False).residual == pytest.approx(wanted)
    assert procrustes(other, one).residual == pytest.approx(wanted)
    with pytest.raises(DataError, match=r"shape \(15, 3\) cannot be turned onto those of shape \(15, 2\)"):
        procrustes(one, other[:, :2])
    with pytest.raises(DataError, match="all coincide"):
        procrustes(np.zeros((3, 2)), one[:3, :2])


def test_overlap_is_1_for_one_shape_0_for_chance_and_by_hand_between():
    random = np.random.default_rng(0)
    points = random.normal(size=(200, 2))
    assert neighbour_overlap(points, 3 * points @ rotation(2) + 1) == pytest.approx(1)
    assert neighbour_overlap(points, random.normal(size=(200, 2))) == pytest.approx(0, abs=0.03)
    line, other = np.array([[0.0], [1.0], [3.0], [7.0]]), np.array([[0.0], [1.0], [3.0], [-2.5]])
    assert neighbour_overlap(line, other, 1) == pytest.approx((3 * 0.75 - 1) / 2)  # the last looks to the other end
    with pytest.raises(DataError, match="15 neighbours need more than 16 points, got 4"):
        neighbour_overlap(line, other)


def test_trustworthiness_punishes_false_neighbours(clusters):
    vectors, _ = clusters
    assert trustworthiness(vectors, vectors, 5) == 1.0
    assert trustworthiness(vectors, np.random.default_rng(0).normal(size=(60, 2)), 5) < 0.7
    with pytest.raises(DataError, match="more than 80 points"):
        trustworthiness(vectors, vectors, 40)


def test_stability_compares_perplexities_and_seeds(clusters):
    vectors, _ = clusters
    found = stability(vectors, QUICK, perplexities=(5, 10), seeds=(0, 1), k=10)
    assert found.settings == ((5, 0), (5, 1), (10, 0), (10, 1))
    assert np.diag(found.overlap) == pytest.approx(1)
    assert found.overlap == pytest.approx(found.overlap.T)
    assert found.residual == pytest.approx(found.residual.T)
    pairs = found.overlap[np.triu_indices(4, 1)]
    assert found.score == pytest.approx(pairs.mean())
    assert found.over_seeds == pytest.approx((pairs[0] + pairs[5]) / 2)
    assert found.over_perplexities == pytest.approx((pairs[1] + pairs[4]) / 2)
    assert found.kept.min() > 0.1
    assert len(found.trust) == len(found.pictures) == 4
    assert [p for p, _ in stability(vectors, QUICK, seeds=(0,), k=10).settings] == [2.5, 5, 10]
    one = stability(vectors, QUICK, perplexities=(5,), seeds=(0, 1), k=10)
    assert np.isnan(one.over_perplexities)
    with pytest.raises(ConfigError, match="at least two perplexities or seeds"):
        stability(vectors, QUICK, perplexities=(5,), seeds=(0,))
