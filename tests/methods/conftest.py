"""The toy training of methods on two domains, importable by tests and run as a script by child processes."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

collect_ignore_glob = ["conformance_broken_*.py"]  # they import a module that test_conformance_finds.py registers

SCRIPT = Path(__file__).with_name("two_domain_toy.py")


@pytest.fixture(scope="session")
def toy(load_script: Any) -> ModuleType:
    """The module tests/methods/two_domain_toy.py."""
    module: ModuleType = load_script(SCRIPT)
    return module
