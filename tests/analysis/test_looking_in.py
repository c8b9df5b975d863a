"""Receptive fields, attention maps and costs against values known beforehand."""

import pytest
import torch
from torch import nn

from udalib.analysis import attention_maps, effective_receptive_field, mean_field, measure, parameters_in_millions
from udalib.core.errors import ConfigError
from udalib.models import create_encoder, create_network


def test_the_field_of_one_convolution_is_its_window():
    conv = nn.Conv2d(3, 4, 5, padding=2, dilation=1)
    field = effective_receptive_field(conv, torch.rand(2, 3, 15, 21))
    assert field.shape == (15, 21)
    assert field.sum() == pytest.approx(1, abs=1e-5)
    rows, columns = torch.nonzero(field, as_tuple=True)
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (5, 9, 8, 12)


def test_the_field_follows_the_point_and_the_stride():
    conv = nn.Conv2d(3, 1, 2, stride=2)
    field = effective_receptive_field(conv, torch.rand(1, 3, 8, 8), point=(0.99, 0.0))
    rows, columns = torch.nonzero(field, as_tuple=True)
    assert (rows.tolist(), columns.tolist()) == ([0, 0, 1, 1], [6, 7, 6, 7])


def test_an_output_without_a_map_is_refused():
    with pytest.raises(ConfigError, match=r"\(B, C, h, w\)"):
        effective_receptive_field(lambda x: x.mean(dim=(2, 3)), torch.rand(1, 3, 8, 8))


def test_mean_field_repeats_itself():
    def build(seed):
        torch.manual_seed(seed)
        return create_encoder("streets").stem

    first, second = (mean_field(build, (16, 32), seeds=(0, 1), batch=1) for _ in range(2))
    assert torch.equal(first, second)


@pytest.fixture(scope="module")
def encoder():
    torch.manual_seed(0)
    return create_encoder("mit_b0").eval()


@pytest.mark.parametrize(("stage", "heads", "shape"), [(1, 1, (2, 4)), (2, 2, (2, 4)), (3, 5, (2, 4)), (4, 8, (2, 4))])
def test_attention_maps_sum_to_one_on_the_reduced_map(encoder, stage, heads, shape):
    maps = attention_maps(encoder, torch.rand(1, 3, 64, 128), stage=stage)
    assert maps.shape == (heads, *shape)
    assert torch.allclose(maps.sum(dim=(1, 2)), torch.ones(heads), atol=1e-5)


def test_attention_maps_are_the_weights_that_the_layer_used(encoder):
    images = torch.rand(1, 3, 64, 128)
    attention = encoder.get_submodule("block4.1.attn")
    seen = {}
    hook = attention.register_forward_hook(lambda m, i, o: seen.update(x=i[0], size=i[1], out=o))
    encoder(images)
    hook.remove()
    maps = attention_maps(encoder, images, stage=4, query=(0.6, 0.9))
    token = 1 * 4 + 2
    value = attention.kv(seen["x"]).unflatten(-1, (2, 8, -1))[0, :, 1]
    mixed = torch.einsum("hn,nhd->hd", maps.flatten(1), value).flatten()
    assert torch.allclose(attention.proj(mixed), seen["out"][0, token], atol=1e-5)


def test_wrong_stage_or_block_is_named(encoder):
    images = torch.rand(1, 3, 64, 64)
    with pytest.raises(ConfigError, match="stage must be 1 to 4"):
        attention_maps(encoder, images, stage=0)
    with pytest.raises(ConfigError, match="has 2 blocks"):
        attention_maps(encoder, images, stage=1, block=2)


def test_measure_counts_parameters_and_leaves_no_gradient():
    network = create_network("streets")
    network.train()
    cost = measure(network, (32, 64), batch=1, repeats=1)
    assert cost.parameters == pytest.approx(sum(p.numel() for p in network.parameters()) / 1e6)
    assert cost.train_ms > 0 < cost.forward_ms
    assert network.training
    assert all(p.grad is None for p in network.parameters())
    assert parameters_in_millions(nn.Linear(10, 100)) == pytest.approx(0.0011)
