"""One registry type for everything that is created by name."""

from __future__ import annotations

import fnmatch
from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

from udalib.core.errors import ConfigError, unknown_name

T = TypeVar("T")


class Registry(Generic[T]):
    """Names to values of one kind; unknown names raise with the nearest known ones.

    >>> shapes: Registry[type] = Registry("shape")
    >>> @shapes.register("disc")
    ... class Disc: ...
    >>> shapes.names()
    ['disc']
    """

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self._values: dict[str, T] = {}

    def add(self, name: str, value: T) -> T:
        """Register ``value`` under ``name``; a second, different value is refused."""
        if name in self._values and self._values[name] is not value:
            raise ConfigError(f"{self.kind} {name!r} is registered already; choose another name.")
        self._values[name] = value
        return value

    def remove(self, name: str) -> None:
        """Forget ``name`` (a plug-in that is taken out again); unknown names raise."""
        self.get(name)
        del self._values[name]

    def register(self, name: str) -> Callable[[T], T]:
        """Return a decorator that registers what it decorates under ``name``."""
        return lambda value: self.add(name, value)

    def get(self, name: str) -> T:
        """Return the value registered as ``name`` or raise :class:`UnknownNameError`."""
        if name not in self._values:
            raise unknown_name(self.kind, name, self._values)
        return self._values[name]

    def names(self, pattern: str = "*") -> list[str]:
        """Sorted names that match a shell-style ``pattern``."""
        return sorted(fnmatch.filter(self._values, pattern))

    def __contains__(self, name: object) -> bool:
        return name in self._values

    def __iter__(self) -> Iterator[str]:
        return iter(self.names())

    def __len__(self) -> int:
        return len(self._values)
