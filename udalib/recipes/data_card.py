"""What a run read: items and a fingerprint of their names, the same on every machine, to tell two runs' data apart."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from udalib.data import Stream
from udalib.recipes.spec.serialise import fingerprint
from udalib.recipes.spec.specs import Recipe


def data_card(recipe: Recipe, streams: Mapping[str, Stream], evaluators: Mapping[str, Any]) -> dict[str, Any]:
    """Data of each stream and evaluation: ``{"streams": {"source": {"dataset", "items", "names"}}, ...}``.

    ``names`` is a fingerprint of the label files' names below the data's root, in order: another list of files is seen,
    other pixels in files of the same names are not. It is None for a set that does not name them unread.
    """
    read = {spec.name: (spec.dataset.name, streams[spec.name].dataset) for spec in recipe.streams}
    scored = {spec.name: (spec.dataset.name, evaluators[spec.name].dataset) for spec in recipe.evaluations}
    return {
        kind: {name: _card(title, dataset) for name, (title, dataset) in sets.items()}
        for kind, sets in (("streams", read), ("evaluations", scored))
    }


def _card(title: str, dataset: Any) -> dict[str, Any]:
    label_file = _label_file(dataset)
    names = None if label_file is None else fingerprint([label_file(i) for i in range(len(dataset))])
    return {"dataset": title, "items": len(dataset), "names": names}


def _label_file(dataset: Any) -> Any:
    """The function that names an item's label file; wrappers that change images alone are looked through."""
    while not hasattr(dataset, "label_file") and hasattr(dataset, "dataset"):
        dataset = dataset.dataset
    return getattr(dataset, "label_file", None)
