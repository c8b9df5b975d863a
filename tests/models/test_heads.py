"""Decoders on MiT and the interlaced attention: variants, published names, properties, errors."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from udalib.core.errors import UnknownNameError
from udalib.models import DAFormerHead, SegFormerHead, UPerHead
from udalib.models.heads.blocks import ASPP, ConvNormAct, LinearEmbedding
from udalib.models.heads.daformer import FUSIONS
from udalib.models.heads.isa import ISALayer, RelationBlock, interlaced_attention
from udalib.ops.resize import resize

IN_CHANNELS = (4, 6, 8, 10)
ALL_FUSIONS = [*FUSIONS, "sepaspp_bottleneck"]


def features():
    return [torch.randn(2, c, *s) for c, s in zip(IN_CHANNELS, ((18, 14), (9, 7), (5, 4), (3, 2)), strict=True)]


def small_daformer(fusion, **options):
    options = {"attention_channels": 4} if fusion == "isa" else options
    return DAFormerHead(IN_CHANNELS, 5, channels=8, embed_dims=(4, 5, 6, 7), fusion=fusion, fusion_options=options)


@pytest.mark.parametrize("fusion", ALL_FUSIONS)
def test_daformer_fusions(fusion):
    head = small_daformer(fusion)
    logits = head(features())
    assert logits.shape == (2, 5, 18, 14)
    logits.square().mean().backward()
    dead = [name for name, p in head.named_parameters() if p.grad is None or not p.grad.any()]
    assert not dead


NAMES = {
    "sepaspp": ["fuse_layer.aspp_modules.0.bn.weight", "fuse_layer.aspp_modules.3.depthwise_conv.conv.weight"],
    "aspp": ["fuse_layer.aspp_modules.3.conv.weight", "fuse_layer.bottleneck.bn.running_var"],
    "conv1": ["fuse_layer.conv.weight", "fuse_layer.bn.weight"],
    "isa": [
        "fuse_layer.in_conv.conv.weight",
        "fuse_layer.global_relation.key_project.conv.weight",
        "fuse_layer.local_relation.value_project.bias",
        "fuse_layer.local_relation.output_project.bn.bias",
    ],
    "sepaspp_bottleneck": [
        "embed_layers.2.proj.weight",
        "embed_layers.3.0.bias",
        "embed_layers.3.1.aspp_modules.1.pointwise_conv.bn.weight",
        "fuse_layer.conv.weight",
    ],
}


@pytest.mark.parametrize("fusion", ALL_FUSIONS)
def test_published_names_of_the_variants(fusion):
    state = small_daformer(fusion).state_dict()
    for name in ["conv_seg.bias", "embed_layers.0.proj.weight", *NAMES[fusion]]:
        assert name in state
    assert not [n for n in state if n.endswith("conv.bias") and "value" not in n], "a norm follows: no bias"


def test_daformer_options():
    assert small_daformer("aspp", dilations=(1, 2), norm=False).fuse_layer.bottleneck.conv.bias is not None
    pooled = small_daformer("sepaspp", image_pool=True)
    assert pooled.fuse_layer.bottleneck.conv.in_channels == 5 * 8
    assert pooled(features()).shape == (2, 5, 18, 14)
    with pytest.raises(UnknownNameError, match="unknown fusion 'sepasp'.*sepaspp"):
        DAFormerHead(IN_CHANNELS, fusion="sepasp")


def test_dropout_is_active_in_training_only():
    for head in (
        SegFormerHead(IN_CHANNELS, 5, embed_dim=8, dropout=0.5),
        UPerHead(IN_CHANNELS, 5, channels=8, dropout=0.5),
    ):
        x = features()
        head.train()
        torch.manual_seed(0)  # whole channels are dropped: unseeded, now and then the same ones twice
        assert not torch.equal(head(x), head(x))
        head.eval()
        assert torch.equal(head(x), head(x))


def test_unused_classifier_of_segformer_is_frozen():
    head = SegFormerHead(IN_CHANNELS, 5, embed_dim=8, unused_channels=128)
    assert head.state_dict()["conv_seg.weight"].shape == (5, 128, 1, 1)
    assert not head.conv_seg.weight.requires_grad
    assert "conv_seg.weight" not in SegFormerHead(IN_CHANNELS, 5, embed_dim=8).state_dict()


def test_initial_values_follow_the_published_code():
    torch.manual_seed(0)
    head = DAFormerHead((64, 128, 320, 512))
    assert head.conv_seg.weight.std().item() == pytest.approx(0.01, rel=0.1)
    assert head.conv_seg.bias.eq(0).all()
    fused = head.fuse_layer.bottleneck.conv.weight
    assert fused.std().item() == pytest.approx((2 / (9 * 256)) ** 0.5, rel=0.02)


def test_linear_embedding_is_a_linear_layer():
    embed = LinearEmbedding(5, 7)
    x = torch.randn(2, 5, 3, 4)
    want = embed.proj(x.movedim(1, -1)).movedim(-1, 1)
    assert torch.allclose(embed(x), want, atol=1e-6)


def test_pooled_branch_of_aspp_comes_first_and_is_constant():
    aspp = ASPP(4, 3, (1, 2), image_pool=True).eval()
    aspp.bottleneck = nn.Identity()
    out = aspp(torch.randn(1, 4, 6, 5))
    assert out.shape == (1, 9, 6, 5)
    assert torch.equal(out[:, :3], out[:, :3, :1, :1].expand(-1, -1, 6, 5))
    assert not torch.equal(out[:, 3:], out[:, 3:, :1, :1].expand(-1, -1, 6, 5))


def test_activation_without_norm_and_size_preserving_padding():
    conv = ConvNormAct(2, 3, 3, dilation=4, norm=False)
    out = conv(torch.randn(1, 2, 5, 6))
    assert out.shape == (1, 3, 5, 6)
    assert out.min() == 0
    assert ConvNormAct(2, 3, act=False, norm=False)(torch.randn(1, 2, 5, 6)).min() < 0
    x = torch.rand(1, 1, 2, 2)
    assert resize(x, (2, 2)) is x


# Interlaced sparse self-attention.


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 20), st.integers(1, 20), st.integers(1, 8), st.integers(1, 8))
def test_partition_and_its_inverse(height, width, rows, columns):
    x = torch.arange(2 * 3 * height * width, dtype=torch.float32).reshape(2, 3, height, width)
    assert torch.equal(interlaced_attention(x, nn.Identity(), nn.Identity(), (rows, columns)), x)


class Mean(nn.Module):
    def forward(self, x):
        return x.mean((2, 3), keepdim=True).expand_as(x)


def test_global_relation_mixes_equal_offsets_local_relation_mixes_blocks():
    x = torch.randn(1, 2, 6, 8)
    over_offsets = interlaced_attention(x, Mean(), nn.Identity(), (3, 4))
    assert torch.allclose(over_offsets[..., 1, 2], x[..., 1::3, 2::4].mean((-2, -1)))
    assert torch.allclose(over_offsets[..., 4, 6], over_offsets[..., 1, 2])
    over_blocks = interlaced_attention(x, nn.Identity(), Mean(), (3, 4))
    assert torch.allclose(over_blocks[..., 4, 5], x[..., 3:6, 4:8].mean((-2, -1)))


def test_padding_is_split_and_takes_part():
    x = torch.ones(1, 1, 3, 4)
    out = interlaced_attention(x, nn.Identity(), Mean(), (4, 4))
    assert torch.allclose(out, torch.full_like(x, 12 / 16))


@pytest.mark.parametrize("norm", [True, False])
def test_relation_block(norm):
    torch.manual_seed(0)
    block = RelationBlock(6, 4, norm=norm).eval()
    x = torch.randn(2, 6, 3, 5)
    query, key, value = block.query_project(x), block.key_project(x), block.value_project(x)
    similarity = torch.einsum("bchw,bcij->bhwij", query, key).flatten(3) / 4**0.5
    context = torch.einsum("bhwn,bcn->bchw", similarity.softmax(-1), value.flatten(2))
    assert torch.allclose(block(x), block.output_project(context), atol=1e-6)
    biases = [n for n, _ in block.named_parameters() if n.endswith("conv.bias")]
    assert len(biases) == (0 if norm else 5)


def test_isa_layer_joins_context_and_input():
    layer = ISALayer(6, 8, attention_channels=4, in_kernel_size=3, concatenate=True)
    assert layer(torch.randn(2, 6, 9, 7)).shape == (2, 8, 9, 7)
    assert layer.out_conv.conv.in_channels == 16
