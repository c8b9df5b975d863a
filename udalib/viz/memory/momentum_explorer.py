"""The explorer of writing: the same class means, written with another momentum."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.figure import Figure
from torch import Tensor

from udalib.core.errors import ConfigError
from udalib.data.labels import LabelSpace
from udalib.ops.memory import ClassSums
from udalib.viz.explorer.explorer import Choice, Control, Explorer, Slider, Stops
from udalib.viz.memory.writes import writes_figure

MOMENTA = (0.0, 0.5, 0.8, 0.9, 0.95, 0.99)


class MomentumExplorer(Explorer):
    """How fast an item forgets.

    Args:
        start: items (K, D) before the first write.
        sums: of the writes, in order.
        space: of the items.
        items: ids that can be chosen; None = those that some write touches.

    Controls: ``momentum`` (0.8 as published), ``item``, ``count`` of writes.

    Raises:
        ConfigError: no write, or none that has a class in it.
    """

    def __init__(
        self, start: Tensor, sums: Sequence[ClassSums], space: LabelSpace, *, items: Sequence[int] | None = None
    ) -> None:
        touched = [c for c in range(space.num_classes) if any(float(each.weight[c]) > 0 for each in sums)]
        ids = touched if items is None else list(items)
        if not ids:
            raise ConfigError(f"{len(sums)} writes touch no item; give at least one whose labels hold a class.")
        names = tuple(space.names[i] for i in ids)

        def figure(momentum: float, item: str, count: int) -> Figure:
            return writes_figure(start, sums[:count], space.names.index(item), space, momentum=momentum)

        controls: dict[str, Control] = {
            "momentum": Stops("Momentum: share of the old item", MOMENTA, 0.8),
            "item": Choice("Item", names, names[0]),
            "count": Slider("Writes", 1, len(sums), 1, len(sums)),
        }
        super().__init__("How fast does a memory forget?", figure, controls, sheet_columns=1)
