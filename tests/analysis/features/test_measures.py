"""Measures by hand, their ranges, and what may not change them."""

import numpy as np
import pytest

from udalib.analysis.calibration import expected_calibration_error, reliability_bins
from udalib.analysis.features import (
    MEASURES,
    centroid_distance,
    centroid_distances,
    coral,
    intra_inter,
    knn_purity,
    measures,
    mmd,
    proxy_a_distance,
    silhouette,
)
from udalib.core.errors import DataError


def column(*values):
    return np.array(values, dtype=float)[:, None]


@pytest.fixture
def cloud():
    """Two domains of 60 points in two classes, the target moved by 1."""
    random = np.random.default_rng(0)
    classes, domains = np.tile([0, 1], 60), np.repeat([0, 1], 60)
    features = random.normal(size=(120, 4)) + 4 * classes[:, None] * np.eye(4)[0] + domains[:, None] * np.eye(4)[1]
    return features, classes, domains


def test_mmd_by_hand():
    k = np.exp(-1 / 2)  # of points 1 apart at a bandwidth of 1
    assert mmd(column(0, 1), column(0, 1), bandwidth=1.0) == pytest.approx(k + k - 2 * (2 + 2 * k) / 4)
    assert mmd(column(0, 0), column(9, 9), bandwidth=1.0) == pytest.approx(2, abs=1e-9)  # nothing in common
    # Distances of the pairs, whose median is 2.5: 1 in the source, 3, 4, 2 and 3 across, 1 in the target.
    pairs = np.exp(-np.array([1, 9, 16, 4, 9, 1]) / (2 * 2.5**2))
    assert mmd(column(0, 1), column(3, 4)) == pytest.approx(pairs[0] + pairs[5] - pairs[1:5].sum() / 2)
    assert mmd(column(2, 2), column(2, 2)) == 0.0


def test_mmd_is_unbiased_where_domains_are_one():
    random = np.random.default_rng(0)
    found = [mmd(random.normal(size=(20, 2)), random.normal(size=(20, 2))) for _ in range(200)]
    assert min(found) < 0 < max(found)
    assert np.mean(found) == pytest.approx(0, abs=3 * np.std(found) / np.sqrt(200))


def test_coral_by_hand_and_blind_to_the_mean(cloud):
    assert coral(column(0, 2), column(5, 5)) == pytest.approx((2 - 0) ** 2 / 4)
    features = cloud[0]
    assert coral(features, features + 7) == pytest.approx(0)
    assert coral(features, 2 * features) > 0.1


def test_the_a_distance_is_2_where_a_line_parts_the_domains_and_0_where_nothing_does():
    random = np.random.default_rng(0)
    source = random.normal(size=(200, 3))
    assert proxy_a_distance(source, source + 20) == 2.0
    assert proxy_a_distance(source, random.normal(size=(200, 3))) < 0.3
    xor = np.repeat([[1, 1], [-1, -1]], 50, axis=0), np.repeat([[1, -1], [-1, 1]], 50, axis=0)
    assert proxy_a_distance(*xor) < 0.5  # no line can


def test_the_a_distance_is_tested_on_other_images():
    """Points of one image lie together, images of both domains anywhere: only the known images can be told apart."""
    random = np.random.default_rng(1)
    images = np.repeat(np.arange(12), 20)
    places = random.normal(size=(24, 30)) * 5
    source, target = (places[images + 12 * d] + random.normal(size=(240, 30)) for d in (0, 1))
    assert proxy_a_distance(source, target) > 1.5
    assert proxy_a_distance(source, target, source_groups=images, target_groups=images) < 1.0


def test_centroids_by_hand():
    features, classes, domains = column(0, 2, 10, 4, 20), np.array([0, 0, 1, 0, 2]), np.array([0, 0, 0, 1, 1])
    assert centroid_distances(features, classes, domains) == {0: 3.0}
    assert centroid_distance(np.hstack([features, 0 * features]), classes, domains) == 3.0
    with pytest.raises(DataError, match="no class has points in both domains"):
        centroid_distance(features[:3], classes[:3], domains[:3])


