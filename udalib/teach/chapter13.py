"""Graders of notebook 13: group k-NN, distinct neighbours, their expected number, messages, labels seen together."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from udalib.analysis.networks.neighbourhoods import expected_distinct
from udalib.ops.group_knn import group_knn, max_relative
from udalib.teach.check import exercise, require, require_close, require_function


@exercise("13.1", "write group_neighbours(x, y, k, groups): x (C, N), y (C, M); numbers of the neighbours (G, N, k).")
def _group_neighbours(answer: Any) -> str:
    require_function(answer)
    # Lengths differ from node to node and from group to group, so that every way of scaling chooses in another order.
    x, y = _random(8, 5, seed=0), _random(8, 9, seed=1) * torch.tensor([1.0, 6.0]).repeat(5)[:9]
    y[:4] *= torch.linspace(0.2, 5, 9)
    got = torch.as_tensor(answer(x, y, 3, 2))
    require(tuple(got.shape) == (2, 5, 3), f"2 groups, 5 queries, 3 neighbours: (2, 5, 3); got {tuple(got.shape)}.")
    require(not _alike(got, x, y, torch.arange(8).view(4, 2).T), "group g has NEIGHBOURING channels, g C/G and on.")
    require(not _same_choice(got, _unscaled(x, y)), "first scale every node to length 1, in every group.")
    whole = _unscaled(x / x.norm(dim=0), y / y.norm(dim=0))
    require(not _same_choice(got, whole), "the length is that of the GROUP: cut the channels first, then scale.")
    want = group_knn(x[None], y[None], k=3, groups=2)[0]
    require(not _same_choice(got, _farthest(x, y)), "those are the farthest; the nearest have the largest cosine.")
    require(_same_choice(got, want), "the neighbours are not those of the library.")
    require(bool((got == want).all()), "the right ones; now the nearest first.")
    three = torch.as_tensor(answer(_random(6, 4, seed=2), _random(6, 7, seed=3), 2, 3))
    require(tuple(three.shape) == (3, 4, 2), "with 3 groups of 6 channels there are 3 lists for each query.")
    return "no parameter was added, and the products cost what those of plain k-NN cost: G problems of width C / G."


@exercise(
    "13.2", "write distinct(neighbours): of (G, N, k) numbers, how many different ones each of the N nodes hears."
)
def _distinct(answer: Any) -> str:
    require_function(answer)
    neighbours = torch.tensor([[[0, 1, 2], [4, 5, 6]], [[2, 1, 0], [5, 7, 9]]])
    got = torch.as_tensor(answer(neighbours)).flatten()
    require(got.numel() == 2, f"one number for each of 2 nodes; got {got.numel()}.")
    require(got.tolist() != [6, 6], "G k counts sources that two groups share twice.")
    require(got.tolist() != [3, 1], "that is how many are SHARED; asked is how many are heard.")
    require(got.tolist() == [3, 5], f"node 0 hears 0, 1, 2; node 1 hears 4, 5, 6, 7, 9: 3 and 5; got {got.tolist()}.")
    one = torch.as_tensor(answer(torch.tensor([[[3, 8]], [[3, 9]], [[3, 8]]]))).flatten().tolist()
    require(one == [3], f"three groups that hear 3 8, 3 9 and 3 8 hear three different sources; got {one}.")
    return "k if all groups agree, G k if no two do."


@exercise(
    "13.3",
    "write expected(n, k, m): distinct neighbours, on average, of TWO groups; n of m sources show the object.",
)
def _expected(answer: Any) -> str:
    require_function(answer)
    got = float(answer(16, 4, 100))
    require(abs(got - 8) > 1e-6, "two groups can choose the same source by chance; take that off.")
    require(abs(got - 4) > 1e-6, "that is as if both groups took the same k; they choose by themselves.")
    require_close(got, 7, "an object of 16, k = 4: each source is in both lists with (4/16)^2, so 8 - 16 / 16; it")
    require_close(answer(4, 4, 100), 4, "an object of exactly k = 4: both groups take all of it; it")
    small = float(answer(1, 4, 100))
    require(
        abs(small - (8 - 16)) > 1e-6, "k^2 / n is for n >= k: a smaller object is taken whole, and the rest is not."
    )
    require(abs(small - 7) > 1e-6, "nearly: the 3 from the background can coincide as well, (k - n)^2 / (m - n).")
    require_close(small, expected_distinct(1, k=4, groups=2, sources=100), "one patch, k = 4, 100 sources: it")
    require_close(answer(3, 5, 11), expected_distinct(3, k=5, groups=2, sources=11), "n = 3, k = 5, m = 11: it")
    return "least at n = k, and more on BOTH sides: an object smaller than k hears more of the background, not less."


@exercise(
    "13.4", "write conv_input(x, y, neighbours): x (C, N), y (C, M), neighbours (N, k); (2 C, N), x_0 m_0 x_1 m_1 ..."
)
def _conv_input(answer: Any) -> str:
    require_function(answer)
    x, y = _random(3, 4, seed=4), _random(3, 6, seed=5)
    neighbours = torch.tensor([[0, 1], [2, 5], [3, 0], [4, 2]])
    got = torch.as_tensor(answer(x, y, neighbours)).float()
    require(tuple(got.shape) == (6, 4), f"nodes and messages, 2 C = 6 channels of 4 nodes; got {tuple(got.shape)}.")
    message = max_relative(x[None], y[None], neighbours[None, None])[0]
    stacked = torch.cat([x, message])
    require(not _close(got, stacked), "one after the other is wrong and runs all the same: alternate, x_0 m_0 x_1 m_1.")
    require(not _close(got, _alternating(message, x)), "the node comes first, then its message.")
    require(not _close(got, _alternating(x, message + x)), "relative: take x off what the neighbour says.")
    require(
        not _close(got, _alternating(x, y[:, neighbours].mean(2) - x)), "the largest over the neighbours, not the mean."
    )
    require(_close(got, _alternating(x, message)), "m = max over the neighbours of (y - x), channel by channel.")
    return "so each of the 4 groups of the convolution sees a channel TOGETHER with its message."


@exercise(
    "13.5",
    "write together(classes): classes (images, L) of 0 and 1; entry a, b: the share of pictures of a that show b.",
)
def _together(answer: Any) -> str:
    require_function(answer)
    classes = torch.tensor([[1, 1, 0], [1, 1, 0], [1, 0, 1], [1, 0, 0], [0, 0, 1]])
    got = torch.as_tensor(answer(classes)).double()
    require(tuple(got.shape) == (3, 3), f"a row and a column for each of 3 labels; got {tuple(got.shape)}.")
    want = torch.tensor([[1, 0.5, 0.25], [1, 1, 0], [0.5, 0, 1]]).double()
    counts = torch.tensor([[4, 2, 1], [2, 2, 0], [1, 0, 2]]).double()
    require(not _close(got, counts), "those are the counts; divide each row by the pictures that show ITS label.")
    require(not _close(got, counts / 5), "of the pictures that show a, not of all pictures.")
    require(
        not _close(got, want.T), "the condition is the ROW: all 2 pictures of label 1 show label 0, so entry 1, 0 is 1."
    )
    require(_close(got, want), "row 0 should be 1, 1/2, 1/4: of 4 pictures of label 0 two show label 1, one label 2.")
    return "not symmetric: what a rare label says of a common one is not what the common one says of it."


def _random(channels: int, count: int, seed: int) -> Tensor:
    return torch.randn(channels, count, generator=torch.Generator().manual_seed(seed))


def _same_choice(one: Tensor, other: Tensor) -> bool:
    """The same neighbours in every group, in any order."""
    return bool((one.sort(-1).values == other.sort(-1).values).all())


def _alike(got: Tensor, x: Tensor, y: Tensor, order: Tensor) -> bool:
    """Whether ``got`` are the neighbours after the channels are taken in the order (G, C / G)."""
    flat = order.flatten()
    return _same_choice(got, group_knn(x[flat][None], y[flat][None], k=3, groups=2)[0])


def _unscaled(x: Tensor, y: Tensor) -> Tensor:
    parts = zip(x.chunk(2), y.chunk(2), strict=True)
    return torch.stack([torch.cdist(a.T, b.T).topk(3, largest=False).indices for a, b in parts])


def _farthest(x: Tensor, y: Tensor) -> Tensor:
    return group_knn(x[None], -y[None], k=3, groups=2)[0]


def _alternating(one: Tensor, other: Tensor) -> Tensor:
    return torch.stack([one, other], dim=1).flatten(0, 1)


def _close(one: Tensor, other: Tensor) -> bool:
    return bool(torch.allclose(one, other.to(one), atol=1e-5))
