"""The explorer of exchanged items: does the network miss what is taken from its memory?"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from matplotlib.figure import Figure
from torch import Tensor

from udalib.core.errors import ConfigError
from udalib.data.labels import LabelSpace
from udalib.viz.explorer.explorer import Choice, Control, Explorer
from udalib.viz.explorer.inputs import as_float, as_label, run_model
from udalib.viz.memory.exchange import EXCHANGES, chosen_ids, exchange_figure, exchanged_items


class ExchangeExplorer(Explorer):
    """Predictions with some items removed, overwritten or exchanged.

    Args:
        predict: images (1, 3, H, W) in [0, 1] and items (K, D) -> logits (1, K, h, w).
        samples: name of a domain -> a sample of it (``image``, ``label``).
        items: (K, D) as stored.
        space: of the items.

    Controls: ``kind`` of change, ``item``, ``other`` (of "exchange" and "overwrite"), ``domain``.

    Raises:
        ConfigError: no sample, or fewer than two items that were written.
    """

    def __init__(
        self,
        predict: Callable[[Tensor, Tensor], Tensor],
        samples: Mapping[str, Mapping[str, Any]],
        items: Tensor,
        space: LabelSpace,
    ) -> None:
        names = tuple(space.names[i] for i in chosen_ids(items))
        if not samples or len(names) < 2:
            raise ConfigError(f"give a sample and two written items; got {len(samples)} samples, {len(names)} items.")
        pictures = {name: as_float(sample["image"]) for name, sample in samples.items()}
        labels = {name: as_label(sample) for name, sample in samples.items()}

        @cache
        def said(domain: str, kind: str, item: int, other: int) -> Tensor:
            changed = items if kind == "as stored" else exchanged_items(items, kind, item, other)
            return run_model(lambda images: predict(images, changed), pictures[domain][None])[0]

        def figure(kind: str, item: str, other: str, domain: str) -> Figure:
            first, second = space.names.index(item), space.names.index(other)
            whom = {"remove": f" '{item}'", "remove all": ""}.get(kind, f" '{item}' with '{other}'")
            before, after = said(domain, "as stored", 0, 0), said(domain, kind, first, second)
            return exchange_figure(
                pictures[domain], labels[domain], before, after, space, title=f"{domain}: {kind}{whom}"
            )

        controls: dict[str, Control] = {
            "kind": Choice("Change of the memory", EXCHANGES, "overwrite"),
            "item": Choice("Item", names, names[0]),
            "other": Choice("Other item", names, names[1]),
            "domain": Choice("Image from", tuple(samples), next(iter(samples))),
        }
        super().__init__("What does the network miss?", figure, controls, sheet_columns=1)
