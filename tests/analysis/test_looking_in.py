"""Receptive fields, attention maps and costs against values known beforehand."""

import pytest
import torch
from torch import nn

from udalib.analysis import fresh_network, fresh_stage, mean_field, measure, parameters_in_millions, query_attention
from udalib.core.errors import ConfigError
from udalib.models import create_encoder, create_network


def test_the_mean_field_of_one_convolution_is_its_window():
    def build(seed):
        torch.manual_seed(seed)
        return nn.Conv2d(3, 4, 5, padding=2)

    field = mean_field(build, (15, 21), seeds=(0, 1))
    assert field.shape == (15, 21)
    rows, columns = torch.nonzero(field, as_tuple=True)
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (5, 9, 8, 12)


def test_mean_field_repeats_itself():
    def build(seed):
        torch.manual_seed(seed)
        return create_encoder("streets").stem

    first, second = (mean_field(build, (16, 32), seeds=(0, 1), batch=1) for _ in range(2))
    assert torch.equal(first, second)


def test_fresh_stages_and_networks_are_drawn_from_their_seed_alone():
    torch.manual_seed(5)
    state = torch.get_rng_state()
    images = torch.rand(1, 3, 32, 64, generator=torch.Generator().manual_seed(0))
    for build in (fresh_stage("streets", 1), fresh_network("streets")):
        one, again, other = (build(seed).eval()(images) for seed in (0, 0, 1))
        assert torch.equal(one, again)
        assert not torch.equal(one, other)
    assert torch.equal(torch.get_rng_state(), state)


def test_later_stages_are_coarser():
    images = torch.rand(1, 3, 32, 64)
    assert [fresh_stage("streets", s)(0)(images).shape[-1] for s in (1, 2, 3, 4)] == [32, 16, 8, 4]


@pytest.fixture(scope="module")
def encoder():
    torch.manual_seed(0)
    return create_encoder("mit_b0").eval()


@pytest.mark.parametrize(("stage", "heads", "shape"), [(1, 1, (2, 4)), (2, 2, (2, 4)), (3, 5, (2, 4)), (4, 8, (2, 4))])
def test_attention_maps_sum_to_one_on_the_reduced_map(encoder, stage, heads, shape):
    maps = query_attention(encoder, torch.rand(1, 3, 64, 128), stage=stage)
    assert maps.shape == (heads, *shape)
    assert torch.allclose(maps.sum(dim=(1, 2)), torch.ones(heads), atol=1e-5)


def test_attention_maps_are_the_weights_that_the_layer_used(encoder):
    images = torch.rand(1, 3, 64, 128)
    attention = encoder.get_submodule("block4.1.attn")
    seen = {}
    hook = attention.register_forward_hook(lambda m, i, o: seen.update(x=i[0], size=i[1], out=o))
    encoder(images)
    hook.remove()
    maps = query_attention(encoder, images, stage=4, query=(0.6, 0.9))
    token = 1 * 4 + 2
    value = attention.kv(seen["x"]).unflatten(-1, (2, 8, -1))[0, :, 1]
    mixed = torch.einsum("hn,nhd->hd", maps.flatten(1), value).flatten()
    assert torch.allclose(attention.proj(mixed), seen["out"][0, token], atol=1e-5)


def test_a_wrong_query_or_stage_is_named(encoder):
    images = torch.rand(1, 3, 64, 64)
    with pytest.raises(ConfigError, match="fractions of the image"):
        query_attention(encoder, images, stage=1, query=(0.5, 64))
    with pytest.raises(ConfigError, match="no such stage"):
        query_attention(encoder, images, stage=5)


def test_measure_counts_parameters_and_leaves_no_gradient():
    network = create_network("streets")
    network.train()
    cost = measure(network, (32, 64), batch=1, repeats=1)
    assert cost.parameters == pytest.approx(sum(p.numel() for p in network.parameters()) / 1e6)
    assert cost.train_ms > 0 < cost.forward_ms
    assert network.training
    assert all(p.grad is None for p in network.parameters())
    assert parameters_in_millions(nn.Linear(10, 100)) == pytest.approx(0.0011)
