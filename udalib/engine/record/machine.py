"""What a run ran on: versions, device, peak memory, time."""

from __future__ import annotations

import platform
import sys
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch

PACKAGES = ("udalib", "torch", "torchvision", "lightning", "timm", "torchmetrics", "numpy", "safetensors")


def versions() -> dict[str, str]:
    """Python's and the main packages' versions."""
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def describe_device(device: torch.device, processes: int) -> dict[str, Any]:
    """Type and name of the device, number of processes, CPU threads and platform, for ``run.json``."""
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else platform.processor() or platform.machine()
    described = {"type": device.type, "name": name, "processes": processes, "threads": torch.get_num_threads()}
    return {**described, "platform": platform.platform(), "cpu": cpu_model()}


def cpu_model() -> str:
    """What the processor calls itself, "" where nobody says: its instructions decide the last bits of a sum."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return platform.processor()
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor())


def peak_memory_mib(device: torch.device) -> float:
    """Peak memory in MiB: allocated on the GPU by torch, else of this process."""
    if device.type == "cuda":
        return round(torch.cuda.max_memory_allocated(device) / 2**20, 1)
    try:
        import resource
    except ImportError:  # Windows
        return float("nan")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak / (2**20 if sys.platform == "darwin" else 2**10), 1)


def now() -> str:
    """Time in UTC, ISO 8601, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")
