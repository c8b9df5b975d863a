"""The parts in which two recorded recipes differ, each so large that it can be exchanged alone."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from udalib.recipes.runner import from_record
from udalib.recipes.spec.overrides import default_options
from udalib.recipes.spec.serialise import to_plain

NO_EXPERIMENT = frozenset({"name", "summary", "published", "presets", "preset", "start_fingerprint"})
"""Fields of a recorded recipe that change no number by themselves."""

ABSENT = "(absent)"


@dataclass(frozen=True)
class Unit:
    """One difference between two recorded recipes.

    Attributes:
        path: keys and positions that lead to it.
        title: the same as a dotted path as ``--set`` takes it, items of lists by their name.
        first: value in the first recipe, :data:`ABSENT` where it has none.
        second: value in the second.
        defaults: what the two recipes take where they have none; None where nobody knows.
    """

    path: tuple[str | int, ...]
    title: str
    first: Any
    second: Any
    defaults: tuple[Any, Any] = (None, None)

    @property
    def in_effect(self) -> tuple[Any, Any]:
        """Values that the two recipes run with."""
        values = zip((self.first, self.second), self.defaults, strict=True)
        first, second = (default if value == ABSENT and default is not None else value for value, default in values)
        return first, second

    def put(self, recipe: Mapping[str, Any], value: Any) -> dict[str, Any]:
        """Copy of the recorded ``recipe`` in which this part is ``value``; :data:`ABSENT` removes it."""
        changed = copy.deepcopy(dict(recipe))
        owner: Any = changed
        for key in self.path[:-1]:
            owner = owner[key]
        if value == ABSENT:
            owner.pop(self.path[-1], None)
        else:
            owner[self.path[-1]] = copy.deepcopy(value)
        return changed


def differing_units(first: Mapping[str, Any], second: Mapping[str, Any]) -> list[Unit]:
    """Every difference between two recorded recipes that can change a number.

    A part that goes by another name (another method, another decoder, another data set) is one difference with all of
    its options, which would mean nothing to the other; so is a list whose items are not the same ones. An option that
    one recipe leaves at what the other says is no difference.
    """
    known = [default_options(from_record(recipe)) for recipe in (first, second)]
    found = [u for u in _units(first, second, (), ()) if u.path[0] not in NO_EXPERIMENT]
    filled = [
        dataclasses.replace(u, defaults=(to_plain(known[0].get(u.title)), to_plain(known[1].get(u.title))))
        for u in found
    ]
    return [unit for unit in filled if unit.in_effect[0] != unit.in_effect[1]]


def _units(first: Any, second: Any, path: tuple[str | int, ...], title: tuple[str, ...]) -> list[Unit]:
    if first == second:
        return []
    if isinstance(first, Mapping) and isinstance(second, Mapping) and (not path or _name(first) == _name(second)):
        keys = [*first, *(key for key in second if key not in first)]
        pairs = [(key, key, first.get(key, ABSENT), second.get(key, ABSENT)) for key in keys]
    elif _same_items(first, second):
        pairs = [(i, _name(a) or str(i), a, b) for i, (a, b) in enumerate(zip(first, second, strict=True))]
    else:
        return [Unit(path, ".".join(title).replace(".options.", "."), first, second)]
    return [unit for key, word, a, b in pairs for unit in _units(a, b, (*path, key), (*title, str(word)))]


def _name(value: Any) -> str:
    return str(value.get("name", "")) if isinstance(value, Mapping) else ""


def _same_items(first: Any, second: Any) -> bool:
    if not (isinstance(first, list) and isinstance(second, list)) or len(first) != len(second):
        return False
    named = [isinstance(item, Mapping) for item in [*first, *second]]
    return bool(named) and all(named) and [*map(_name, first)] == [*map(_name, second)]
