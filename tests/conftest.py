"""One cache for all tests; a synthetic sweep over lambda; scripts in processes of their own."""

from __future__ import annotations

import importlib.util
import json
import multiprocessing
import runpy
import socket
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

VARIANTS = (("output", "single", "vanilla"), ("feature", "single", "vanilla"), ("output", "multi", "vanilla"))


def sweep_run(space: str, levels: str, gan: str, weight: float, seed: int) -> dict[str, Any]:
    """One entry of "runs"; its final mIoU is 30 + 100 lambda + seed, 10 less in the feature space."""
    final = 30 + 100 * weight + seed - 10 * (space == "feature")
    losses = {"loss_seg_main": 0.5, "loss_adv_main": 0.8, "loss_d_main_source": 0.4, "loss_d_main_target": 0.6}
    return {
        "space": space,
        "levels": levels,
        "gan": gan,
        "lambda": weight,
        "seed": seed,
        "iteration": [50, 100],
        "evaluated": [100],
        "target/miou": [final],
        **{name: [value, value + 0.1 * weight] for name, value in losses.items()},
    }


@pytest.fixture(autouse=True, scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep the cache of the streets out of the working tree, and draw each only once."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("UDALIB_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture
def sweep_data() -> dict[str, Any]:
    """As benchmarks/adversarial_sweep.py writes it: three variants at two lambdas, and the control; seeds 1 and 0."""
    weights = dict.fromkeys(VARIANTS, (0.01, 0.1))
    weights[VARIANTS[0]] = (0.0, 0.01, 0.1)
    runs = [sweep_run(*variant, weight, seed) for variant in VARIANTS for weight in weights[variant] for seed in (1, 0)]
    reference = {"streets/source-only": {"target/miou": [28.0, 29.0]}}
    return {"what": "made up", "command": "none", "reference": reference, "runs": runs}


@pytest.fixture
def sweep_file(sweep_data: dict[str, Any], tmp_path: Path) -> Path:
    """The same as a file."""
    path = tmp_path / "sweep.json"
    path.write_text(json.dumps(sweep_data), encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def load_script() -> Callable[[Path], ModuleType]:
    """Import a script that is also run by child processes, under a name of its own."""

    def load(path: Path) -> ModuleType:
        spec = importlib.util.spec_from_file_location(f"udalib_{path.stem}", path)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[spec.name] = module
        spec.loader.exec_module(module)
        return module

    return load


@pytest.fixture(scope="session")
def start_script() -> Callable[..., Any]:
    """Start a script, its arguments in ARGUMENTS, forked from a server that has imported torch and lightning."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["torch", "lightning.fabric", "torch.utils.tensorboard", "udalib.engine"])

    def start(script: Path, *arguments: str) -> Any:
        call = {"init_globals": {"ARGUMENTS": list(arguments)}, "run_name": "__main__"}
        process = context.Process(target=runpy.run_path, args=(str(script),), kwargs=call)
        process.start()
        return process

    return start


@pytest.fixture(scope="session")
def under_torchrun() -> Callable[..., None]:
    """Two processes with the environment that torchrun gives them (torchrun itself would import torch once more)."""

    def run(start: Callable[..., Any], folder: str, *arguments: str) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        common = ["WORLD_SIZE=2", "LOCAL_WORLD_SIZE=2", "MASTER_ADDR=127.0.0.1", f"MASTER_PORT={port}", "GROUP_RANK=0"]
        common += ["TORCHELASTIC_RUN_ID=test", *arguments]
        children = [start(folder, f"RANK={rank}", f"LOCAL_RANK={rank}", *common) for rank in range(2)]
        for child in children:
            child.join(200)
        assert [child.exitcode for child in children] == [0, 0]

    return run
