"""Token groups, what necks reach, and messages between levels."""

import pytest
import torch

from udalib.analysis.networks.level_reach import level_fields, level_reach, mean_fields, neck_cost, noise_features
from udalib.analysis.networks.messages import STRENGTH, delivery, messages
from udalib.analysis.networks.token_groups import token_group
from udalib.core.errors import ConfigError, UnknownNameError
from udalib.models.cfpt.attention import (
    CrossLayerChannelAttention,
    CrossLayerSpatialAttention,
    cosine_attention,
)
from udalib.models.cfpt.neck import CFPT
from udalib.models.detection.necks import FPN, PAFPN, no_pyramid

CHANNELS = (4, 4, 4, 4)


def levels(channels=16, side=16):
    random = torch.Generator().manual_seed(0)
    return [torch.randn(1, channels, side >> i, side >> i, generator=random) for i in range(4)]


@pytest.mark.parametrize("kind", [CrossLayerSpatialAttention, CrossLayerChannelAttention])
@pytest.mark.parametrize("official", [False, True])
def test_weights_are_those_that_forward_mixes_with(kind, official, monkeypatch):
    torch.manual_seed(0)
    block, maps, seen = kind(16, official=official).eval(), levels(), []

    def watched(q, k, v, bias):
        seen.append(cosine_attention(q, k, torch.eye(q.shape[-2]).expand(*q.shape[:-1], -1), bias))
        return cosine_attention(q, k, v, bias)

    monkeypatch.setattr("udalib.models.cfpt.attention.cosine_attention", watched)
    block(maps)
    torch.testing.assert_close(block.weights(maps), seen[0])


