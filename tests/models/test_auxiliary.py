"""An auxiliary classifier on any network."""

from __future__ import annotations

import pytest
import torch

from udalib.core.errors import ConfigError
from udalib.models import create_network
from udalib.models.auxiliary import AuxiliaryHead, attach_auxiliary
from udalib.recipes.networks import build_network
from udalib.recipes.spec.network_specs import NetworkSpec

IMAGES = torch.rand(2, 3, 33, 47, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize(("level", "stride"), [(-2, 8), (-1, 16), (0, 2), (2, 8)])
def test_logits_of_the_level_asked_for(level, stride):
    network = attach_auxiliary(create_network("streets", num_classes=5), level).eval()
    features = network.features(IMAGES)
    main, auxiliary = network.decode_all(features)
    assert torch.equal(main, network(IMAGES))
    assert auxiliary.shape == (2, 5, -(-33 // stride), -(-47 // stride))
    assert torch.equal(auxiliary, network.auxiliary(features))


def test_only_the_chosen_feature_and_those_below_it_get_its_gradient():
    network = attach_auxiliary(create_network("streets", num_classes=5), -2)
    network.decode_all(network.features(IMAGES))[1].sum().backward()
    assert network.encoder.stage2[0].conv1.weight.grad is not None
    assert network.encoder.stage3[0].conv1.weight.grad is None
    assert all(p.grad is None for p in network.decoder.parameters())
    assert all(p.grad is not None for p in network.auxiliary.parameters())


def test_it_belongs_to_the_network_but_not_to_its_predictions():
    plain = create_network("streets", num_classes=5)
    assert not plain.has_auxiliary
    network = attach_auxiliary(create_network("streets", num_classes=5))
    assert network.has_auxiliary
    added = set(network.state_dict()) - set(plain.state_dict())
    assert added
    assert all(name.startswith("auxiliary.") for name in added)
    assert isinstance(network.auxiliary, AuxiliaryHead)
    plain.load_state_dict({k: v for k, v in network.state_dict().items() if k not in added})
    assert torch.equal(plain.eval()(IMAGES), network.eval()(IMAGES))


def test_networks_with_levels_of_their_own_say_so():
    with torch.device("meta"):
        assert create_network("advent_resnet101").has_auxiliary
        assert not create_network("adaptsegnet_resnet101_single").has_auxiliary
        assert create_network("da-resnet50_v1c").has_auxiliary


def test_an_attached_head_replaces_the_decoder_s_own():
    with torch.device("meta"):
        network = attach_auxiliary(create_network("advent_resnet101", num_classes=7))
        outputs = network.decode_all(network.features(torch.empty(1, 3, 64, 64)))
    assert len(outputs) == 2
    assert outputs[1].shape == (1, 7, 9, 9)


def test_a_recipe_s_network_gets_one():
    assert build_network(NetworkSpec.of("streets"), 5).auxiliary is None
    network = build_network(NetworkSpec("streets", auxiliary=-3), 5)
    assert isinstance(network.auxiliary, AuxiliaryHead)
    assert network.auxiliary.level == -3
    assert network.auxiliary.classifier.out_channels == 5


@pytest.mark.parametrize("level", [4, -5])
def test_a_level_that_is_not_there(level):
    with pytest.raises(ConfigError, match=f"the encoder has 4 features, so there is no level {level}; -2 is usual"):
        attach_auxiliary(create_network("streets"), level)
