"""Everything of this library that wants a GPU, in one call, or in parts.

    python benchmarks/gpu.py --out build/benchmarks/gpu.json
    python benchmarks/gpu.py --parts adversarial end-to-end

Parts: ``modes`` trains ``streets/source-only`` in every precision and layout and with compilation; ``training``,
``networks``, ``adversarial`` and ``self_training`` time steps and networks against their peers; ``end-to-end`` trains
AdaptSegNet at the published size on streets drawn at that size, loaders and evaluation included. Runs on a CPU as well
(``--tiny`` for the last three), which only shows that the script works. Nothing beyond the library's core is imported,
so a bare GPU image with torch suffices.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from udalib.core.files import write_json
from udalib.engine.record.machine import now, versions
from udalib.engine.record.reading import read_run
from udalib.recipes import DatasetSpec, Options, Recipe, RunResult, execute, get_recipe, run_recipe

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
TIMINGS: dict[str, tuple[str, ...]] = {"training": (), "networks": ("--bf16", "--channels-last"), "adversarial": ()}
TIMINGS |= {"self_training": ("--methods", "daformer", "mic")}
TAKES_TINY = ("adversarial", "self_training")
PARTS = ("modes", *TIMINGS, "end-to-end")
PUBLISHED = "gta2cityscapes/adaptsegnet-multi"


def outcome(result: RunResult, start: float) -> dict[str, Any]:
    """Seconds since ``start``, what the last line of the log says, scores."""
    lines = [line for line in read_run(result.folder).metrics() if line["kind"] == "train"]
    losses = {key: value for key, value in lines[-1].items() if key.startswith("loss")}
    scores = {key: value for key, value in result.results.items() if key.endswith("/miou")}
    return {"seconds": round(time.perf_counter() - start, 1), **losses, **scores}


def train(mode: str, overrides: dict[str, Any], preset: str, device: str, folder: Path) -> dict[str, Any]:
    """One run: seconds, last logged loss, scores; or the error it stopped with."""
    start = time.perf_counter()
    try:
        result = run_recipe(RECIPE, preset, 0, device, overrides, folder / mode.replace(", ", "-"))
    except Exception as error:
        return {"mode": mode, "error": f"{type(error).__name__}: {error}"}
    return {"mode": mode, **outcome(result, start)}


def on_streets(iterations: int, tiny: bool) -> Recipe:
    """AdaptSegNet's published setting from random weights, on streets of its sizes in place of its data sets."""
    recipe = get_recipe(PUBLISHED, "paper")
    sizes = {"source": (32, 64), "target": (32, 48)} if tiny else {"source": (720, 1280), "target": (512, 1024)}
    streams = []
    for stream in recipe.streams:
        data = DatasetSpec.of(f"streets/{stream.name}", length=2 if tiny else 64, size=sizes[stream.name])
        workers = 0 if tiny else stream.workers
        streams.append(replace(stream, dataset=data, sample_transforms=(), workers=workers))
    held_out = DatasetSpec("streets/target", Options(length=2 if tiny else 20, size=sizes["target"]), split="val")
    network = replace(recipe.network, weights=None)
    return replace(
        recipe,
        name="gpu/adaptsegnet-multi-on-streets",
        streams=tuple(streams),
        evaluations=(replace(recipe.evaluations[0], dataset=held_out, sample_transforms=()),),
        network=replace(network, options=network.options.updated("depth", 18)) if tiny else network,
        preset="",
        published=(),
        train=replace(
            recipe.train, iterations=iterations, evaluate_every=None, log_every=min(50, iterations), progress=False
        ),
    )


def end_to_end(options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """One run of :func:`on_streets` in bfloat16 and channels_last; or the error it stopped with."""
    start = time.perf_counter()
    iterations = 2 if options.tiny else options.iterations
    settings = {"precision": "bf16-mixed", "channels_last": True, "device": options.device}
    try:
        recipe = on_streets(iterations, options.tiny)
        recipe = replace(recipe, train=replace(recipe.train, **settings))
        result = execute(recipe, out=folder)
    except Exception as error:
        return {"recipe": PUBLISHED, "error": f"{type(error).__name__}: {error}"}
    data = read_run(result.folder).data
    kept = {key: data.get(key) for key in ("iterations_per_second", "peak_memory_mib", "wall_time_s")}
    return {"recipe": PUBLISHED, "iterations": iterations, **settings, **outcome(result, start), **kept}


def timed(name: str, folder: Path, *options: str) -> Any:
    """Record of another benchmark, run in a process of its own."""
    out = folder / f"{name}.json"
    command = [sys.executable, str(HERE / f"{name}.py"), "--out", str(out), *options]
    code = subprocess.run(command, check=False).returncode
    return json.loads(out.read_text()) if out.exists() else {"error": f"exit code {code}"}


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("build/benchmarks/gpu.json"))
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--preset", default="laptop", help="of the runs of part modes")
    parser.add_argument("--modes", nargs="+", choices=list(MODES), default=list(MODES))
    parser.add_argument("--minutes", type=float, default=1.5, help="after which a timing part starts nothing new")
    parser.add_argument("--iterations", type=int, default=200, help="of part end-to-end")
    parser.add_argument("--tiny", action="store_true", help="small images and networks, to test the script")
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> int:
    """Run the parts and write the record after each; 1 if one of them failed."""
    options = parse(arguments)
    record = {"created": now(), "device": options.device, "versions": versions(), "recipe": RECIPE}
    if options.device.startswith("cuda"):
        record["gpu"] = torch.cuda.get_device_name()
    limits = ("--minutes", str(options.minutes), "--device", options.device)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        for part in options.parts:
            start = time.perf_counter()
            if part == "modes":
                record["runs"] = [train(m, MODES[m], options.preset, options.device, folder) for m in options.modes]
            elif part == "end-to-end":
                record[part] = end_to_end(options, folder)
            else:
                tiny = ("--tiny",) if options.tiny and part in TAKES_TINY else ()
                record[part] = timed(part, folder, *limits, *TIMINGS[part], *tiny)
            print(f"== {part}: {time.perf_counter() - start:.0f} s", flush=True)
            write_json(options.out, record)
    print(json.dumps([*record.get("runs", []), record.get("end-to-end", {})], indent=1))
    results = [*record.get("runs", []), *(record[part] for part in options.parts if part != "modes")]
    return int(any("error" in result for result in results))


if __name__ == "__main__":
    sys.exit(main())
