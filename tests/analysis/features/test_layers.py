"""Names of layers, and what is captured there: against the network's own functions."""

import pytest
import torch
from torch import nn

from udalib.analysis.features import captured, layer_names
from udalib.core.errors import ConfigError, UnknownNameError
from udalib.core.seeding import seeded
from udalib.methods.shared.teacher import Teacher
from udalib.models import SegmentationNetwork, create_network
from udalib.recipes import get_recipe
from udalib.recipes.build import build_method

IMAGES = torch.rand(2, 3, 32, 64, generator=torch.Generator().manual_seed(0))


@pytest.fixture(scope="module")
def network():
    with seeded(0):
        return create_network("streets").eval()


def test_shared_names_are_the_networks_own_features(network):
    names = [*(f"encoder.{i}" for i in range(4)), "decoder", "logits", "encoder.stage1"]
    with torch.no_grad(), captured(network, names) as maps:
        logits = network(IMAGES)
    features = network.features(IMAGES)
    for i, wanted in enumerate(features):
        assert torch.equal(maps[f"encoder.{i}"], wanted)
    assert torch.equal(maps["encoder.stage1"], features[1])
    assert torch.equal(maps["logits"], logits)
    assert torch.allclose(network.decoder.classifier(maps["decoder"]), logits)
    assert not maps["decoder"].requires_grad


def test_hooks_are_gone_afterwards_even_after_an_error(network):
    def hooks():
        return sum(len(m._forward_hooks) + len(m._forward_pre_hooks) for m in network.modules())

    with captured(network, ["decoder", "encoder.0"]):
        assert hooks() > 0
        network(IMAGES)
    assert hooks() == 0
    with pytest.raises(RuntimeError, match="broken"), captured(network, ["logits"]):
        raise RuntimeError("broken")
    assert hooks() == 0


def test_the_network_that_predicts_is_watched_not_its_teacher(network):
    method = nn.Module()
    method.network, method.teacher = network, Teacher(create_network("streets"), 0.9).eval()
    with torch.no_grad(), captured(method, ["encoder.3"]) as maps:
        method.teacher.network(IMAGES)
    assert torch.equal(maps["encoder.3"], method.teacher.network.features(IMAGES)[3])
    assert not torch.equal(maps["encoder.3"], network.features(IMAGES)[3])


def test_two_scales_show_the_context():
    method = build_method(get_recipe("streets/hrda", "quick"), pretrained=False).eval()
    images = torch.rand(1, 3, 64, 128)
    with torch.no_grad(), captured(method, ["encoder.0", "decoder", "logits"]) as maps:
        method.predict(images)
    assert [tuple(each.shape[-2:]) for each in maps.values()] == [(16, 32), (16, 32), (32, 64)]
    context = method.network.features(method.network.context(images))[0]
    assert torch.allclose(maps["encoder.0"], context, atol=1e-5)  # not the detail windows, of the same size here


def test_an_unused_classifier_is_passed_over():
    network = create_network("segformer-mit_b0", decoder_options={"embed_dim": 32, "unused_channels": 8}).eval()
    with torch.no_grad(), captured(network, ["decoder"]) as maps:
        network(IMAGES)
    assert maps["decoder"].shape[1] == 32


def test_the_last_of_several_convolutions_with_a_channel_a_class_is_the_classifier():
    class Refined(nn.Module):
        num_classes = 5

        def __init__(self):
            super().__init__()
            self.rough, self.fine = nn.Conv2d(7, 5, 1), nn.Conv2d(5, 5, 1)

        def forward(self, features):
            return self.fine(self.rough(features[-1]).relu())

    class Encoder(nn.Conv2d):
        channels = (7,)

        def forward(self, x):
            return [super().forward(x)]

    network = SegmentationNetwork(Encoder(3, 7, 2, 2), Refined()).eval()
    with torch.no_grad(), captured(network, ["decoder"]) as maps:
        logits = network(IMAGES)
    assert torch.allclose(network.decoder.fine(maps["decoder"]), logits)


def test_bad_layers_are_refused_with_the_nearest_names(network):
    assert layer_names(network)[:6] == ["encoder.0", "encoder.1", "encoder.2", "encoder.3", "decoder", "logits"]
    with pytest.raises(UnknownNameError, match=r"unknown layer 'encoder.9'. Did you mean: .*encoder\.3"):
        captured(network, ["encoder.9"]).__enter__()
    with pytest.raises(UnknownNameError, match=r"Did you mean: decoder"):
        captured(network, ["decodr"]).__enter__()
    with pytest.raises(ConfigError, match="each once"):
        captured(network, ["decoder", "decoder"]).__enter__()
    with pytest.raises(ConfigError, match="layers are none"):
        captured(network, []).__enter__()
    with (
        pytest.raises(ConfigError, match="'decoder.classifier' did not run"),
        captured(network, ["decoder.classifier"]),
    ):
        network.features(IMAGES)
    with pytest.raises(ConfigError, match="gives a list, not a map"), captured(network, ["encoder"]):
        network(IMAGES)
    tokens = nn.Sequential(nn.Flatten())
    with pytest.raises(ConfigError, match=r"gives shape \(2, 6144\), not a map"), captured(tokens, ["0"]):
        tokens(IMAGES)
