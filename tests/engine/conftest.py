"""The toy training, importable by tests and run as a script by child processes."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

SCRIPT = Path(__file__).with_name("toy_training.py")


@pytest.fixture(scope="session")
def toy(load_script: Any) -> ModuleType:
    """The module tests/engine/toy_training.py."""
    module: ModuleType = load_script(SCRIPT)
    return module


@pytest.fixture(scope="session")
def start_child(start_script: Any) -> Any:
    """Start the toy training in a process of its own."""
    return partial(start_script, SCRIPT)
