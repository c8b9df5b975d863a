"""``udalib doctor``: what is installed, which devices there are, which data was found, what is free."""

from __future__ import annotations

import os
import platform
import shutil
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import torch

from udalib.core.errors import DataError
from udalib.core.paths import cache_root, data_root, runs_root, weights_root
from udalib.data import manifest, manifest_names
from udalib.data.sets.manifests import find_root

CORE = (
    "udalib", "torch", "torchvision", "lightning", "timm", "torchmetrics", "numpy", "pillow", "matplotlib", "seaborn",
    "scikit-learn", "safetensors", "tqdm", "tyro",
)  # fmt: skip
OPTIONAL = {"papermill": "notebooks", "jupyterlab": "notebooks", "ipywidgets": "notebooks", "tensorboard": "sweeps"}
OPTIONAL |= {"av": "video"}
LOW_DISK_GIB = 2.0


def doctor() -> int:
    """Show what is installed, devices, threads, places, data sets and free disk; 1 if something needed is missing."""
    problems: list[str] = []
    for line in [*packages(problems), *devices(), *places(problems), *data_sets(problems)]:
        print(line)
    print("\nEverything needed is there." if not problems else "\n" + "\n".join(f"problem: {p}" for p in problems))
    return 1 if problems else 0


def packages(problems: list[str]) -> Iterator[str]:
    """Versions of the packages; a missing one of the core is a problem."""
    yield f"python {platform.python_version()} on {platform.platform()}"
    for name in CORE:
        found = _version(name)
        if found is None:
            problems.append(f"the package {name} is missing; repeat the installation (`make setup`).")
        yield f"  {name:<14} {found or 'MISSING'}"
    for name, extra in OPTIONAL.items():
        yield f"  {name:<14} {_version(name) or f'not installed (optional: pip install udalib[{extra}])'}"


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def devices() -> Iterator[str]:
    """CPU threads and accelerators."""
    yield f"\ncpu: {os.cpu_count()} cores, torch uses {torch.get_num_threads()} threads"
    for i in range(torch.cuda.device_count()):
        memory = torch.cuda.get_device_properties(i).total_memory / 2**30
        yield f"cuda:{i}: {torch.cuda.get_device_name(i)}, {memory:.0f} GiB"
    if torch.backends.mps.is_available():
        yield "mps: available"
    if not torch.cuda.is_available() and not torch.backends.mps.is_available():
        yield "no GPU that torch can use; --device auto takes the CPU"


def places(problems: list[str]) -> Iterator[str]:
    """Folders and the free disk under each; too little for checkpoints is a problem."""
    yield ""
    named = {"data": data_root(), "weights": weights_root(), "cache": cache_root(), "runs": runs_root()}
    for name, folder in named.items():
        existing = next(p for p in (folder.absolute(), *folder.absolute().parents) if p.exists())
        free = shutil.disk_usage(existing).free / 2**30
        note = "" if folder.exists() else ", does not exist yet"
        yield f"{name:<8} {folder} (UDALIB_{name.upper()}): {free:.1f} GiB free{note}"
        if name in ("cache", "runs"):
            problems.extend(_writing_problems(name, folder, existing, free))


def _writing_problems(name: str, folder: Path, existing: Path, free: float) -> Iterator[str]:
    if free < LOW_DISK_GIB:
        yield f"only {free:.1f} GiB free for {name} at {folder}; free some, or set UDALIB_{name.upper()} elsewhere."
    if not os.access(existing, os.W_OK):
        yield f"{existing} is not writable, so {name} cannot be kept there; set UDALIB_{name.upper()} elsewhere."


def data_sets(problems: list[str]) -> Iterator[str]:
    """Real data sets and whether they were found; none is needed for the embedded streets."""
    yield ""
    try:
        names = manifest_names()
    except DataError as error:
        problems.append(str(error))
        return
    for name in names:
        try:
            yield f"data set {name:<12} {find_root(manifest(name))}"
        except DataError:
            yield f"data set {name:<12} not found"
