"""Effective receptive fields and attention maps."""

import pytest
import torch
from torch import nn

from udalib.core.errors import ConfigError
from udalib.models import MiTConfig, MixTransformer, StreetsEncoder, attention_maps, effective_receptive_field


def test_receptive_field_of_two_convolutions_is_5_by_5():
    network = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.Conv2d(4, 2, 3, padding=1))
    field = effective_receptive_field(network, torch.rand(2, 3, 20, 30), position=(0.25, 0.5))
    assert field.shape == (20, 30)
    rows, columns = field.nonzero().unbind(1)
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (3, 7, 13, 17)
    assert field.max() == 1
    assert field.min() == 0
    assert all(p.grad is None for p in network.parameters())


class Centred(nn.Conv2d):
    """A convolution whose channels sum to 0, as those behind a LayerNorm do."""

    def forward(self, images):
        maps = super().forward(images)
        return maps - maps.mean(dim=1, keepdim=True)


def test_channels_that_sum_to_a_constant_still_have_a_field():
    field = effective_receptive_field(Centred(3, 4, 3, padding=1), torch.rand(1, 3, 20, 30))
    rows, columns = field.nonzero().unbind(1)
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (9, 11, 14, 16)
    assert field.max() == 1


def test_modes_are_restored_and_edges_are_allowed():
    network = StreetsEncoder().train()
    network.stem.eval()
    field = effective_receptive_field(network, torch.rand(1, 3, 32, 32), position=(1.0, 1.0))
    assert field[-1, -1] > 0
    assert network.stage1.training
    assert not network.stem.training
    with pytest.raises(ConfigError, match="two fractions"):
        effective_receptive_field(network, torch.rand(1, 3, 32, 32), position=(1.5, 0.0))


def test_attention_maps():
    encoder = MixTransformer(MiTConfig((8, 16, 40, 64), (2, 1, 1, 1))).eval()
    for stage, block, (queries, keys) in [
        (1, 0, ((16, 24), (2, 3))),
        (2, -1, ((8, 12), (2, 3))),
        (4, 0, ((2, 3),) * 2),
    ]:
        weights, query_size, key_size = attention_maps(encoder, torch.randn(2, 3, 64, 96), stage, block)
        assert (query_size, key_size) == (queries, keys)
        heads = encoder.config.heads[stage - 1]
        assert weights.shape == (2, heads, queries[0] * queries[1], keys[0] * keys[1])
        assert torch.allclose(weights.sum(-1), torch.ones(weights.shape[:-1]))
    for stage, block, words in [(2, 1, "stage 2 has 1 blocks"), (5, 0, "no such stage")]:
        with pytest.raises(ConfigError, match=words):
            attention_maps(encoder, torch.randn(1, 3, 64, 64), stage, block)
    with pytest.raises(ConfigError, match="StreetsEncoder: it has no such stage"):
        attention_maps(StreetsEncoder(), torch.randn(1, 3, 64, 64), 1, 0)
    assert not encoder.block1[0].attn._forward_pre_hooks
