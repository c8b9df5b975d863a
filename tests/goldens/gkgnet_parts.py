"""What the handlers of GKGNet's files share: layers and networks of a configuration under the published names."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from eln_parts import within
from harness import Case, Check
from published_networks import NORMALISED
from torch import Tensor, nn

from udalib.models.gkgnet.blocks import PatchGraph
from udalib.models.gkgnet.network import GKGNet, gkgnet

TABLE = "relative_pos"


def without_tables(case: Case) -> Case:
    """``case`` that does not list the published position tables, which we make when they are needed."""
    params = [entry for entry in case.meta["params"] if not entry[0].endswith(TABLE)]
    return Case(case.path, {**case.meta, "params": params}, case.inputs, case.outputs)


def groups_of(config: dict[str, Any], switch: str = "use_multi_group") -> int:
    """G of a configuration; without grouping the published classes equal G = 1."""
    return int(config.get("groups", config.get("num_group", 2))) if config.get(switch, True) else 1


def network_of(case: Case) -> GKGNet:
    """The whole network in float64 with the file's weights, for normalised images."""
    config = case.config
    network = gkgnet(
        config["n_classes"],
        config["choice"],
        config["size"],
        config["k"],
        config["k_label_gcn"],
        groups_of(config, "backbone_multi_group"),
        groups_of(config),
        config.get("num_gcn", 1),
        drop_path=config.get("drop_path", 0.0),
        official=True,
    )
    network = GKGNet(network.encoder, network.decoder, NORMALISED)
    without_tables(case).fill(published_view(network))
    return network.double().eval()


def published_view(network: GKGNet) -> nn.Module:
    """The same modules and parameters under the published names."""
    encoder, decoder = network.encoder, network.decoder
    backbone, view = nn.Module(), nn.Module()
    for name, child in (*encoder.named_children(), *decoder.named_children()):
        (view if name == "head" else backbone).add_module(name, child)
    backbone.register_parameter("pos_embed", encoder.pos_embed)  # type: ignore[arg-type]
    view.add_module("backbone", backbone)
    return view


def double(case: Case, name: str) -> Tensor:
    """An input in float64, with a gradient to come."""
    return torch.from_numpy(np.array(case.inputs[name], dtype=np.float64)).requires_grad_()


def limits(case: Case, name: str) -> dict[str, float]:
    """The file's limits for one output, or its only ones."""
    tolerance: dict[str, Any] = case.meta["tolerance"]
    found: dict[str, float] = tolerance.get(name, tolerance)
    return found


def gradient_checks(case: Case, module: nn.Module) -> Iterator[Check]:
    """Norm of every parameter's gradient, where the file has them."""
    allowed = case.meta["tolerance"].get("grad_norms", {"rtol": 1e-3, "atol": 1e-5})
    own = dict(module.named_parameters())
    for name, want in case.meta.get("grad_norms", {}).items():
        yield within(name, own[name].grad.norm(), want, allowed)  # type: ignore[union-attr]


def table_of(graph: PatchGraph, nodes: int, sources: int) -> Tensor:
    """The published table (1, N, M)."""
    return graph.published_positions(nodes, sources).block(0, nodes)[None]
