"""Tracebacks in executed notebooks, also where widgets hide them: ``interact`` swallows exceptions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

WIDGET_STATE = "application/vnd.jupyter.widget-state+json"
WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"
SIGN = "Traceback"


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        if value.get("output_type") == "error":
            yield f"{SIGN}: {value.get('ename')}: {value.get('evalue')}"
        for item in value.values():
            yield from _texts(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _texts(item)


def find_tracebacks(notebook: Mapping[str, Any]) -> list[str]:
    """Describe each traceback in a notebook's outputs and widget states; an empty list means there is none.

    Cells tagged ``raises-exception`` show an error on purpose and are skipped.
    """
    found = []
    for number, cell in enumerate(notebook["cells"]):
        if "raises-exception" in cell.get("metadata", {}).get("tags", ()):
            continue
        for text in _texts(cell.get("outputs", [])):
            if SIGN in text:
                found.append(f"cell {number}: {_last_line(text)}")
                break
    states = notebook.get("metadata", {}).get("widgets", {}).get(WIDGET_STATE, {}).get("state", {})
    for key, model in states.items():
        hits = [text for text in _texts(model.get("state", {})) if SIGN in text]
        found += [f"widget {model.get('model_name', key)}: {_last_line(text)}" for text in hits[:1]]
    return found


def _last_line(text: str) -> str:
    return text.strip().splitlines()[-1][:300]
