"""CFPT: partitions put back, positions, orders, stacks, what it refuses; the goldens are in tests/goldens."""

import pytest
import torch

from udalib.core.errors import ConfigError
from udalib.models.cfpt import partition as parts
from udalib.models.cfpt.attention import CrossLayerChannelAttention, CrossLayerSpatialAttention
from udalib.models.cfpt.neck import CFPT, ORDERS
from udalib.models.cfpt.positions import CrossLayerPositions


def pyramid(channels=16, side=16, batch=1):
    return [torch.randn(batch, channels, side >> i, side >> i) for i in range(4)]


@pytest.mark.parametrize("expansion", [1, 3])
@pytest.mark.parametrize("level", range(4))
def test_partition_and_reverse_count_every_cell(expansion, level):
    """Put back, a cell is itself times the number of windows that hold it."""
    window = parts.windows(4, 2, expansion)[level]
    x = torch.rand(1, 2, 16 >> level, 24 >> level) + 1
    back = parts.spatial_reverse(parts.spatial_partition(x, window), window, x.shape[2:])
    counts = back / x
    torch.testing.assert_close(counts, counts.round(), atol=1e-4, rtol=0)
    assert (counts > 0.5).all()
    window = parts.windows(4, 4, expansion)[level]
    y = torch.rand(1, 4 * window.stride, 2, 3) + 1
    counts = parts.channel_reverse(parts.channel_partition(y, window), window, (2, 3)) / y
    torch.testing.assert_close(counts, counts.round(), atol=1e-4, rtol=0)


def test_even_expansion_and_wrong_heads_are_refused():
    with pytest.raises(ConfigError, match="odd"):
        CrossLayerSpatialAttention(16, expansion=2)
    with pytest.raises(ConfigError, match="num_heads"):
        CrossLayerChannelAttention(16, num_heads=3)


def test_sides_that_do_not_fit_are_named():
    features = [torch.randn(1, c, s, s) for c, s in ((4, 24), (8, 12), (8, 6), (8, 3))]
    with pytest.raises(ConfigError, match="64"):
        CFPT((4, 8, 8, 8), 16)(features)


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("official", [False, True])
def test_every_order_trains_everything(order, official):
    neck = CFPT((4, 8, 12, 16), 16, order=order, num_cam=2, official=official)
    features = [torch.randn(2, c, s, s) for c, s in ((4, 32), (8, 16), (12, 8), (16, 4))]
    levels = neck(features)
    assert [x.shape[-1] for x in levels] == [16, 8, 4, 2, 1]
    sum(x.square().mean() for x in levels).backward()
    missing = [n for n, p in neck.named_parameters() if p.grad is None or not p.grad.isfinite().all()]
    assert not missing


def test_level_bias_is_dead_only_as_published():
    for official in (True, False):
        bias = CrossLayerPositions((5, 3, 1), 2, spatial=True, official=official)
        with torch.no_grad():
            before = bias().softmax(-1)
            bias.absolute_position_bias[0] += 3
            change = (bias().softmax(-1) - before).abs().max()
        assert (change < 1e-5) is official or (change < 1e-5).item() is official


def test_default_groups_do_not_leak_between_q_and_k():
    """The last phase of q's last channel reaches k's first group in the published cut alone."""
    for official in (True, False):
        block = CrossLayerChannelAttention(16, num_heads=1, reduction=4, official=official)
        qkv = torch.zeros(1, 12, 8, 8)
        qkv[:, 3] = 1  # the last channel of q
        k = block.split(qkv, 0)[1]
        assert bool(k.any()) is official


def test_without_positions_has_no_table():
    names = [n for n, _ in CFPT((4, 8, 8, 8), 16, positions=False).named_parameters()]
    assert not [n for n in names if "pos_embed" in n]
