"""Time one supervised training step in several precisions and layouts, as ratios to float32 within one run.

    python benchmarks/training.py --out build/benchmarks/training.json

Every variant is built and warmed up first; then rounds go over all variants in turn, so that a clock or a neighbour
that changes in between touches all alike, and each round gives one ratio to its own float32. The batch is random and
lies on the device: this times the step (forward, loss, backward, update), not the loading of data.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import torch

from udalib.core.files import write_json
from udalib.engine import OptimizerSpec, TrainConfig, build_optimizer
from udalib.engine.record.machine import describe_device, now, versions
from udalib.engine.runtime import FabricRuntime, make_fabric
from udalib.engine.setup import prepare, to_channels_last, torch_settings
from udalib.methods import Method, count_parameters
from udalib.methods.supervised import Supervised
from udalib.models import create_network

FP32 = TrainConfig(iterations=1, progress=False)
VARIANTS = {
    "fp32": FP32,
    "fp32-channels_last": replace(FP32, channels_last=True),
    "bf16": replace(FP32, precision="bf16-mixed"),
    "bf16-channels_last": replace(FP32, precision="bf16-mixed", channels_last=True),
    "bf16-compile": replace(FP32, precision="bf16-mixed", compile=True),
    "bf16-channels_last-compile": replace(FP32, precision="bf16-mixed", channels_last=True, compile=True),
}


@dataclass
class Variant:
    """One way to run the step, ready to be called; ``seconds`` collects seconds a step, one entry a round."""

    name: str
    step: Callable[[], torch.Tensor]
    warmup_seconds: float
    first_loss: float
    memory_mib: float | None
    seconds: list[float]


def build(network_name: str, config: TrainConfig, batch: dict[str, Any], seed: int) -> tuple[Callable[[], Any], int]:
    """A callable that trains one step and returns its loss, and the number of parameters."""
    torch.manual_seed(seed)
    network = create_network(network_name, num_classes=19)
    method = Supervised(network, build_optimizer(OptimizerSpec(), network.named_parameters()))
    return stepper(method, config, {"source": dict(batch)}), count_parameters(method)


def stepper(method: Method, config: TrainConfig, batches: dict[str, Any], iteration: int = 0) -> Callable[[], Any]:
    """Set ``method`` up as the trainer does; the callable trains one step on ``batches`` and returns its loss."""
    fabric = make_fabric(config)
    fabric.launch()
    runtime = FabricRuntime(fabric)
    method.runtime = runtime
    prepare(method, config, fabric.device, world_size=1)
    method.train()
    if config.channels_last:
        to_channels_last(batches)

    def step() -> Any:
        runtime.begin(0)
        return method.step(batches, iteration)["loss"]

    return step


def synchronise(device: torch.device) -> None:
    """Wait until the device has done all it was given."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def warm_up(name: str, step: Callable[[], Any], steps: int, device: torch.device) -> Variant:
    """Run ``step`` until kernels are chosen and compiled; record the first loss and the step's own peak memory."""
    start = time.perf_counter()
    first = float(step())
    for _ in range(steps - 1):
        step()
    synchronise(device)
    seconds, memory = time.perf_counter() - start, None
    if device.type == "cuda":
        before = torch.cuda.memory_allocated(device)
        torch.cuda.reset_peak_memory_stats(device)
        step()
        synchronise(device)
        memory = (torch.cuda.max_memory_allocated(device) - before) / 2**20
    return Variant(name, step, seconds, first, memory, [])


def measure(variant: Variant, steps: int, device: torch.device) -> None:
    """Append the mean seconds a step over ``steps`` steps."""
    synchronise(device)
    start = time.perf_counter()
    for _ in range(steps):
        variant.step()
    synchronise(device)
    variant.seconds.append((time.perf_counter() - start) / steps)


def describe(variant: Variant, base: Variant, batch_size: int) -> dict[str, Any]:
    """The record of one variant; ``speed_over_fp32`` above 1 is faster than float32 in the same round."""
    ratios = [b / s for b, s in zip(base.seconds, variant.seconds, strict=True)]
    median = statistics.median(variant.seconds)
    return {
        "variant": variant.name,
        "seconds_per_step": {"median": median, "rounds": variant.seconds},
        "images_per_second": batch_size / median,
        "speed_over_fp32": {"median": statistics.median(ratios), "lowest": min(ratios), "highest": max(ratios)},
        "step_memory_mib": variant.memory_mib,
        "warmup_seconds": variant.warmup_seconds,
        "first_loss": variant.first_loss,
    }


