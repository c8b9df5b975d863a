"""The explorer of reading: an item, an image of some domain, and what its pixels read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from matplotlib.figure import Figure

from udalib.core.errors import ConfigError
from udalib.data.labels import LabelSpace
from udalib.viz.explorer.explorer import Choice, Control, Explorer, Stops
from udalib.viz.memory.reading import Recall, reading_figure

TEMPERATURES = (0.02, 0.05, 0.1, 0.25, 0.5, 1.0)


class ReadingExplorer(Explorer):
    """Reading weights of one item over images of several domains.

    Args:
        recalls: name of a domain -> an image of it as the network reads it.
        space: of the items.
        items: ids that can be chosen; None = all (the item of a class that was never seen scores 0 everywhere).

    Controls: ``item`` by its class, ``domain``, ``temperature`` of the soft-max (1 is what the network reads at).

    Raises:
        ConfigError: no image, or no item.
    """

    def __init__(self, recalls: Mapping[str, Recall], space: LabelSpace, *, items: Sequence[int] | None = None) -> None:
        ids = range(space.num_classes) if items is None else items
        if not recalls or not ids:
            raise ConfigError(f"give an image and an item at least; got {len(recalls)} images and {len(ids)} items.")
        names = tuple(space.names[i] for i in ids)

        def figure(item: str, domain: str, temperature: float) -> Figure:
            chosen = space.names.index(item)
            return reading_figure(recalls[domain], chosen, space, temperature=temperature, title=domain)

        controls: dict[str, Control] = {
            "item": Choice("Item", names, names[0]),
            "domain": Choice("Image from", tuple(recalls), next(iter(recalls))),
            "temperature": Stops("Temperature (the network's: 1)", TEMPERATURES, 1.0),
        }
        super().__init__("What do pixels read?", figure, controls, sheet_columns=1)
