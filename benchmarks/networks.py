"""Time forward and backward passes of our networks beside named peers, as ratios within one run.

    python benchmarks/networks.py --out build/benchmarks/networks.json

A network and its peer are warmed up first and then timed in turn, so that a clock or a neighbour that changes in
between touches both alike; each round gives one ratio. Weights and images are random; the times are those of one batch,
on a CPU of the processor and of one thread unless OMP_NUM_THREADS says otherwise. The peers of transformers and of
segmentation_models_pytorch are built from configurations where those packages are installed (they are none of ours);
elsewhere their pairs are named as skipped. They end at the same map as ours: the resizing to the image is left out.
"""

from __future__ import annotations

import argparse
import shlex
import statistics
import sys
import time
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Any

import torch
from _peers import OURS, PAIRS, Pair
from _rounds import seconds
from torch import Tensor, nn

from udalib.core.files import write_json
from udalib.engine.record.machine import describe_device, now, versions
from udalib.methods import count_parameters


@dataclass
class Timed:
    """A module ready to be timed; seconds of each round."""

    name: str
    module: nn.Module
    forward: list[float] = field(default_factory=list)
    training: list[float] = field(default_factory=list)
    memory_mib: float | None = None


def precision(options: argparse.Namespace, device: torch.device) -> AbstractContextManager[Any]:
    """The context of the forward pass."""
    return torch.autocast(device.type, torch.bfloat16) if options.bf16 else nullcontext()


def measure(timed: Timed, images: Tensor, options: argparse.Namespace, *, keep: bool) -> None:
    """One round: a forward pass in evaluation mode, then a forward and backward pass in training mode."""

    def evaluate() -> None:
        with torch.inference_mode(), precision(options, images.device):
            timed.module(images)

    def train() -> None:
        with precision(options, images.device):
            loss = timed.module(images).float().square().mean()
        loss.backward()
        timed.module.zero_grad(set_to_none=True)

    timed.module.eval()
    forward = seconds(evaluate, 1, images.device)
    timed.module.train()
    if images.device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(images.device)
    training = seconds(train, 1, images.device)
    if images.device.type == "cuda":
        timed.memory_mib = round(torch.cuda.max_memory_allocated(images.device) / 2**20, 1)
    if keep:
        timed.forward.append(forward)
        timed.training.append(training)


def milliseconds(values: list[float]) -> dict[str, Any]:
    """Median and all rounds in milliseconds."""
    return {"median": 1000 * statistics.median(values), "rounds": [1000 * value for value in values]}


def describe(timed: Timed) -> dict[str, Any]:
    """Name, size and times of one side."""
    return {
        "name": timed.name,
        "parameters": count_parameters(timed.module),
        "forward_ms": milliseconds(timed.forward),
        "forward_backward_ms": milliseconds(timed.training),
        "peak_memory_mib": timed.memory_mib,
    }


def benchmark(pair: Pair, images: Tensor, options: argparse.Namespace) -> dict[str, Any]:
    """Time ``pair``; a ratio above 1 means that ours is slower than the peer in the same round."""
    torch.manual_seed(options.seed)
    names = [pair.ours] + ([pair.peer] if pair.peer else [])
    sides = []
    for name in names:
        module = pair.build(name).to(images.device)
        sides.append(Timed(name, module.to(memory_format=torch.channels_last) if options.channels_last else module))
    for repeat in range(options.warmup + options.rounds):
        for side in sides:
            measure(side, images, options, keep=repeat >= options.warmup)
    record: dict[str, Any] = {"ours": describe(sides[0]), "peer": None, "difference": pair.difference}
    if pair.peer:
        record["peer"] = describe(sides[1])
        for key, attribute in (("forward_ratio", "forward"), ("forward_backward_ratio", "training")):
            both = zip(getattr(sides[0], attribute), getattr(sides[1], attribute), strict=True)
            record[key] = statistics.median(ours / peer for ours, peer in both)
    return record


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """Command line; sizes depend on the device unless given."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", required=True, help="JSON file to write")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--networks", nargs="+", choices=OURS, default=OURS)
    parser.add_argument("--size", nargs=2, type=int, metavar=("HEIGHT", "WIDTH"))
    parser.add_argument("--batch-size", type=int)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--warmup", type=int, default=2)
    parser.add_argument("--bf16", action="store_true", help="run in bfloat16 mixed precision")
    parser.add_argument("--channels-last", action="store_true")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--minutes", type=float, default=8.0, help="start no further network after this time")
    options = parser.parse_args(arguments)
    gpu = options.device.startswith("cuda")
    options.size = options.size or ([512, 1024] if gpu else [128, 256])
    options.batch_size = options.batch_size or (4 if gpu else 2)
    return options


def line(record: dict[str, Any]) -> str:
    """One line for the terminal."""
    ours, peer = record["ours"], record["peer"]
    text = f"{ours['name']:<26} {ours['parameters'] / 1e6:>6.1f} M  {ours['forward_backward_ms']['median']:>9.1f} ms"
    return text + (f"  x{record['forward_backward_ratio']:.2f} of {peer['name']}" if peer else "")


def main(arguments: list[str] | None = None) -> int:
    """Time all pairs, print a line each (forward and backward), write the record; 1 if one could not be timed."""
    options = parse(arguments)
    device, deadline = torch.device(options.device), time.monotonic() + 60 * options.minutes
    images = torch.rand(options.batch_size, 3, *options.size).to(device)
    if options.channels_last:
        images = images.contiguous(memory_format=torch.channels_last)
    records: list[dict[str, Any]] = []
    skipped: dict[str, str] = {}
    absent: dict[str, str] = {}
    for pair in (p for p in PAIRS if p.ours in options.networks):
        if time.monotonic() > deadline:
            skipped[pair.name] = "no time left"
            continue
        try:
            records.append(benchmark(pair, images, options))
            print(line(records[-1]), flush=True)
        except ModuleNotFoundError as error:
            absent[pair.name] = f"its package {error.name} is not installed"
        except Exception as error:  # too little memory for one network must not lose the others
            skipped[pair.name] = f"{type(error).__name__}: {str(error).partition(chr(10))[0]}"
    for name, reason in (absent | skipped).items():
        print(f"{name:<26} skipped: {reason}")
    command = ["python", "benchmarks/networks.py", *(sys.argv[1:] if arguments is None else arguments)]
    settings = {key: value for key, value in vars(options).items() if key != "out"}
    record = {"benchmark": "networks", "created": now(), "command": shlex.join(command), "settings": settings}
    record |= {"device": describe_device(device, processes=1), "versions": versions()}
    write_json(options.out, {**record, "networks": records, "skipped": skipped, "absent": absent})
    print(f"written to {options.out}")
    return 1 if skipped else 0


if __name__ == "__main__":
    raise SystemExit(main())
