"""The toy training, importable by tests and run as a script by child processes."""

from __future__ import annotations

import importlib.util
import sys
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

SCRIPT = Path(__file__).with_name("toy_training.py")


@pytest.fixture(scope="session")
def toy() -> ModuleType:
    """The module tests/engine/toy_training.py."""
    spec = importlib.util.spec_from_file_location("udalib_toy_training", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def start_child(start_script: Any) -> Any:
    """Start the toy training in a process of its own."""
    return partial(start_script, SCRIPT)
