"""Methods by name."""

from __future__ import annotations

from typing import Any

from udalib.core.registry import Registry
from udalib.methods.base import Method

METHODS: Registry[type[Method]] = Registry("method")


def create_method(name: str, *args: Any, **options: Any) -> Method:
    """Build the method registered as ``name``."""
    return METHODS.get(name)(*args, **options)


def list_methods(pattern: str = "*") -> list[str]:
    """Sorted names of the registered methods that match a shell-style ``pattern``."""
    return METHODS.names(pattern)
