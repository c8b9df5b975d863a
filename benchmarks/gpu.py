"""Everything of this library that wants a GPU, in one call of under ten minutes.

    python benchmarks/gpu.py --out build/benchmarks/gpu.json

Trains ``streets/source-only`` in every precision and layout and with compilation, then times training steps and
networks against their peers. Runs on a CPU as well, which only shows that the script works. Nothing beyond the
library's core is imported, so a bare GPU image with torch suffices.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import torch

from udalib.core.files import write_json
from udalib.engine.machine import now, versions
from udalib.engine.records import read_run
from udalib.recipes import run_recipe

HERE = Path(__file__).parent
RECIPE = "streets/source-only"
MODES: dict[str, dict[str, Any]] = {
    "float32": {"train.channels_last": False},
    "float32, channels_last": {},
    "bfloat16": {"train.precision": "bf16-mixed"},
    "float16, scaled": {"train.precision": "16-mixed"},
    "bfloat16, compiled": {"train.precision": "bf16-mixed", "train.compile": True},
    "float32, deterministic": {"train.deterministic": True},
}


def train(mode: str, overrides: dict[str, Any], preset: str, device: str, folder: Path) -> dict[str, Any]:
    """One run: seconds, last logged loss, scores; or the error it stopped with."""
    start = time.perf_counter()
    try:
        result = run_recipe(RECIPE, preset, 0, device, overrides, folder / mode.replace(", ", "-"))
    except Exception as error:
        return {"mode": mode, "error": f"{type(error).__name__}: {error}"}
    lines = [line for line in read_run(result.folder).metrics() if line["kind"] == "train"]
    scores = {key: value for key, value in result.results.items() if key.endswith("/miou")}
    return {"mode": mode, "seconds": round(time.perf_counter() - start, 1), "loss": lines[-1]["loss"], **scores}


def timed(name: str, folder: Path, *options: str) -> Any:
    """Record of another benchmark, run in a process of its own."""
    out = folder / f"{name}.json"
    command = [sys.executable, str(HERE / f"{name}.py"), "--out", str(out), *options]
    code = subprocess.run(command, check=False).returncode
    return json.loads(out.read_text()) if out.exists() else {"error": f"exit code {code}"}


def main(arguments: list[str] | None = None) -> int:
    """Run all parts and write one record; 1 if a training mode failed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("build/benchmarks/gpu.json"))
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--preset", default="laptop")
    parser.add_argument("--modes", nargs="+", choices=list(MODES), default=list(MODES))
    parser.add_argument("--minutes", type=float, default=2.5, help="for each of the two timing benchmarks; 0 = none")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        runs = [train(m, MODES[m], options.preset, options.device, folder) for m in options.modes]
        record = {"created": now(), "device": options.device, "versions": versions(), "recipe": RECIPE, "runs": runs}
        if options.minutes:
            limits = ("--minutes", str(options.minutes), "--device", options.device)
            record["training"] = timed("training", folder, *limits)
            record["networks"] = timed("networks", folder, *limits, "--bf16", "--channels-last")
    if options.device.startswith("cuda"):
        record["gpu"] = torch.cuda.get_device_name()
    write_json(options.out, record)
    print(json.dumps(runs, indent=1))
    return int(any("error" in run for run in runs))


if __name__ == "__main__":
    sys.exit(main())