@pytest.mark.parametrize("beta", [1, 3])
def test_a_group_of_csa_reads_the_cells_that_move_it(beta):
    """Only cells inside the group's windows can move what the token reads, and the shares sum to 1."""
    torch.manual_seed(0)
    block, maps = CrossLayerSpatialAttention(16, expansion=beta, positions=False).eval(), levels()
    group = token_group(block, maps, 1, 5, 2, channel=3)
    assert sum(part.share for part in group.parts) == pytest.approx(1, abs=1e-5)
    cell = (5 // 4, 2 // 4)
    for part, window, x in zip(group.parts, block.windows, maps, strict=True):
        assert part.corner == tuple(c * window.stride - window.padding for c in cell)
        rows = torch.arange(part.corner[0], part.corner[0] + window.size)
        assert part.inside.any(1).tolist() == ((rows >= 0) & (rows < x.shape[2])).tolist()
    far = [x.clone() for x in maps]
    far[0][..., 12:, 12:] += 5  # another group's cells, further away than the 3 x 3 convolution
    changed = token_group(block, far, 1, 5, 2, channel=3)
    assert all(torch.equal(a.weights, b.weights) for a, b in zip(group.parts, changed.parts, strict=True))


def test_a_token_of_csa_finds_its_own_cell():
    """Where k = q, a cell's cosine with itself is 1 and no other's is."""
    torch.manual_seed(0)
    block = CrossLayerSpatialAttention(16, num_heads=1, reduction=1, positions=False).eval()
    maps = levels()
    with torch.no_grad():
        for conv in block.qkv:
            conv.weight[16:32] = conv.weight[:16]
            conv.bias[16:32] = conv.bias[:16]
    group = token_group(block, maps, 0, 9, 6, channel=0)
    part = group.parts[0]
    row, column = divmod(int(part.weights.argmax()), part.weights.shape[1])
    assert (row + part.corner[0], column + part.corner[1]) == (9, 6)


def test_a_token_of_cca_is_a_phase_and_its_neighbours_are_apart():
    torch.manual_seed(0)
    block, maps = CrossLayerChannelAttention(16, positions=False).eval(), levels()
    one, other = (token_group(block, maps, 0, *place, channel=2) for place in ((1, 3), (9, 11)))
    assert all(torch.equal(a.weights, b.weights) for a, b in zip(one.parts, other.parts, strict=True))
    assert [tuple(part.weights.shape) for part in one.parts] == [(8, 8), (4, 4), (2, 2), (1, 1)]
    assert [len(part.beyond) for part in one.parts] == [1, 1, 1, 0]
    assert sum(part.share for part in one.parts) == pytest.approx(1, abs=1e-5)
    wide = token_group(CrossLayerChannelAttention(16, expansion=3).eval(), maps, 0, 1, 3)
    assert [len(part.beyond) for part in wide.parts] == [3, 3, 3, 2]


@pytest.mark.parametrize(("level", "row", "channel"), [(4, 0, 0), (0, 16, 0), (3, 2, 0), (0, 0, 4)])
def test_tokens_that_do_not_exist_are_named(level, row, channel):
    with pytest.raises(ConfigError, match="there is no cell"):
        token_group(CrossLayerSpatialAttention(16), levels(), level, row, 0, channel)


def test_ways_between_levels():
    features = noise_features(CHANNELS, (16, 32))
    none, fpn, pafpn, cfpt = (
        level_reach(lambda kind=kind: kind(CHANNELS, 16), features, seeds=(0,))
        for kind in (no_pyramid, FPN, PAFPN, CFPT)
    )
    assert none[:3].tolist() == torch.eye(3).tolist()
    assert (fpn[0] > 0).all()
    assert fpn[2].tolist() == [0, 0, 1]
    assert (pafpn[2] > 0).all()
    assert (cfpt > 0).all()
    torch.testing.assert_close(cfpt.sum(1), torch.ones(5))


def test_csa_alone_keeps_to_its_windows_and_the_mode_is_put_back():
    features = noise_features(CHANNELS, (64, 64))
    neck = CFPT(CHANNELS, 16, order="csa").train()
    fields = level_fields(neck, features, 0, (0.1, 0.1))
    assert neck.training
    assert not fields[0][24:, 24:].any()
    assert mean_fields(lambda: CFPT(CHANNELS, 16, order="cca"), features, 0, seeds=(0,))[0].all()
    with pytest.raises(ConfigError, match="levels 0 to 4"):
        level_fields(neck, features, 5)


def test_cost_counts_attention_and_grows_linearly():
    costs = [neck_cost(lambda: CFPT(CHANNELS, 16), noise_features(CHANNELS, (16, side))) for side in (32, 64)]
    assert costs[0].parameters == costs[1].parameters == sum(p.numel() for p in CFPT(CHANNELS, 16).parameters())
    assert costs[1].multiply_adds == 2 * costs[0].multiply_adds
    without = neck_cost(lambda: no_pyramid(CHANNELS, 16), noise_features(CHANNELS, (16, 32)))
    assert without.multiply_adds < costs[0].multiply_adds


def test_messages_lie_where_they_are_said_to():
    random = torch.Generator().manual_seed(0)
    features, told = messages("down", CHANNELS, 16, random)
    sign = features[3][:, 0] > 0
    assert told.shape == (8, 8, 8)
    # Noise of standard deviation 1 turns a sign of 4 over in one case of 30 000.
    assert torch.equal(told, sign.repeat_interleave(4, 1).repeat_interleave(4, 2))
    features, told = messages("up", CHANNELS, 16, random)
    blocks = torch.nn.functional.max_pool2d(features[1][:, :1].abs(), 4)[:, 0]
    assert told.shape == blocks.shape == (8, 2, 2)
    assert (blocks > STRENGTH / 2).float().mean() > 0.9
    with pytest.raises(UnknownNameError, match="direction"):
        messages("sideways", CHANNELS, 16, random)


def test_fpn_delivers_down_and_not_up_and_none_delivers_nothing():
    def late(kind, direction):
        right = delivery(lambda: kind((4, 8, 8, 8), 16), direction, steps=30)
        return sum(right[-10:]) / 10

    assert late(FPN, "down") > 0.9
    assert 0.4 < late(FPN, "up") < 0.6
    assert 0.4 < late(no_pyramid, "down") < 0.6
    first = delivery(lambda: FPN((4, 8, 8, 8), 16), "down", steps=3)
    assert first == delivery(lambda: FPN((4, 8, 8, 8), 16), "down", steps=3)
