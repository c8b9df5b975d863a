"""Group k-NN: by hand, in blocks, by any number of groups; gradients; what is refused."""

from __future__ import annotations

import pytest
import torch

from udalib.core.errors import ConfigError
from udalib.ops.group_knn import PositionTable, distinct_neighbours, group_knn, max_relative


def nodes(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def test_two_groups_of_two_channels_by_hand() -> None:
    # Group 0 of the query points along x, group 1 along y; sources point either way in each group.
    query = torch.tensor([[[2.0], [0.0], [0.0], [3.0]]])
    sources = torch.tensor([[[1.0, 0.0, -1.0], [0.0, 1.0, 0.0], [0.0, 1.0, 0.1], [5.0, 0.0, 1.0]]])
    found = group_knn(query, sources, k=2, groups=2)
    assert found[0, 0, 0].tolist() == [0, 1]
    assert found[0, 1, 0].tolist() == [0, 2]
    assert distinct_neighbours(found).tolist() == [[3]]


@pytest.mark.parametrize("groups", [1, 2, 4])
def test_blocks_change_nothing_and_groups_are_by_themselves(groups: int) -> None:
    x, y = nodes(2, 8, 11), nodes(2, 8, 17, seed=1)
    table = PositionTable(nodes(11, 4, seed=2), nodes(17, 4, seed=3), -0.5)
    whole = group_knn(x, y, k=3, groups=groups, dilation=2, position=table)
    assert whole.equal(group_knn(x, y, k=3, groups=groups, dilation=2, position=table, block=1))
    assert whole.equal(group_knn(x, y, k=3, groups=groups, dilation=2, position=table.block(0, 11)))
    width = 8 // groups
    for g in range(groups):
        part = slice(g * width, (g + 1) * width)
        alone = group_knn(x[:, part], y[:, part], k=3, dilation=2, position=table)
        assert alone[:, 0].equal(whole[:, g])


def test_a_node_finds_itself_first() -> None:
    x = nodes(1, 6, 9)
    assert group_knn(x, x, k=4, groups=3)[..., 0].eq(torch.arange(9)).all()


def test_messages_and_their_gradients_are_those_of_the_plain_maximum() -> None:
    x, y = nodes(2, 6, 7).double().requires_grad_(), nodes(2, 6, 10, seed=1).double().requires_grad_()
    neighbours = group_knn(x, y, k=4, groups=2)
    index = neighbours.repeat_interleave(3, dim=1).flatten(2)
    plain = (y.gather(2, index).view(2, 6, 7, 4) - x[..., None]).amax(-1)
    got = max_relative(x, y, neighbours)
    assert torch.allclose(got, plain)
    weight = nodes(2, 6, 7, seed=5).double()
    want = torch.autograd.grad((plain * weight).sum(), (x, y))
    for a, b in zip(torch.autograd.grad((got * weight).sum(), (x, y)), want, strict=True):
        assert torch.allclose(a, b)


def test_half_precision_chooses_in_float32() -> None:
    x = nodes(1, 8, 20)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert group_knn(x, x, k=5, groups=2).equal(group_knn(x.float(), x.float(), k=5, groups=2))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"k": 6}, r"k=6 neighbours at dilation 1 need 6 patches to choose from, there are 5; take larger images"),
        ({"k": 3, "dilation": 2}, "need 6 patches"),
        ({"k": 0}, "k=0"),
        ({"k": 2, "groups": 3}, "3 groups of 8 channels"),
    ],
)
def test_what_cannot_be_chosen_is_refused(options: dict[str, int], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        group_knn(nodes(1, 8, 4), nodes(1, 8, 5), **options)
