"""Class vectors over time, their discrepancy, histogram matching, feature mixing, labels across frames."""

import pytest
import torch

from udalib.core.errors import ConfigError
from udalib.ops.centroids import class_centroids, fuse_over_time, mmd_rbf, temporal_weights
from udalib.ops.cross_frame import carried_labels, mirrored_back, own_labels
from udalib.ops.feature_mixing import mix_features, nearest, shrink_mask
from udalib.ops.histogram_matching import match_histograms
from udalib.ops.pil_round_trip import pil_round_trip
from udalib.ops.warp import mirror_flow


def noise(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def scores_of(label, classes=4, high=5.0):
    """Logits that are sure of ``label`` (B, h, w)."""
    return torch.nn.functional.one_hot(label, classes).movedim(-1, 1).float() * high


def test_a_class_vector_is_the_mean_score_where_it_is_predicted():
    scores = noise(2, 4, 6, 8)
    predicted = scores.argmax(1)
    found = class_centroids(scores, min_pixels=1)
    for b in range(2):
        for c in range(4):
            want = scores[b][:, predicted[b] == c].mean(1)
            torch.testing.assert_close(found.vectors[b, c], want)


def test_few_and_wrong_and_unsure_pixels_make_no_vector():
    label = torch.zeros(1, 4, 4, dtype=torch.int64)
    label[0, 0, :2] = 1
    scores = scores_of(label)
    assert class_centroids(scores, min_pixels=3).present.tolist() == [[True, False, False, False]]
    assert class_centroids(scores, min_pixels=2).present.tolist() == [[True, True, False, False]]
    wrong = label.clone()
    wrong[label == 1] = 255
    assert class_centroids(scores, wrong, min_pixels=1).present.tolist() == [[True, False, False, False]]
    assert not class_centroids(scores, threshold=0.999).present.any()
    assert (class_centroids(scores, min_pixels=3).vectors[0, 1:] == 0).all()


def test_the_surer_pair_weighs_more_unless_the_published_sign_is_asked_for():
    sure, unsure = scores_of(torch.zeros(2, 4, 4, dtype=torch.int64)), noise(2, 4, 4, 4) * 0.1
    assert (temporal_weights((sure, unsure), "sure")[0] > 0.5).all()
    assert (temporal_weights((sure, unsure), "unsure")[0] < 0.5).all()
    assert torch.equal(temporal_weights((sure, unsure), "equal"), torch.full((2, 2), 0.5))
    torch.testing.assert_close(temporal_weights((sure, unsure)).sum(0), torch.ones(2))
    with pytest.raises(ConfigError, match="temporal_trust is 'both'; choose equal, sure or unsure"):
        temporal_weights((sure,), "both")


def test_published_weights_hardly_move_and_a_scale_lets_them():
    sure, unsure = scores_of(torch.zeros(1, 4, 4, dtype=torch.int64), 19, high=50.0), torch.zeros(1, 19, 4, 4)
    first = torch.sigmoid(torch.tensor(1 / 19))  # the two entropies are 0 and 1 / 19, no pair can lie further apart
    torch.testing.assert_close(temporal_weights((sure, unsure))[0, 0], first)
    torch.testing.assert_close(temporal_weights((sure, unsure), scale=19)[0, 0], torch.sigmoid(torch.tensor(1.0)))
    torch.testing.assert_close(
        temporal_weights((sure, unsure), "unsure", scale=19)[1, 0], torch.sigmoid(torch.tensor(1.0))
    )


def test_fusion_is_the_weighted_sum():
    one, two = noise(2, 4, 4), noise(2, 4, 4, seed=1)
    fused = fuse_over_time((one, two), torch.tensor([[1.0, 0.25], [0.0, 0.75]]))
    torch.testing.assert_close(fused, torch.stack([one[0], 0.25 * one[1] + 0.75 * two[1]]))


def test_discrepancy_is_zero_for_equal_rows_grows_and_never_is_nan():
    x = noise(2, 5, 5)
    assert mmd_rbf(x, x).abs() < 1e-6
    assert mmd_rbf(x, x + 3) > mmd_rbf(x, x + 0.3) > 0
    zeros = torch.zeros(1, 5, 5, requires_grad=True)
    loss = mmd_rbf(zeros, zeros)
    loss.backward()
    assert loss == 0
    assert zeros.grad.isfinite().all()


def test_each_sample_has_its_own_discrepancy():
    x, y = noise(3, 5, 5), noise(3, 5, 5, seed=1)
    alone = torch.stack([mmd_rbf(x[i : i + 1], y[i : i + 1]) for i in range(3)])
    torch.testing.assert_close(mmd_rbf(x, y), alone.mean())


def test_a_matched_image_has_the_values_of_its_reference():
    image, reference = noise(2, 3, 8, 9), noise(2, 3, 8, 9, seed=1) * 4 + 2
    matched = match_histograms(image, reference)
    torch.testing.assert_close(matched.flatten(2).sort(-1).values, reference.flatten(2).sort(-1).values)
    assert torch.equal(matched.flatten(2).argsort(-1), image.flatten(2).argsort(-1))
    torch.testing.assert_close(match_histograms(image, image), image)
    plain = match_histograms(torch.zeros(1, 1, 2, 2), reference[:1, :1])
    torch.testing.assert_close(plain, reference[:1, :1].max().expand(1, 1, 2, 2))


def test_values_wrap_around_in_the_published_conversion():
    assert (pil_round_trip(torch.tensor([0.5, 1.1, -0.1])) * 255).round().tolist() == [127, 24, 231]


def test_features_are_mixed_only_where_something_was_pasted():
    x, other, mask = noise(1, 2, 2, 3), noise(1, 2, 2, 3, seed=1), torch.zeros(1, 4, 6)
    mask[0, 0, 0], mask[0, 3, 5] = 2, 1  # a cell is its top left pixel, so the second one is in none
    mixed = mix_features(x, other, mask, 0.3)
    torch.testing.assert_close(mixed[..., 0, 0], 0.7 * x[..., 0, 0] + 0.3 * other[..., 0, 0])
    assert torch.equal(mixed.flatten(2)[..., 1:], x.flatten(2)[..., 1:])
    assert shrink_mask(mask, (2, 3)).sum() == 1
    assert nearest(torch.tensor([[[1, 255, 3, 4]]]), (1, 2)).tolist() == [[[1, 3]]]


def test_labels_go_with_the_flow():
    label = torch.tensor([[[0, 1, 2, 3]]])
    flow = torch.tensor([1.0, 0.0]).view(1, 2, 1, 1).expand(1, 2, 1, 4)
    assert carried_labels(scores_of(label), flow).label.tolist() == [[[1, 2, 3, 3]]]
    full = carried_labels(scores_of(label, high=50), flow * 2, (1, 8), align_corners=False)
    assert full.label.shape == (1, 1, 8)
    assert (full.confidence <= 1).all()


def test_a_mirrored_frame_is_labelled_as_if_it_were_not():
    """By default at least; the published order of warp and mirror gives something else."""
    scores, flow = noise(2, 4, 5, 7), noise(2, 2, 5, 7, seed=1) * 2
    turned = torch.tensor([True, False])
    given = mirrored_back(scores, turned)
    want = carried_labels(scores, flow)
    assert torch.equal(carried_labels(given, flow, mirrored=turned).label, want.label)
    assert torch.equal(own_labels(given, mirrored=turned).label, own_labels(scores).label)
    official = carried_labels(given, flow, mirrored=turned, official=True)
    assert not torch.equal(official.label[0], want.label[0])
    assert torch.equal(official.label[1], want.label[1])
    right = carried_labels(given, torch.stack([mirror_flow(flow[0]), flow[1]]), official=True)
    assert torch.equal(
        mirrored_back(right.label, turned), want.label
    )  # with its own flow, mirroring comes last as well


def test_the_published_confidence_of_the_own_frame_is_a_logit():
    scores = noise(1, 4, 5, 7) * 3
    assert torch.equal(own_labels(scores, official=True).confidence, scores.max(1).values)
    assert own_labels(scores).confidence.max() <= 1


def test_one_mirror_entry_a_sample():
    with pytest.raises(ConfigError, match="one entry for 2 samples"):
        mirrored_back(noise(2, 3, 4), torch.tensor([True]))