def benchmark(network: str, options: argparse.Namespace, device: torch.device, deadline: float) -> dict[str, Any]:
    """Time one network; variants that fail or would start after ``deadline`` are named as skipped."""
    generator = torch.Generator().manual_seed(options.seed)
    height, width = options.size
    label = torch.randint(0, 20, (options.batch_size, height, width), generator=generator)
    image = torch.rand(options.batch_size, 3, height, width, generator=generator)
    batch = {"image": image.to(device), "label": label.masked_fill(label == 19, 255).to(device)}
    ready: list[Variant] = []
    skipped, parameters = {}, 0
    for name in options.variants:
        if time.monotonic() > deadline:
            skipped[name] = "no time left"
            continue
        try:
            step, parameters = build(network, replace(VARIANTS[name], device=options.device), batch, options.seed)
            ready.append(warm_up(name, step, options.warmup, device))
        except Exception as error:  # a missing compiler or too little memory must not lose the other variants
            skipped[name] = f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"
    for _ in range(options.rounds):
        for variant in ready:
            measure(variant, options.steps, device)
    base = next((v for v in ready if v.name == "fp32"), None)
    records = [describe(v, base, options.batch_size) for v in ready] if base else []
    return {"network": network, "parameters": parameters, "results": records, "skipped": skipped}


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """Command line; sizes and variants depend on the device unless given."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", required=True, help="JSON file to write")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--networks", nargs="+", default=["streets", "segformer-mit_b0"])
    parser.add_argument("--variants", nargs="+", choices=list(VARIANTS), help="fp32 is always included")
    parser.add_argument("--size", nargs=2, type=int, metavar=("HEIGHT", "WIDTH"))
    parser.add_argument("--batch-size", type=int)
    parser.add_argument("--steps", type=int, help="steps in one measurement")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--warmup", type=int, default=5)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--minutes", type=float, default=8.0, help="start no further variant after this time")
    options = parser.parse_args(arguments)
    gpu = options.device != "cpu" and torch.cuda.is_available()
    uncompiled = [name for name in VARIANTS if "compile" not in name]
    options.variants = options.variants or (list(VARIANTS) if gpu else uncompiled)
    options.variants = ["fp32", *(v for v in options.variants if v != "fp32")]
    options.size = options.size or ([512, 1024] if gpu else [64, 128])
    options.batch_size = options.batch_size or (8 if gpu else 4)
    options.steps = options.steps or (20 if gpu else 3)
    return options


def main(arguments: list[str] | None = None) -> int:
    """Time all networks, print a line a variant, write the record; 1 if a network gave no result."""
    options = parse(arguments)
    device = make_fabric(replace(FP32, device=options.device)).device
    deadline = time.monotonic() + options.minutes * 60
    with torch_settings(FP32):
        networks = [benchmark(name, options, device, deadline) for name in options.networks]
    record = {
        "benchmark": "training step",
        "created": now(),
        "command": " ".join(["python", "benchmarks/training.py", *(sys.argv[1:] if arguments is None else arguments)]),
        "device": describe_device(device, processes=1),
        "versions": versions(),
        "settings": {k: v for k, v in vars(options).items() if k != "out"},
        "float32_matmul_precision": torch.get_float32_matmul_precision(),
        "cudnn_allow_tf32": torch.backends.cudnn.allow_tf32,
        "networks": networks,
    }
    write_json(options.out, record)
    for network in networks:
        for r in network["results"]:
            print(f"{network['network']:<20} {r['variant']:<28} {r['images_per_second']:>9.1f} images/s"
                  f"  x{r['speed_over_fp32']['median']:.2f} of fp32")  # fmt: skip
        for name, reason in network["skipped"].items():
            print(f"{network['network']:<20} {name:<28} skipped: {reason}")
    print(f"written to {options.out}")
    return 0 if all(network["results"] for network in networks) else 1


if __name__ == "__main__":
    raise SystemExit(main())
