"""Controls that both explorers of graphs have, and the pictures that they are given."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from udalib.analysis.networks.graph_nodes import StageNodes
from udalib.core.errors import ConfigError
from udalib.viz.explorer.explorer import Control, Slider, Stops, Toggle
from udalib.viz.explorer.inputs import as_float, as_label, check_images

GROUPS = (1, 2, 4)
MOST_NEIGHBOURS, MOST_DILATION = 9, 3


class Pictured(NamedTuple):
    """Pictures with their labels and the nodes of every stage."""

    images: list[Tensor]
    labels: Tensor
    stages: tuple[StageNodes, ...]


def pictured(samples: Sequence[Mapping[str, Any]], stages: Sequence[StageNodes]) -> Pictured:
    """Check samples with ``image`` and ``label`` against the nodes that a network has for them.

    Raises:
        ConfigError: no image, no stage, or nodes of another number of images.
        DataError: images of unlike sizes.
    """
    images = [as_float(sample["image"]) for sample in samples]
    check_images(images)
    found = sorted({len(nodes.patches) for nodes in stages})
    if found != [len(images)]:
        raise ConfigError(f"{len(images)} images need nodes of as many in every stage; got nodes of {found} images.")
    return Pictured(images, torch.stack([as_label(sample) for sample in samples]), tuple(stages))


def shared_controls(given: Pictured) -> dict[str, Control]:
    """Picture, stage, neighbours, groups, dilation, positions.

    K opens as the network has it, if the sources of all stages are enough for that at the largest dilation.
    """
    first, fewest = given.stages[0], min(each.sources[0, 0].numel() for each in given.stages)
    most = max(1, min(MOST_NEIGHBOURS, fewest // MOST_DILATION))
    widths = [each.patches.shape[1] for each in given.stages]
    groups = tuple(g for g in GROUPS if not any(width % g for width in widths))
    return {
        "index": Slider("Picture", 0, len(given.images) - 1, 1, 0),
        "stage": Slider("Stage (1 is the finest)", 1, len(given.stages), 1, 1),
        "k": Slider("K: neighbours a group", 1, most, 1, min(first.k, most)),
        "groups": Stops("G: groups of channels", groups, groups[min(1, len(groups) - 1)]),
        "dilation": Slider("Dilation", 1, min(MOST_DILATION, fewest // most), 1, 1),
        "positions": Toggle("Positions count (patches only)", True),
    }
