"""Energy that a run used, where a device reports it: NVML's counter of a GPU, else RAPL's counter of a CPU package."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

RAPL = Path("/sys/class/powercap")
"""Where Linux shows the counters of CPU packages; most systems let the administrator alone read them."""

Counter = Callable[[], float]
"""Joules since some fixed time."""


class EnergyMeter:
    """Joules since the meter was made.

    Args:
        device: whose energy; of a CPU, all of its packages with whatever else runs on them.
        rapl: folder of the CPU's counters.

    Attributes:
        source: who measures: "NVML", "RAPL", or "" where nobody does.
    """

    def __init__(self, device: torch.device, rapl: Path = RAPL) -> None:
        self._counter, self.source = _nvml(device) if device.type == "cuda" else _rapl(rapl)
        self._start = self._counter() if self._counter is not None else 0.0

    def joules(self) -> float | None:
        """Energy so far, None if the device does not report it."""
        return None if self._counter is None else self._counter() - self._start


def _nvml(device: torch.device) -> tuple[Counter | None, str]:
    """NVML's counter of a GPU, in millijoules since the driver was loaded (Volta and newer)."""
    try:
        import pynvml

        pynvml.nvmlInit()
        uuid = str(torch.cuda.get_device_properties(device).uuid)
        handle: Any = pynvml.nvmlDeviceGetHandleByUUID(uuid if uuid.startswith("GPU-") else f"GPU-{uuid}")
        pynvml.nvmlDeviceGetTotalEnergyConsumption(handle)
    except Exception:  # no package, no library, an older card: NVML raises classes of its own for each
        return None, ""
    return lambda: float(pynvml.nvmlDeviceGetTotalEnergyConsumption(handle)) / 1000, "NVML"


def _rapl(folder: Path) -> tuple[Counter | None, str]:
    """Sum over the packages; each counter starts again at zero when it is full, which is made good."""
    packages = [_Package(path) for path in sorted(folder.glob("intel-rapl:[0-9]*")) if path.name.count(":") == 1]
    try:
        for package in packages:
            package.joules()
    except (OSError, ValueError):
        return None, ""
    return (lambda: sum(package.joules() for package in packages), "RAPL") if packages else (None, "")


class _Package:
    """One counter that only grows, from one that wraps around (at tens of minutes: read it more often than that)."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._last, self._total = 0, 0

    def joules(self) -> float:
        now = int((self.folder / "energy_uj").read_text())
        full = int((self.folder / "max_energy_range_uj").read_text())
        self._total += now - self._last if now >= self._last else now + full - self._last
        self._last = now
        return self._total / 1e6
