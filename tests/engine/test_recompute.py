"""Activation checkpointing: the same gradients from less memory, and only where that is so."""

import copy

import pytest
import torch
from torch import nn

from udalib.core.errors import ConfigError
from udalib.core.seeding import seeded
from udalib.engine.recompute import recompute_blocks, stacked_blocks
from udalib.models import create_network


@pytest.fixture(scope="module")
def network():
    with seeded(0):
        return create_network("segformer-mit_b0", num_classes=5).train()


def gradients(network, images):
    network.zero_grad()
    with seeded(1):  # stochastic depth
        network(images).square().mean().backward()
    return [p.grad.clone() for p in network.parameters() if p.grad is not None]


def saved_bytes(network, images):
    """Bytes that a forward pass keeps for the backward pass, counted once a tensor."""
    kept = {}
    with torch.autograd.graph.saved_tensors_hooks(lambda t: kept.update({t.data_ptr(): t.nbytes}) or t, lambda t: t):
        network(images)
    return sum(kept.values())


def test_gradients_stay_bit_for_bit_and_less_is_kept(network):
    images, plain = torch.rand(2, 3, 64, 64), copy.deepcopy(network)
    assert recompute_blocks(network) == 8
    wanted, found = gradients(plain, images), gradients(network, images)
    assert len(found) == len(wanted)
    assert all(torch.equal(a, b) for a, b in zip(found, wanted, strict=True))
    assert saved_bytes(network, images) < 0.7 * saved_bytes(plain, images)
    assert network.state_dict().keys() == plain.state_dict().keys()


def test_blocks_with_batchnorm_and_frozen_ones_are_left_alone():
    def block(*layers):
        return nn.Sequential(*layers)

    plain = nn.ModuleList(block(nn.Linear(2, 2), nn.GELU()) for _ in range(2))
    normed = nn.ModuleList(block(nn.Linear(2, 2), nn.BatchNorm1d(2)) for _ in range(2))
    frozen = copy.deepcopy(plain).requires_grad_(False)
    layers = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    found = list(stacked_blocks(nn.ModuleDict({"a": plain, "b": normed, "c": frozen, "d": layers})))
    assert found == list(plain)


def test_nothing_to_repeat_is_an_error():
    with pytest.raises(ConfigError, match="no stack of blocks without BatchNorm"):
        recompute_blocks(nn.Sequential(nn.Conv2d(3, 3, 1), nn.BatchNorm2d(3)))
