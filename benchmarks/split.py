"""Where the time of a training step goes: each network's forward pass, backward, optimiser, teacher, mixing, the rest.

    python benchmarks/split.py --out build/benchmarks/split.json
    python benchmarks/split.py --recipes gta2cityscapes/daformer --preset paper --device cuda --precision bf16-mixed

Any recipe, at its own sizes; batches as its streams give them, of drawn streets or of stand-ins where its data is real
(``udalib.recipes.plan``), at random weights. Time inside a part that calls another is the outer one's alone. On a GPU
the device is waited for at each border, so the sum exceeds a step that is left alone; both are in the record, with the
idle share of the device in undisturbed steps (1 - seconds of kernels / seconds on the wall) and their host
synchronisations.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
import warnings
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from _rounds import CLOCKS, seconds
from torch import nn
from training import FP32, stepper, synchronise

from udalib.core.files import write_json
from udalib.engine.record.machine import describe_device, now, versions
from udalib.engine.runtime import make_fabric
from udalib.engine.setup import torch_settings
from udalib.methods import Method
from udalib.recipes import Recipe, get_recipe
from udalib.recipes.build import build_method
from udalib.recipes.plan.planning import without_weights
from udalib.recipes.plan.standin import stand_in_batches

RECIPES = (
    "streets/adaptsegnet-multi",
    "streets/advent",
    "streets/dacs",
    "streets/daformer",
    "streets/hrda",
    "streets/mic",
    "streets/eln-1_8",
    "streets-dg/memory",
    "streets/quadmix",
)
REST = "rest"
"""Losses, pseudo labels, weights, resizing, and what else no part names."""


@dataclass
class Stopwatch:
    """Seconds of each part; a part that is entered stops the one it was entered from."""

    device: torch.device
    seconds: dict[str, float] = field(default_factory=dict)
    _open: list[str] = field(default_factory=lambda: [REST])
    _since: float = 0.0

    def clock(self) -> float:
        """Now, see :data:`_rounds.CLOCKS`."""
        synchronise(self.device)
        return time.perf_counter() if self.device.type == "cuda" else time.process_time()

    def _count(self) -> None:
        moment = self.clock()
        self.seconds[self._open[-1]] = self.seconds.get(self._open[-1], 0.0) + moment - self._since
        self._since = moment

    @contextmanager
    def part(self, name: str) -> Any:
        """Count what happens inside as ``name``."""
        self._count()
        self._open.append(name)
        try:
            yield
        finally:
            self._count()
            self._open.pop()

    def around(self, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        """``call``, counted."""

        def counted(*args: Any, **options: Any) -> Any:
            with self.part(name):
                return call(*args, **options)

        return counted

    def run(self, step: Callable[[], Any], steps: int) -> float:
        """Run ``step`` so often; seconds of one."""
        self.seconds.clear()
        start = self._since = self.clock()
        for _ in range(steps):
            step()
        self._count()
        return (self._since - start) / steps


def watch(method: Method, watch_: Stopwatch) -> None:
    """Have every part of ``method`` counted under the name it has there."""
    for name, child in method.named_children():
        for module in child.values() if isinstance(child, nn.ModuleDict) else [child]:
            for call in ("forward", "features", "decode"):
                if hasattr(module, call):
                    setattr(module, call, watch_.around(f"{name}, forward", getattr(module, call)))
            if hasattr(module, "follow"):
                module.follow = watch_.around(f"{name}, following", module.follow)
    if hasattr(method, "mixed"):
        method.mixed = watch_.around("mixing", method.mixed)
    for name, call in (("backward", "backward"), ("optimiser", "optimizer_step")):
        setattr(method.runtime, call, watch_.around(name, getattr(method.runtime, call)))


def undisturbed(step: Callable[[], Any], steps: int, device: torch.device) -> dict[str, Any]:
    """Seconds of a step left alone; on a GPU also the device's idle share, host synchronisations and peak memory."""
    found: dict[str, Any] = {"seconds": seconds(step, steps, device)}
    if device.type != "cuda":
        return found
    torch.cuda.reset_peak_memory_stats(device)
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CUDA]) as profile:
        begin = time.perf_counter()
        for _ in range(steps):
            step()
        synchronise(device)
        wall = time.perf_counter() - begin
    busy = sum(event.self_device_time_total for event in profile.key_averages()) / 1e6
    found |= {"idle_share": 1 - busy / wall, "peak_memory_mib": torch.cuda.max_memory_allocated(device) / 2**20}
    torch.cuda.set_sync_debug_mode("warn")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        step()
    torch.cuda.set_sync_debug_mode("default")
    return {**found, "host_synchronisations": sum("synchroniz" in str(w.message) for w in caught)}


