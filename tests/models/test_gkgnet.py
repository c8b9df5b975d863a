"""GKGNet: sizes, any image size, gradients against finite differences, published names, what is refused."""

from __future__ import annotations

import pytest
import torch

from udalib.core.errors import ConfigError, UnknownNameError
from udalib.models import create_encoder, create_network
from udalib.models.gkgnet.blocks import LabelGraph, PatchGraph
from udalib.models.gkgnet.positions import grid_codes, resize_codes
from udalib.models.weights.load import load_published

SMALL = {"variant": "streets", "size": (32, 64), "k": 3, "k_label": 3, "drop_path": 0.0}


def test_published_numbers_of_parameters() -> None:
    network = create_network("gkgnet", num_classes=80, variant="s", size=192)
    count = sum(p.numel() for p in network.parameters())
    assert count - network.encoder.pos_embed.numel() == 33_014_320


def test_logits_and_state_at_its_own_and_another_size() -> None:
    network = create_network("gkgnet", num_classes=5, **SMALL).eval()
    with torch.no_grad():
        images = torch.rand(2, 3, 32, 64)
        logits = network(images)
        assert logits.shape == (2, 5)
        assert network(torch.rand(1, 3, 48, 80)).shape == (1, 5)
        chosen = network.label_neighbours(images)
    assert [tuple(c.shape) for c in chosen] == [(2, 2, 5, 3)] * 3
    other = create_network("gkgnet", num_classes=5, **SMALL).eval()
    other.load_state_dict(network.state_dict())
    with torch.no_grad():
        assert other(images).equal(logits)


def test_groups_and_label_nodes_can_be_left_out() -> None:
    plain = create_network("gkgnet", num_classes=5, groups=1, **SMALL)
    grouped = create_network("gkgnet", num_classes=5, **SMALL)
    assert plain.state_dict().keys() == grouped.state_dict().keys()
    pooled = create_network("gkgnet", num_classes=5, cross=False, **SMALL)
    assert pooled(torch.rand(2, 3, 32, 64)).shape == (2, 5)


@pytest.mark.parametrize("training", [False, True])
def test_label_graph_gradients_are_those_of_finite_differences(training: bool) -> None:
    """A BatchNorm in a bad layout has a wrong backward pass on a CPU (sheet, pitfall 12); this finds it."""
    torch.manual_seed(0)
    graph = LabelGraph(8, 2).double().train(training)
    labels, features = torch.randn(2, 5, 8).double(), torch.randn(2, 8, 3, 3).double()
    weight = torch.randn(2, 5, 8).double()

    def value(x: torch.Tensor) -> torch.Tensor:
        return (graph(x, features)[0] * weight).sum()

    x = labels.clone().requires_grad_()
    value(x).backward()
    direction, step = torch.randn_like(labels), 1e-6
    with torch.no_grad():
        slope = (value(labels + step * direction) - value(labels - step * direction)) / (2 * step)
    assert x.grad is not None
    assert float((x.grad * direction).sum()) == pytest.approx(float(slope), rel=1e-5)


def test_the_position_table_is_never_made_whole() -> None:
    graph = PatchGraph(8, 2, (4, 6), 2, official=True)
    codes = grid_codes((4, 6), 8)
    table = graph.positions((4, 6)).block(0, 24)
    assert torch.allclose(table, (-2 / 8 * codes @ resize_codes(codes, 6).T).float(), atol=1e-6)
    assert "position_rows" not in graph.state_dict()


@pytest.mark.parametrize("size", [(8, 12), (16, 16)])
def test_a_patch_is_nearest_to_the_source_it_is_part_of(size: tuple[int, int]) -> None:
    """By positions alone, and by default; the published table, resized over the flattened index, says otherwise."""
    own = torch.arange(size[0] * size[1] // 4).view(1, 1, size[0] // 2, size[1] // 2)
    own = own.repeat_interleave(2, 2).repeat_interleave(2, 3).flatten()

    def right(graph: PatchGraph) -> float:
        table = graph.positions(size).block(0, len(own))
        return float((table.argmin(1) == own).float().mean())

    assert right(PatchGraph(32, 2, (8, 12), 2)) > 0.9
    assert right(PatchGraph(32, 2, (8, 12), 2, official=True)) < 0.6


def test_a_published_file_loads_without_its_tables() -> None:
    network = create_network("gkgnet", num_classes=5, **SMALL)
    names = {"encoder.": "backbone.", "decoder.head.": "head.", "decoder.": "backbone."}
    state = {}
    for name, value in network.state_dict().items():
        old = next(o for o in names if name.startswith(o))
        state[names[old] + name.removeprefix(old)] = value + 1
    state["backbone.backbone.0.0.relative_pos"] = torch.zeros(1, 4, 4)
    report = load_published(network, state, strict=True)
    assert report.complete


def test_what_is_refused() -> None:
    with pytest.raises(UnknownNameError, match="variant of ViG 'xl'"):
        create_network("gkgnet", variant="xl")
    with pytest.raises(ConfigError, match="sides must be multiples of 32"):
        create_encoder("vig_t", size=100)
    network = create_network("gkgnet", num_classes=5, **{**SMALL, "k": 9}).eval()
    with pytest.raises(ConfigError, match="k=9 neighbours"):
        network(torch.rand(1, 3, 32, 64))
    with pytest.raises(ConfigError, match="multiple of 4"):
        grid_codes((2, 2), 6)
