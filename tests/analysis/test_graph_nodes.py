"""Nodes of GKGNet's graphs as a network makes them, and neighbourhoods counted against labels."""

import numpy as np
import pytest
import torch

from udalib.analysis.networks.graph_nodes import stage_nodes
from udalib.analysis.networks.neighbourhoods import (
    class_shares,
    expected_distinct,
    heard,
    label_hearing,
    patch_hearing,
)
from udalib.core.errors import ConfigError
from udalib.models import create_network
from udalib.models.gkgnet.blocks import PatchGraph
from udalib.ops.group_knn import distinct_neighbours

SIZE = (32, 64)


def network(**options):
    torch.manual_seed(0)
    made = create_network("gkgnet", num_classes=3, variant="streets", size=SIZE, k=2, k_label=2, **options).eval()
    for module in made.modules():  # statistics as after training: without, BatchNorm does next to nothing
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.1)
    return made


def images():
    return torch.rand(2, 3, *SIZE, generator=torch.Generator().manual_seed(1))


def test_nodes_choose_as_the_network_does():
    net, chosen = network(groups=2), {}
    last = [list(net.encoder.graphs())[i] for i in (1, 3, 5)]
    for stage, graph in enumerate(last):
        graph.register_forward_hook(
            lambda module, given, _, stage=stage: chosen.__setitem__(stage, module.neighbours(given[0]))
        )
    with torch.no_grad():
        labels = net.label_neighbours(images())
    for stage, nodes in enumerate(stage_nodes(net, images())):
        assert (nodes.k, nodes.dilation) == (2, 1 if stage < 2 else 2)
        assert nodes.patch_neighbours(2, 2, dilation=nodes.dilation).equal(chosen[stage])
        assert nodes.label_neighbours(2, 2).equal(labels[stage])


def test_positions_can_be_left_out_and_no_hook_stays():
    net = network()
    nodes = stage_nodes(net, images())[0]
    assert not nodes.patch_neighbours(2, 2).equal(nodes.patch_neighbours(2, 2, positions=False))
    assert not any(module._forward_pre_hooks for module in net.modules() if isinstance(module, PatchGraph))


def test_a_network_without_label_nodes_says_so():
    nodes = stage_nodes(network(cross=False), images())
    assert len(nodes) == 3
    assert nodes[0].patch_neighbours(1, 2).shape == (2, 2, 8 * 16, 1)
    with pytest.raises(ConfigError, match="no label nodes; build it with `cross=True`"):
        nodes[0].label_neighbours(1, 2)


def test_what_is_heard_by_hand():
    neighbours = torch.tensor([[[[0, 1], [2, 3], [4, 4]], [[1, 2], [2, 3], [0, 1]]]])
    wanted = torch.tensor([[[1, 0, 1, 1, 1], [0, 0, 0, 1, 0], [0, 0, 0, 0, 0]]]).bool()
    found = heard(neighbours, wanted)
    assert found.size.tolist() == [4, 1]
    assert found.count.tolist() == [3, 2]
    assert found.right.tolist() == [2, 1]
    assert found.precision.tolist() == pytest.approx([2 / 3, 1 / 2])
    assert found.recall.tolist() == [0.5, 1.0]


def test_shares_of_cells():
    labels = torch.zeros(1, 4, 8, dtype=torch.long)
    labels[:, :2, :2], labels[:, :2, 2:4] = 1, 255
    shares = class_shares(labels, (2, 2), 2)
    assert shares[0, 0].tolist() == [[0.0, 1.0], [1.0, 1.0]]
    assert shares[0, 1].tolist() == [[0.5, 0.0], [0.0, 0.0]]
    with pytest.raises(ConfigError, match=r"grid of \(3, 2\) does not divide labels of 4 x 8"):
        class_shares(labels, (3, 2), 2)


def test_labels_that_are_not_shown_do_not_count():
    nodes = stage_nodes(network(), images())[0]
    labels = torch.zeros(2, *SIZE, dtype=torch.long)
    labels[0, :4, :8] = 13  # two of the patches of 4 x 4
    found = label_hearing(nodes, labels, (11, 13, 18), k=2, groups=2)
    assert found.size.tolist() == [2]
    assert 2 <= int(found.count) <= 4
    assert int(found.right) <= 2


def test_patches_hear_as_many_as_they_have_distinct_neighbours():
    nodes = stage_nodes(network(), images())[1]
    found = patch_hearing(nodes, torch.zeros(2, *SIZE, dtype=torch.long), 1, k=2, groups=4)
    assert found.count.equal(distinct_neighbours(nodes.patch_neighbours(2, 4)).flatten())
    assert found.size.eq(8).all()
    assert found.right.equal(found.count)


@pytest.mark.parametrize(("size", "groups"), [(1, 2), (3, 2), (5, 3), (12, 2), (20, 4)])
def test_the_expected_number_is_that_of_many_draws(size, groups):
    """4000 draws, whose mean strays by less than 0.02 (standard error of a count that varies by about 1)."""
    random, total, k = np.random.default_rng(0), 20, 5
    counts = []
    for _ in range(4000):
        own = [random.permutation(size)[:k] for _ in range(groups)]
        rest = [size + random.permutation(total - size)[: max(0, k - size)] for _ in range(groups)]
        counts.append(len(np.unique(np.concatenate([*own, *rest]))))
    assert np.mean(counts) == pytest.approx(expected_distinct(size, k=k, groups=groups, sources=total), abs=0.08)
