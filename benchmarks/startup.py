"""How long commands and imports take to start, each in a fresh process: median and range of processor seconds.

    python benchmarks/startup.py --out build/benchmarks/startup.json

Imports of udalib are timed with PyTorch loaded before the clock starts. The peer of all is ``import torch`` in the same
round.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import torch
from _rounds import CLOCKS

from udalib.core.files import write_json
from udalib.engine.record.machine import describe_device, now, versions

PEER = "import torch"
IMPORTS = ("import udalib", "import udalib.recipes", "import udalib.models")
COMMANDS = ("udalib --help", "udalib run --help", "udalib list")
AFTER_TORCH = "import time, torch; start = time.process_time(); {}; print(time.process_time() - start)"


def of_process(words: list[str]) -> float:
    """Processor seconds of a process and its children."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(words, check=True, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def seconds(name: str) -> float:
    """One measurement."""
    if name == PEER:
        return of_process([sys.executable, "-c", name])
    if name in IMPORTS:
        code = AFTER_TORCH.format(name)
        return float(subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout)
    return of_process([sys.executable, "-m", "udalib.cli", *name.split()[1:]])


def main(arguments: list[str] | None = None) -> int:
    """Time everything in turn, print a line each, write the record."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="JSON file to write")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", nargs="+", choices=[*IMPORTS, *COMMANDS], default=[*IMPORTS, *COMMANDS])
    options = parser.parse_args(arguments)
    found: dict[str, list[float]] = {name: [] for name in (PEER, *options.only)}
    start = time.monotonic()
    for name in found:
        seconds(name)  # files of packages come from the disk once
    for _ in range(options.rounds):
        for name, values in found.items():
            values.append(seconds(name))
    rows: list[dict[str, Any]] = []
    for name, values in found.items():
        row = {"name": name, "seconds": statistics.median(values), "lowest": min(values), "highest": max(values)}
        rows.append(row)
        print(f"{name:<24} {row['seconds']:6.2f} s  ({row['lowest']:.2f} to {row['highest']:.2f})")
    record = {
        "benchmark": "startup",
        "created": now(),
        "command": " ".join(["python", "benchmarks/startup.py", *(sys.argv[1:] if arguments is None else arguments)]),
        "device": describe_device(torch.device("cpu"), processes=1),
        "versions": versions(),
        "clock": CLOCKS["cpu"],
        "wall_seconds": time.monotonic() - start,
        "rows": rows,
    }
    write_json(options.out, record)
    print(f"written to {options.out}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
