"""Several processes on one machine: throughput beside one process, and what 8 GPUs would exchange.

    python benchmarks/scaling.py --out build/benchmarks/scaling.json
    python benchmarks/scaling.py --device cuda --processes 1 2 4 8

Trains a recipe with its batch times the number of processes (the work of a process stays what it is), one thread each;
efficiency = iterations a second over those of one process. A machine with fewer free cores than processes shows its
cores, not the library: the record has both numbers. The extrapolation is arithmetic on measured numbers, no
measurement: a ring all-reduce sends 2 (n - 1) / n times the gradients, which :class:`FabricRuntime` does not overlap
with the backward pass, so a step takes its own time plus bytes / bandwidth.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import torch

from udalib.core.files import write_json
from udalib.engine.record.machine import describe_device, now, versions
from udalib.engine.record.reading import read_run
from udalib.methods import count_parameters
from udalib.recipes import get_recipe
from udalib.recipes.build import build_method
from udalib.recipes.plan.planning import without_weights

LARGE = "gta2cityscapes/daformer"


def speed(options: argparse.Namespace, processes: int, folder: Path) -> float:
    """Iterations a second of a run of that many processes."""
    recipe = get_recipe(options.recipe, "quick")
    batches = [f"streams.{s.name}.batch_size={s.batch_size * processes}" for s in recipe.streams]
    settings = [*batches, f"train.iterations={options.iterations}", f"train.devices={processes}", "train.progress=no"]
    command = [sys.executable, "-m", "udalib.cli", "run", options.recipe, "--preset", "quick", "--out", str(folder)]
    command += ["--device", options.device, "--set", *settings]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    subprocess.run(command, check=True, env=environment, stdout=subprocess.DEVNULL)
    (run,) = folder.rglob("run.json")
    return float(read_run(run.parent).data["iterations_per_second"])


def measured(options: argparse.Namespace) -> list[dict[str, Any]]:
    """Rounds over all numbers of processes in turn; efficiency beside one process of the same round."""
    found: dict[int, list[float]] = {n: [] for n in options.processes}
    for _ in range(options.rounds):
        for count, rates in found.items():
            with tempfile.TemporaryDirectory() as folder:
                rates.append(speed(options, count, Path(folder)))
    rows = []
    for count, rates in found.items():
        shares = [rate / one for rate, one in zip(rates, found[options.processes[0]], strict=True)]
        rows.append({"processes": count, "iterations_per_second": rates, "efficiency": statistics.median(shares)})
        median = statistics.median(rates)
        print(f"{count} processes: {median:.2f} iterations a second, {100 * rows[-1]['efficiency']:.0f} %", flush=True)
    return rows


def extrapolated(options: argparse.Namespace) -> dict[str, Any]:
    """Share of a step's time that is left for arithmetic when GPUs exchange the gradients of :data:`LARGE`."""
    method = build_method(without_weights(get_recipe(LARGE, "paper")), pretrained=False)
    gradients = 4 * count_parameters(method)
    sent = 2 * (options.gpus - 1) / options.gpus * gradients
    seconds = sent / (options.bandwidth * 1e9)
    share = options.step / (options.step + seconds)
    return {
        "recipe": LARGE,
        "gpus": options.gpus,
        "gradient_bytes": gradients,
        "bytes_sent_by_each": sent,
        "bandwidth_gb_per_second": options.bandwidth,
        "step_seconds": options.step,
        "exchange_seconds": seconds,
        "efficiency": share,
    }


def main(arguments: list[str] | None = None) -> int:
    """Measure, extrapolate if a step time and a bandwidth are given, write the record."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", required=True, help="JSON file to write")
    parser.add_argument("--recipe", default="streets/source-only")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--processes", type=int, nargs="+", default=[1, 2], help="the first is the peer")
    parser.add_argument("--iterations", type=int, default=60)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--gpus", type=int, default=8)
    parser.add_argument("--step", type=float, help="measured seconds of a step of the published DAFormer on one GPU")
    parser.add_argument("--bandwidth", type=float, help="GB/s between GPUs, of their maker or measured")
    options = parser.parse_args(arguments)
    record: dict[str, Any] = {
        "benchmark": "scaling",
        "created": now(),
        "command": " ".join(["python", "benchmarks/scaling.py", *(sys.argv[1:] if arguments is None else arguments)]),
        "device": describe_device(torch.device(options.device), processes=max(options.processes)),
        "versions": versions(),
        "cores": os.cpu_count(),
        "load_before": os.getloadavg()[0],
        "recipe": options.recipe,
        "measured": measured(options),
        "extrapolated": extrapolated(options) if options.step and options.bandwidth else None,
    }
    write_json(options.out, record)
    print(f"written to {options.out}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
