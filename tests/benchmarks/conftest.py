"""The scripts in benchmarks/ as modules, each loaded once."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

FOLDER = Path(__file__).resolve().parents[2] / "benchmarks"
sys.path.append(str(FOLDER))  # where a script finds its neighbours when it is run


def load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"benchmark_{name}", FOLDER / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up there
    spec.loader.exec_module(module)
    return module


def script(name: str) -> Any:
    """The fixture ``name``: that script."""
    return pytest.fixture(scope="session", name=name)(lambda: load(name))


networks, training, effect, gpu = map(script, ("networks", "training", "effect", "gpu"))
adversarial, adversarial_sweep = map(script, ("adversarial", "adversarial_sweep"))
self_training, class_onset, eln = map(script, ("self_training", "class_onset", "eln"))
painters, features = map(script, ("painters", "features"))
pin_memory, quadmix, plan = map(script, ("pin_memory", "quadmix", "plan"))
kernels, data, startup = map(script, ("kernels", "data", "startup"))
split, scaling, page = map(script, ("split", "scaling", "page"))
pieces = pytest.fixture(scope="session", name="pieces")(lambda: load("_pieces"))
classification, detection = map(script, ("classification", "detection"))
