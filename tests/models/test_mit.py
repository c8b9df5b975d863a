"""MiT encoders: published sizes and names, the attention, stochastic depth, initial values, errors."""

import math

import pytest
import timm.layers
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from udalib.core.errors import ConfigError
from udalib.models import MIT_CONFIGS, MiTConfig, MixTransformer, create_encoder
from udalib.models.encoders.mit_blocks import Attention, DropPath, feature_map, tokens

TINY = MiTConfig((8, 16, 40, 64), (2, 1, 1, 1))

# Million parameters of the encoders without classifier, rounded as in the SegFormer paper.
COUNTS = {"mit_b0": 3.4, "mit_b1": 13.1, "mit_b2": 24.2, "mit_b3": 44.0, "mit_b4": 60.8, "mit_b5": 81.4}


@pytest.mark.parametrize("name", list(MIT_CONFIGS))
def test_published_sizes_on_meta(name):
    with torch.device("meta"):
        encoder = create_encoder(name)
        features = encoder(torch.empty(1, 3, 70, 54))
    assert sum(p.numel() for p in encoder.parameters()) / 1e6 == pytest.approx(COUNTS[name], abs=0.1)
    assert [tuple(f.shape[1:]) for f in features] == [
        (c, h, w) for c, (h, w) in zip(encoder.channels, ((18, 14), (9, 7), (5, 4), (3, 2)), strict=True)
    ]


@settings(max_examples=15, deadline=None)
@given(height=st.integers(29, 80), width=st.integers(29, 80))
def test_any_size_from_29_pixels(height, width):
    features = MixTransformer(TINY).eval()(torch.zeros(1, 3, height, width))
    for feature, side in zip(features, stages(height), strict=True):
        assert feature.shape[2] == side


def stages(side):
    side = (side + 6 - 7) // 4 + 1
    sides = [side]
    for _ in range(3):
        side = (side + 2 - 3) // 2 + 1
        sides.append(side)
    return sides


def test_too_small_images_are_named():
    with pytest.raises(ConfigError, match=r"at least 29 x 29 pixels, got \(28, 64\)"):
        MixTransformer(TINY)(torch.zeros(1, 3, 28, 64))


@pytest.mark.parametrize("reduction", [1, 2])
def test_fused_attention_equals_the_formula(reduction):
    torch.manual_seed(0)
    attention = Attention(16, heads=2, reduction=reduction)
    x, size = torch.randn(3, 4 * 6, 16), (4, 6)
    weights = attention.weights(x, size)
    assert weights.shape == (3, 2, 24, 24 // reduction**2)
    assert torch.allclose(weights.sum(-1), torch.ones(3, 2, 24))
    keys = x if reduction == 1 else attention.norm(tokens(attention.sr(feature_map(x, size))))
    values = F.linear(keys, attention.kv.weight[16:], attention.kv.bias[16:])  # the second half are the values
    heads = [weights[:, h] @ values[..., 8 * h : 8 * h + 8] for h in range(2)]
    assert torch.allclose(attention(x, size), attention.proj(torch.cat(heads, -1)), atol=1e-6)


def test_drop_path_draws_like_timm():
    x = torch.randn(64, 3, 5)
    ours, theirs = DropPath(0.4).train(), timm.layers.DropPath(0.4).train()
    torch.manual_seed(3)
    got = ours(x)
    torch.manual_seed(3)
    assert torch.equal(got, theirs(x))
    kept = got.abs().sum((1, 2)) > 0
    assert 0 < kept.sum() < 64
    assert torch.allclose(got[kept], x[kept] / 0.6)
    assert torch.equal(ours.eval()(x), x)


def test_drop_path_grows_linearly_and_starts_with_identity():
    encoder = MixTransformer(MiTConfig((8, 16, 40, 64), (2, 2, 2, 2)), drop_path_rate=0.7)
    blocks = [block for stage in (1, 2, 3, 4) for block in encoder.get_submodule(f"block{stage}")]
    assert isinstance(blocks[0].drop_path, nn.Identity)
    assert [b.drop_path.drop_prob for b in blocks[1:]] == pytest.approx([0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7])


def test_initial_values():
    torch.manual_seed(0)
    encoder = create_encoder("mit_b0")
    linear = encoder.get_submodule("block4.0.mlp.fc1")
    assert linear.weight.std().item() == pytest.approx(0.02, rel=0.05)
    assert linear.bias.eq(0).all()
    depthwise = encoder.get_submodule("block4.0.mlp.dwconv.dwconv")
    assert depthwise.weight.std().item() == pytest.approx(math.sqrt(2 / 9), rel=0.05)
    patch = encoder.get_submodule("patch_embed1.proj")
    assert patch.weight.std().item() == pytest.approx(math.sqrt(2 / (49 * 32)), rel=0.05)
    assert patch.bias.eq(0).all()
    assert encoder.get_submodule("norm1").weight.eq(1).all()