def test_intra_over_inter_by_hand():
    assert intra_inter(column(0, 2, 10, 12), [0, 0, 1, 1]) == pytest.approx(1 / 25)
    assert intra_inter(column(0, 2, 2, 0), [0, 0, 1, 1]) == np.inf


def test_silhouette_by_hand():
    a, b = 1.0, np.mean([5, 6])  # of the point 0: to its own class, to the other
    outer, inner = (b - a) / b, (4.5 - a) / 4.5
    assert silhouette(column(0, 1, 5, 6), [0, 0, 1, 1]) == pytest.approx((outer + inner) / 2)


def test_purity_by_hand_and_without_neighbours_of_the_same_image():
    features, classes = column(0, 1, 2, 3), np.array([0, 0, 1, 1])
    assert knn_purity(features, classes, 1, groups=None) in (0.5, 0.75, 1.0)
    assert knn_purity(column(0, 1, 2.5, 3), classes, 1) == 1.0
    assert knn_purity(column(0, 1, 2.5, 3), classes, 1, groups=[0, 0, 1, 1]) == 0.0
    across = knn_purity(column(0, 5, 1, 6), np.array([0, 1, 0, 0]), 1, domains=[0, 0, 1, 1])
    assert across == 0.5  # of the targets 1 and 6, the source 5 misnames 6
    with pytest.raises(DataError, match="fewer than 2 neighbours"):
        knn_purity(features, classes, 2, groups=[0, 0, 0, 1])


def test_purity_of_shuffled_classes_is_chance():
    random = np.random.default_rng(0)
    assert knn_purity(random.normal(size=(1200, 3)), random.integers(0, 4, 1200)) == pytest.approx(0.25, abs=0.03)


def test_calibration_error_by_hand():
    assert expected_calibration_error([0.9, 0.9, 0.6], [True, False, True]) == pytest.approx((0.8 + 0.4) / 3)
    assert reliability_bins([0.05, 1.0], [False, True]).pixels.tolist() == [1] + [0] * 8 + [1]
    with pytest.raises(DataError, match="values from 2 to 2"):
        expected_calibration_error([2.0], [True])
    with pytest.raises(DataError, match="got none"):
        expected_calibration_error([], [])


def test_the_table_does_not_see_scale_shift_or_rotation(cloud):
    features, classes, domains = cloud
    rotation = np.linalg.qr(np.random.default_rng(0).normal(size=(4, 4)))[0]
    optional = {"confidence": np.full(120, 0.8), "right": np.arange(120) % 5 > 0}
    first = measures(features, classes, domains, **optional)
    second = measures(100 * features @ rotation + 5, classes, domains, **optional)
    assert list(first) == list(MEASURES)
    assert second == pytest.approx(first, abs=1e-6)
    assert first["calibration_error"] == pytest.approx(0, abs=1e-9)
    assert first["accuracy"] == 0.8
    for name, value in first.items():
        low, high = MEASURES[name].low, MEASURES[name].high
        assert low is None or value >= low
        assert high is None or value <= high


def test_the_table_follows_the_gap_and_the_classes(cloud):
    features, classes, domains = cloud
    near = measures(features - domains[:, None] * np.eye(4)[1], classes, domains)
    far = measures(features + 5 * domains[:, None] * np.eye(4)[1], classes, domains)
    for name in ("a_distance", "mmd", "centroid_distance"):
        assert near[name] < far[name]
    mixed = measures(features, np.random.default_rng(0).permutation(classes), domains)
    for name in ("silhouette", "knn_purity", "source_to_target"):
        assert mixed[name] < near[name]
    assert mixed["intra_inter"] > near["intra_inter"]
    assert near["accuracy"] is near["calibration_error"] is None


def test_too_little_is_refused(cloud):
    features, classes, domains = cloud
    with pytest.raises(DataError, match="got \\[0\\]"):
        measures(features, classes, np.zeros(120))
    with pytest.raises(DataError, match="two classes or more"):
        measures(features, np.zeros(120), domains)
    with pytest.raises(DataError, match="two points of each domain"):
        mmd(features[:1], features)
    with pytest.raises(DataError, match="two points of each domain"):
        proxy_a_distance(features[:1], features)
