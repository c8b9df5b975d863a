"""The explorer of token groups: pick a token on a level, see its group on every level."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.figure import Figure
from torch import Tensor

from udalib.analysis.networks.token_groups import token_group
from udalib.core.errors import ConfigError
from udalib.models.cfpt.attention import CrossLayerAttention
from udalib.viz.detection.groups import group_figure
from udalib.viz.explorer.explorer import Choice, Control, Explorer, Slider


class GroupsExplorer(Explorer):
    """What a token of CSA or CCA looks at.

    Args:
        image: (3, H, W), the picture that the levels come from.
        blocks: name ("CSA", "CCA") -> the attention and the levels (1, C, H, W) that go into it, finest first.
        strides: of the levels, in pixels.

    Controls: ``attention``, ``level`` of the token, its ``row`` and ``column`` in cells of the finest level (a coarser
    level's token is the one that lies there), ``channel`` of q, which says the head.

    Raises:
        ConfigError: no attention, or ``strides`` of another number of levels.
    """

    def __init__(
        self,
        image: Any,
        blocks: Mapping[str, tuple[CrossLayerAttention, Sequence[Tensor]]],
        strides: Sequence[int],
    ) -> None:
        if not blocks or any(len(levels) != len(strides) for _, levels in blocks.values()):
            raise ConfigError(f"give one attention or more, each with {len(strides)} levels, one a stride.")
        first, levels = next(iter(blocks.values()))
        height, width = levels[0].shape[-2:]
        names = tuple(f"L{i}, stride {stride}" for i, stride in enumerate(strides))

        def figure(attention: str, level: str, row: int, column: int, channel: int) -> Figure:
            block, maps = blocks[attention]
            index = names.index(level)
            place = (row >> index, column >> index)
            group = token_group(block, maps, index, *place, channel)
            title = f"{attention}: token of cell {place} on {level}, channel {channel} of q"
            return group_figure(image, group, strides, title=title)

        controls: dict[str, Control] = {
            "attention": Choice("Attention", tuple(blocks), next(iter(blocks))),
            "level": Choice("Level of the token", names, names[0]),
            "row": Slider("Row, in cells of L0", 0, height - 1, 1, height // 2),
            "column": Slider("Column, in cells of L0", 0, width - 1, 1, width // 2),
            "channel": Slider("Channel of q (says the head)", 0, first.hidden - 1, 1, 0),
        }
        super().__init__("What does a token look at?", figure, controls, sheet_columns=1)
