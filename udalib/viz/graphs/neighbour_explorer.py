"""The explorer of neighbourhoods: a patch or a label, and whom it hears in every group."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from matplotlib.figure import Figure
from torch import Tensor

from udalib.analysis.networks.graph_nodes import StageNodes
from udalib.analysis.networks.neighbourhoods import SHOWS, class_shares
from udalib.data.labels import LabelSpace
from udalib.viz.explorer.explorer import Choice, Control, Explorer, Slider
from udalib.viz.graphs.controls import Pictured, pictured, shared_controls
from udalib.viz.graphs.neighbours import Neighbourhood, neighbours_figure

PATCH = "the patch at row and column"


class NeighbourExplorer(Explorer):
    """The neighbours of one patch or one label over a picture, group by group.

    Args:
        samples: with ``image`` (uint8 or float in [0, 1], (3, H, W)) and ``label`` (H, W), all of one size.
        stages: nodes of a network for these images, see :func:`udalib.analysis.networks.graph_nodes.stage_nodes`.
        space: of the labels.
        ids: class id of each label node.

    Controls: ``who`` asks, ``row`` and ``column`` in the finest grid (on a coarser one the patch around that place
    asks), ``index`` of the picture, ``stage``, ``k``, ``groups``, ``dilation``, ``positions``. What the network itself
    does is one of the states: its own k and groups; from block 4 on its dilation is above 1.

    Raises:
        ConfigError: no image, or nodes of another number of images.
        DataError: images of unlike sizes.
    """

    def __init__(
        self,
        samples: Sequence[Mapping[str, Any]],
        stages: Sequence[StageNodes],
        space: LabelSpace,
        ids: Sequence[int] = (),
    ) -> None:
        given = pictured(samples, stages)
        names = [space.names[i] for i in ids] if all(each.labels is not None for each in stages) else []
        shares = {each.patches.shape[-2:]: _shares(given, each.patches, space) for each in stages}
        shares |= {each.sources.shape[-2:]: _shares(given, each.sources, space) for each in stages}
        rows, columns = given.stages[0].patches.shape[-2:]

        def figure(who: str, row: int, column: int, index: int, stage: int, **state: Any) -> Figure:
            nodes = given.stages[stage - 1]
            if who != PATCH:
                at = names.index(who)
                found, wanted = _label(nodes, index, at, state), shares[nodes.features.shape[-2:]][index, ids[at]]
                return neighbours_figure(_view(given, index, found, wanted), f"label '{who}', stage {stage}")
            spot = (row + 0.5) / rows, (column + 0.5) / columns
            p, q = (int(part * side) for part, side in zip(spot, nodes.patches.shape[-2:], strict=True))
            own = int(shares[nodes.patches.shape[-2:]][index, :, p, q].argmax())
            wanted = shares[nodes.sources.shape[-2:]][index, own]
            found = _patch(nodes, index, p * nodes.patches.shape[-1] + q, state)
            view = _view(given, index, found, wanted, spot)
            what = "cosine and position" if state["positions"] else "cosine"
            return neighbours_figure(view, f"a patch of '{space.names[own]}', stage {stage}", what)

        controls: dict[str, Control] = {
            "who": Choice("Who asks", (PATCH, *names), PATCH),
            "row": Slider("Row of the patch", 0, rows - 1, 1, 5 * rows // 8),
            "column": Slider("Column of the patch", 0, columns - 1, 1, columns // 2),
        }
        super().__init__("Whom does a node hear?", figure, {**controls, **shared_controls(given)}, sheet_columns=1)


Found = tuple[Tensor, Tensor]
"""Nearness (G, h, w) and neighbours (G, k)."""


def _label(nodes: StageNodes, index: int, at: int, state: Mapping[str, Any]) -> Found:
    one = nodes.picture(index)
    found = one.label_neighbours(state["k"], state["groups"], dilation=state["dilation"])
    assert one.labels is not None  # asked for just now
    return _cosines(one.labels[0, :, at], one.features[0], state["groups"]), found[0, :, at]


def _patch(nodes: StageNodes, index: int, at: int, state: Mapping[str, Any]) -> Found:
    one = nodes.picture(index)
    near = _cosines(one.patches[0].flatten(1)[:, at], one.sources[0], state["groups"])
    if state["positions"]:  # distance = 2 - 2 cos + table
        near = near - 0.5 * nodes.positions.block(at, at + 1).view(near.shape[1:])
    return near, one.patch_neighbours(**state)[0, :, at]


def _cosines(node: Tensor, sources: Tensor, groups: int) -> Tensor:
    """Cosine of a node (C,) and every source (C, h, w) in each group, (G, h, w)."""
    x = F.normalize(torch.unflatten(node, 0, (groups, -1)), dim=1)
    y = F.normalize(torch.unflatten(sources, 0, (groups, -1)), dim=1)
    return torch.einsum("gc,gchw->ghw", x, y)


def _view(
    given: Pictured, index: int, found: Found, shares: Tensor, spot: tuple[float, float] | None = None
) -> Neighbourhood:
    image = given.images[index]
    height, across = image.shape[-2:]
    place = None if spot is None else (spot[1] * across - 0.5, spot[0] * height - 0.5)
    return Neighbourhood(image, found[0], found[1], place, shares >= SHOWS)


def _shares(given: Pictured, maps: Tensor, space: LabelSpace) -> Tensor:
    return class_shares(given.labels, (maps.shape[-2], maps.shape[-1]), space.num_classes)
