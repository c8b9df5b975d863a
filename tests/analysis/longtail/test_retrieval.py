"""Nearest neighbours, their precision by class, the probability of a class; pictures and parts as DSCL sees them."""

import pytest
import torch
import torch.nn.functional as F

from udalib.analysis.longtail import (
    PARTS,
    Gallery,
    anchors_of,
    class_mass,
    embed,
    nearest,
    precision_by_class,
    probe,
)
from udalib.core.errors import ConfigError, DataError
from udalib.methods import create_method
from udalib.models import create_network
from udalib.ops.contrast_views import crop_resize

AXES = torch.eye(3)


def gallery():
    features = F.normalize(torch.tensor([[1.0, 0, 0], [1, 0.2, 0], [0, 1, 0], [0, 0, 1]]), dim=1)
    return Gallery(torch.rand(4, 3, 8, 8), torch.tensor([0, 0, 1, 2]), features)


@pytest.fixture(scope="module")
def method():
    torch.manual_seed(0)
    network = create_network("pooled-streets", num_classes=3)
    options = {"dim": 16, "queue": 64, "view": (16, 16), "patches": 2, "patch_size": 8}
    return create_method("dscl", network, torch.optim.SGD(network.parameters(), 0.1), 3, **options).eval()


def test_the_nearest_come_first():
    place, cosine = nearest(AXES[0], gallery(), 3)
    assert place[:2].tolist() == [0, 1]
    assert cosine.tolist() == sorted(cosine.tolist(), reverse=True)
    assert float(cosine[0]) == 1
    assert nearest(AXES, gallery(), 2)[0].shape == (3, 2)
    with pytest.raises(ConfigError, match="5 neighbours of a gallery of 4"):
        nearest(AXES[0], gallery(), 5)


def test_precision_is_a_mean_by_class_of_the_query():
    queries, labels = AXES[[0, 0, 1]], torch.tensor([0, 1, 1])
    found = precision_by_class(queries, labels, gallery(), 2, 4)
    assert found[:2].tolist() == [1.0, 0.25]  # of class 1: none of two, and one of two
    assert found[2:].isnan().all()


def test_the_probability_of_a_class_adds_up_its_pictures():
    mass = class_mass(AXES[:2], gallery(), 0.1, 4)
    assert torch.allclose(mass.sum(1), torch.ones(2))
    p = (AXES[0] @ gallery().features.T / 0.1).softmax(0)
    assert torch.allclose(mass[0], torch.tensor([p[0] + p[1], p[2], p[3], 0]))
    with pytest.raises(ConfigError, match="temperature is 0"):
        class_mass(AXES, gallery(), 0, 3)


def test_a_gallery_needs_a_label_and_a_feature_a_picture():
    with pytest.raises(DataError, match="3 pictures, 2 labels and 3 features"):
        Gallery(torch.rand(3, 3, 8, 8), torch.zeros(2), torch.rand(3, 4))


def test_pictures_are_embedded_to_length_one_in_batches(method):
    images = torch.rand(5, 3, 16, 16)
    found = embed(method, images, batch=2)
    assert torch.allclose(found, method.query(images)[0], atol=1e-5)
    assert torch.allclose(found.norm(dim=1), torch.ones(5), atol=1e-5)
    assert not found.requires_grad
    with pytest.raises(ConfigError, match="only the method dscl embeds"):
        embed(torch.nn.Identity(), images)


def test_a_probe_looks_at_regions_of_the_whole_and_at_cuts_by_themselves(method):
    image = torch.rand(3, 16, 32)
    found = probe(method, image, 2)
    assert tuple(found.parts) == tuple(PARTS)
    part = found.parts["lower right"]
    assert part.box == (16.0, 8.0, 32.0, 16.0)
    assert torch.allclose(part.cut, crop_resize(image[None], torch.tensor([part.box]), (8, 8))[0])
    assert torch.allclose(part.alone, embed(method, part.cut[None])[0], atol=1e-5)
    _, last = method.query(image[None])
    region = method.query.regions(last, torch.tensor(part.box)[None, None], 32)[0, 0]
    assert torch.allclose(part.region, region, atol=1e-5)
    with pytest.raises(DataError, match=r"a picture is \(3, H, W\), got \(1, 8, 8\)"):
        probe(method, image[:1, :8, :8], 0)
    with pytest.raises(ConfigError, match="part 'all' has the box"):
        probe(method, image, 0, {"all": (0.5, 0, 0.5, 1)})
    with pytest.raises(ConfigError, match="no part"):
        probe(method, image, 0, {})


def test_anchors_are_contrasted_with_keys_of_the_other_pictures(method):
    images, labels = torch.rand(6, 3, 20, 20), torch.tensor([0, 0, 1, 1, 2, 2])
    found = anchors_of(method, torch.tensor([0, 5]), images, labels, seed=3)
    assert found.labels.tolist() == [0, 2]
    assert found.queue_labels.tolist() == [0, 1, 1, 2]
    assert found.anchors.shape == found.own.shape == (2, 16)
    again = anchors_of(method, torch.tensor([0, 5]), images, labels, seed=3)
    assert torch.equal(found.anchors, again.anchors)
    assert not torch.equal(found.own, anchors_of(method, torch.tensor([0, 5]), images, labels, seed=4).own)
    with pytest.raises(ConfigError, match="all 2 pictures are anchors"):
        anchors_of(method, torch.tensor([0, 1]), images[:2], labels[:2], 0)