def prepared(recipe: Recipe, options: argparse.Namespace) -> tuple[Method, Callable[[], Any]]:
    """The method at random weights, and its step on one batch of stand-ins."""
    torch.manual_seed(0)
    method = build_method(without_weights(recipe), pretrained=False)
    batches = {name: to_device(batch, options.device) for name, batch in stand_in_batches(recipe).items()}
    config = replace(recipe.train, device=options.device, precision=options.precision, compile=False, progress=False)
    return method, stepper(method, config, batches, recipe.train.iterations // 2)  # the first ones may be others


def to_device(batch: dict[str, Any], device: str) -> dict[str, Any]:
    """Tensors of a batch, those in lists too, on the device."""
    moved = {k: [x.to(device) if hasattr(x, "to") else x for x in v] for k, v in batch.items() if isinstance(v, list)}
    return moved | {k: v.to(device) for k, v in batch.items() if hasattr(v, "to")}


def benchmark(name: str, options: argparse.Namespace, device: torch.device) -> dict[str, Any]:
    """One recipe: seconds of a step, and the median share of each part over the rounds."""
    recipe = get_recipe(name, options.preset)
    method, step = prepared(recipe, options)
    with torch_settings(recipe.train):
        step()
        alone = [undisturbed(step, options.steps, device) for _ in range(options.rounds)]
        stopwatch = Stopwatch(device)
        watch(method, stopwatch)
        rounds = []
        for _ in range(options.rounds):
            watched = stopwatch.run(step, options.steps)
            rounds.append({part: s / options.steps / watched for part, s in stopwatch.seconds.items()})
    parts = sorted({part for found in rounds for part in found})
    shares = {part: statistics.median(found.get(part, 0.0) for found in rounds) for part in parts}
    shares = dict(sorted(shares.items(), key=lambda item: -item[1]))
    median = statistics.median(found["seconds"] for found in alone)
    told = ", ".join(f"{part} {100 * share:.0f} %" for part, share in shares.items())
    print(f"{name}: {1000 * median:.1f} ms; {told}", flush=True)
    return {"recipe": name, "preset": options.preset, **alone[-1], "seconds": median, "shares": shares}


def main(arguments: list[str] | None = None) -> int:
    """Split every recipe's step, print a line each, write the record; 1 if one failed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", required=True, help="JSON file to write")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--recipes", nargs="+", default=list(RECIPES))
    parser.add_argument("--preset", default="laptop")
    parser.add_argument("--precision", default="32-true", choices=["32-true", "bf16-mixed"])
    parser.add_argument("--steps", type=int, default=2, help="iterations in one measurement")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args(arguments)
    device = make_fabric(replace(FP32, device=options.device)).device
    options.device = str(device)
    if device.type == "cpu":
        torch.set_num_threads(1)
    rows, failed = [], {}
    for name in options.recipes:
        try:
            rows.append(benchmark(name, options, device))
        except Exception as error:  # too little memory for one must not lose the others
            failed[name] = f"{type(error).__name__}: {str(error).partition(chr(10))[0]}"
            print(f"{name}: {failed[name]}")
    record = {
        "benchmark": "split",
        "created": now(),
        "command": " ".join(["python", "benchmarks/split.py", *(sys.argv[1:] if arguments is None else arguments)]),
        "device": describe_device(device, processes=1),
        "versions": versions(),
        "clock": CLOCKS[device.type],
        "steps": rows,
        "failed": failed,
    }
    write_json(options.out, record)
    print(f"written to {options.out}")
    return int(bool(failed))


if __name__ == "__main__":
    raise SystemExit(main())
