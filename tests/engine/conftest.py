"""The toy training, importable by tests and run as a script by child processes; children that start in a moment."""

from __future__ import annotations

import importlib.util
import multiprocessing
import runpy
import sys
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
def start_child() -> Any:
    """Start the toy training in a process forked from a server that has imported torch and lightning already."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["torch", "lightning.fabric", "torch.utils.tensorboard", "udalib.engine"])

    def start(*arguments: str) -> Any:
        call = {"init_globals": {"ARGUMENTS": list(arguments)}, "run_name": "__main__"}
        process = context.Process(target=runpy.run_path, args=(str(SCRIPT),), kwargs=call)
        process.start()
        return process

    return start
