"""The toy training of the adversarial methods, importable by tests and run as a script by child processes."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

SCRIPT = Path(__file__).with_name("adversarial_toy.py")


@pytest.fixture(scope="session")
def toy() -> ModuleType:
    """The module tests/methods/adversarial_toy.py."""
    spec = importlib.util.spec_from_file_location("udalib_adversarial_toy", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module
