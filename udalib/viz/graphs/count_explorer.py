"""The explorer of distinct neighbours: how many sources each patch hears as K, G and dilation change."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.figure import Figure

from udalib.analysis.networks.graph_nodes import StageNodes
from udalib.data.labels import LabelSpace
from udalib.ops.group_knn import distinct_neighbours
from udalib.viz.explorer.explorer import Explorer
from udalib.viz.graphs.controls import pictured, shared_controls
from udalib.viz.graphs.counts import counts_figure


class CountExplorer(Explorer):
    """The map of distinct neighbours of a picture's patches.

    Args:
        samples: with ``image`` and ``label``, see :class:`udalib.viz.graphs.NeighbourExplorer`.
        stages: nodes of a network for these images.
        space: of the labels.

    Controls: ``index`` of the picture, ``stage``, ``k``, ``groups``, ``dilation``, ``positions``.

    Raises:
        ConfigError: no image, or nodes of another number of images.
        DataError: images of unlike sizes.
    """

    def __init__(self, samples: Sequence[Mapping[str, Any]], stages: Sequence[StageNodes], space: LabelSpace) -> None:
        given = pictured(samples, stages)

        def figure(index: int, stage: int, k: int, groups: int, **state: Any) -> Figure:
            nodes = given.stages[stage - 1].picture(index)
            counts = distinct_neighbours(nodes.patch_neighbours(k, groups, **state))[0].view(nodes.patches.shape[-2:])
            image, label = given.images[index], given.labels[index]
            title = f"stage {stage}, K = {k}, G = {groups}: mean {counts.float().mean():.2f} of {groups * k}"
            return counts_figure(image, label, counts, (k, groups * k), space, title=title)

        super().__init__("How many does a patch hear?", figure, shared_controls(given), sheet_columns=1)
