"""The scripts in benchmarks/ as modules, each loaded once."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

FOLDER = Path(__file__).resolve().parents[2] / "benchmarks"
sys.path.append(str(FOLDER))  # where a script finds its neighbours when it is run


def load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"benchmark_{name}", FOLDER / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up there
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def networks() -> ModuleType:
    return load("networks")


@pytest.fixture(scope="session")
def training() -> ModuleType:
    return load("training")


@pytest.fixture(scope="session")
def effect() -> ModuleType:
    return load("effect")


@pytest.fixture(scope="session")
def adversarial_sweep() -> ModuleType:
    return load("adversarial_sweep")


@pytest.fixture(scope="session")
def gpu() -> ModuleType:
    return load("gpu")


@pytest.fixture(scope="session")
def adversarial() -> ModuleType:
    return load("adversarial")


@pytest.fixture(scope="session")
def self_training() -> ModuleType:
    return load("self_training")


@pytest.fixture(scope="session")
def class_onset() -> ModuleType:
    return load("class_onset")
