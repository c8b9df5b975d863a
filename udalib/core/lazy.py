"""Modules that are imported when they are first used."""

from __future__ import annotations

import importlib
from typing import Any


class LazyModule:
    """Stands for the module ``name``: the first attribute that is asked for imports it.

    For torchvision and timm, whose import takes longer than most commands need (``benchmarks/startup.py``).

    >>> LazyModule("math").gcd(12, 18)
    6
    """

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, attribute: str) -> Any:
        if attribute.startswith("__"):  # copying and pickling ask for these; the module's own would mislead them
            raise AttributeError(attribute)
        return getattr(importlib.import_module(self._name), attribute)
