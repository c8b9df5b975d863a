"""Compare planned memory with measured memory, for one training step of several recipes.

    python benchmarks/plan.py                                # small recipes on the CPU
    python benchmarks/plan.py --device cuda --preset paper --recipes gta2cityscapes/daformer gta2cityscapes/hrda ...

Plan and measurement see the same batches, those that stand in for a recipe's data. On a GPU the measurement is
torch.cuda.max_memory_allocated; on the CPU it is the profiler's count of PyTorch's allocations, in which the CPU
library's scratch space is included. A ratio below 1 means that the plan promises too little.
"""

from __future__ import annotations

import argparse
import gc
import json
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch.profiler import ProfilerActivity, profile

from udalib.core.errors import UdalibError
from udalib.core.files import write_json
from udalib.core.seeding import seeded
from udalib.core.types import Batch
from udalib.engine.record.machine import describe_device, now, versions
from udalib.engine.runtime import FabricRuntime, make_fabric
from udalib.engine.setup import prepare
from udalib.methods import Method
from udalib.recipes import get_recipe, parse_assignments
from udalib.recipes.build import build_method
from udalib.recipes.plan.planning import MIB, plan_recipe, without_weights
from udalib.recipes.plan.standin import stand_in_batches
from udalib.recipes.plan.weightless import settle
from udalib.recipes.spec.specs import Recipe

SMALL = [
    "streets/source-only",
    "streets/adaptsegnet-multi",
    "streets/dacs",
    "streets/hrda",
    "camvid-day2dusk/dacs",
    "gta2cityscapes/daformer",
]
LARGE = [
    "gta2cityscapes/daformer",
    "gta2cityscapes/hrda",
    "gta2cityscapes/adaptsegnet-multi",
    "gta-synthia-dg/memory-r50",
    "voc/eln-r50-1_8",
]


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--recipes", nargs="+", help="default: small ones on the CPU, the published ones on a GPU")
    parser.add_argument("--preset", help="default: laptop on the CPU, paper on a GPU")
    parser.add_argument("--set", nargs="*", default=[], metavar="KEY=VALUE")
    parser.add_argument("--device", default="cpu", choices=["cpu", "cuda"])
    parser.add_argument("--out", type=Path, default=Path("build/benchmarks/plan.json"))
    options = parser.parse_args(arguments)
    on_gpu = options.device == "cuda"
    options.recipes = options.recipes or (LARGE if on_gpu else SMALL)
    options.preset = options.preset or ("paper" if on_gpu else "laptop")
    return options


def compare(recipe: Recipe, device: str) -> dict[str, Any]:
    """Planned and measured peak of ``recipe`` in MiB, and their ratio."""
    planned = plan_recipe(recipe).peak
    found = measured(recipe, device)
    return {
        "recipe": recipe.name,
        "precision": recipe.train.precision,
        "planned_mib": planned,
        "measured_mib": found,
        "planned_over_measured": planned / found,
    }


def measured(recipe: Recipe, device: str) -> float:
    """Peak of the memory in MiB that networks, optimisers, a batch and one step of ``recipe`` take."""
    fabric = make_fabric(replace(recipe.train, device=device, devices=1))
    fabric.launch()
    with seeded(0):
        method = build_method(without_weights(recipe), pretrained=False).train()
    method.runtime = FabricRuntime(fabric)
    prepare(method, recipe.train, fabric.device, world_size=1)
    settle(method)
    batches = {name: _moved(batch, fabric.device) for name, batch in stand_in_batches(recipe).items()}
    peak = _on_gpu if device == "cuda" else _on_cpu
    found = peak(method, batches, recipe.train.iterations - 1)
    del method, batches
    gc.collect()
    return found


def _moved(batch: Batch, device: torch.device) -> Batch:
    return {key: value.to(device) if isinstance(value, torch.Tensor) else value for key, value in batch.items()}


def _on_gpu(method: Method, batches: dict[str, Batch], iteration: int) -> float:
    gc.collect()
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats()
    method.step(batches, iteration)
    torch.cuda.synchronize()
    return torch.cuda.max_memory_allocated() / MIB


def _on_cpu(method: Method, batches: dict[str, Batch], iteration: int) -> float:
    """What was there before the step, and the profiler's highest balance of allocations during it."""
    tensors = [*method.parameters(), *method.buffers(), *(v for b in batches.values() for v in b.values())]
    states = [v for o in method.optimizers().values() for state in o.state.values() for v in state.values()]
    held = {
        t.untyped_storage().data_ptr(): t.untyped_storage().nbytes() for t in tensors + states if torch.is_tensor(t)
    }
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as record:
        method.step(batches, iteration)
    with tempfile.NamedTemporaryFile(suffix=".json") as file:
        record.export_chrome_trace(file.name)
        events = json.loads(Path(file.name).read_text(encoding="utf-8"))["traceEvents"]
    steps = sorted((e["ts"], e["args"]["Bytes"]) for e in events if e.get("name") == "[memory]")
    balance = highest = 0
    for _, change in steps:
        balance += change
        highest = max(highest, balance)
    return (sum(held.values()) + highest) / MIB


def main(arguments: list[str] | None = None) -> int:
    """Compare, print and write the record; 2 for a wrong name."""
    options = parse(arguments)
    try:
        recipes = [get_recipe(name, options.preset, parse_assignments(options.set)) for name in options.recipes]
    except UdalibError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    rows = []
    for recipe in recipes:
        rows.append(compare(recipe, options.device))
        print(
            "{recipe}: planned {planned_mib:.0f} MiB, measured {measured_mib:.0f} MiB, ratio ".format(**rows[-1]),
            end="",
        )
        print(f"{rows[-1]['planned_over_measured']:.3f}", flush=True)
    record = {
        "benchmark": "planned against measured peak memory of one training step",
        "created": now(),
        "command": f"python benchmarks/plan.py --device {options.device} --preset {options.preset} --recipes "
        + " ".join([*options.recipes, *(["--set", *options.set] if options.set else [])]),
        "device": describe_device(torch.device(options.device), 1),
        "versions": versions(),
        "preset": options.preset,
        "results": rows,
    }
    write_json(options.out, record)
    print(f"written to {options.out}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
