"""An immutable, hashable mapping for keyword options that a recipe hands to a factory."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any


def freeze(value: Any) -> Any:
    """Turn lists into tuples and mappings into :class:`Options`, recursively, so that nothing in it can change."""
    if isinstance(value, Mapping):
        return Options(value)
    if isinstance(value, list | tuple):
        return tuple(freeze(item) for item in value)
    return value


class Options(Mapping[str, Any]):
    """Keyword options, frozen: equal options hash alike, and JSON gives them back unchanged.

    >>> options = Options(width=48, dilations=[6, 12])
    >>> options["dilations"], options.updated("width", 32)
    ((6, 12), Options(width=32, dilations=(6, 12)))
    """

    __slots__ = ("_values",)

    def __init__(self, values: Mapping[str, Any] | None = None, /, **named: Any) -> None:
        merged = {**(values or {}), **named}
        self._values: dict[str, Any] = {str(key): freeze(value) for key, value in merged.items()}

    def __getitem__(self, key: str) -> Any:
        return self._values[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __hash__(self) -> int:
        return hash(frozenset(self._values.items()))

    def __repr__(self) -> str:
        return f"Options({', '.join(f'{key}={value!r}' for key, value in self._values.items())})"

    def updated(self, key: str, value: Any) -> Options:
        """Return a copy in which ``key`` is ``value``."""
        return Options({**self._values, key: value})
