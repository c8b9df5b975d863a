"""Timing whole training steps of methods in several precisions, as ratios to a plain re-statement of the same step.

All variants are warmed up first; then rounds go over them in turn, so that a clock or a neighbour that changes in
between touches all alike, and each round gives one ratio to the peer. Batches are random and lie on the device.
"""

from __future__ import annotations

import argparse
import gc
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import nn
from training import FP32, VARIANTS, Variant, measure, stepper, warm_up

from udalib.core.files import write_json
from udalib.engine.record.machine import describe_device, now, versions
from udalib.engine.runtime import make_fabric
from udalib.engine.setup import torch_settings
from udalib.methods import Method, count_parameters

PEER = "plain published step"


@dataclass(frozen=True)
class Subject:
    """What a script times.

    Attributes:
        script: its file name.
        doc: its docstring, for --help.
        recipes: the recipe of each kind of step.
        modes: names of :data:`training.VARIANTS` that it can be timed in; the default.
        sizes: the image sizes that go into the record, from the options.
        new_method: kind, options -> method at random weights, the same ones at every call.
        new_batches: options, device -> batches by stream.
        plain_step: kind, method on its device, batches -> the step written down plainly, on copies of its parts.
    """

    script: str
    doc: str
    recipes: dict[str, str]
    modes: list[str]
    sizes: Callable[[argparse.Namespace], dict[str, Any]]
    new_method: Callable[[str, argparse.Namespace], Any]
    new_batches: Callable[[argparse.Namespace, torch.device], dict[str, Any]]
    plain_step: Callable[[str, Any, dict[str, Any]], Callable[[], Any]]


def build(
    subject: Subject, kind: str, name: str, options: argparse.Namespace, device: torch.device
) -> tuple[Variant, float | None]:
    """A warmed-up variant, or the peer, and the peak of the memory in MiB that it needs alone."""
    held = torch.cuda.memory_allocated(device) if device.type == "cuda" else 0
    method: Method = subject.new_method(kind, options)
    batches = subject.new_batches(options, device)
    if name == PEER:
        step: Callable[[], Any] = subject.plain_step(kind, method.to(device), batches)
        del method
    else:
        step = stepper(method, replace(VARIANTS[name], device=options.device), batches)
    variant = warm_up(name, step, options.warmup, device)
    if variant.memory_mib is None:
        return variant, None
    gc.collect()
    return variant, (torch.cuda.memory_allocated(device) - held) / 2**20 + variant.memory_mib


def describe(variant: Variant, peer: Variant, peak_mib: float | None) -> dict[str, Any]:
    """The record of one variant; ``speed_over_peer`` above 1 is faster than the peer in the same round."""
    ratios = [p / s for p, s in zip(peer.seconds, variant.seconds, strict=True)]
    median = statistics.median(variant.seconds)
    return {
        "variant": variant.name,
        "seconds_per_iteration": {"median": median, "rounds": variant.seconds},
        "iterations_per_second": 1 / median,
        "speed_over_peer": {"median": statistics.median(ratios), "lowest": min(ratios), "highest": max(ratios)},
        "peak_memory_mib": peak_mib,
        "first_loss": variant.first_loss,
    }


def benchmark(
    subject: Subject, kind: str, options: argparse.Namespace, device: torch.device, deadline: float
) -> dict[str, Any]:
    """Time one kind of step; variants that fail or would start after ``deadline`` are named as skipped."""
    ready: list[tuple[Variant, float | None]] = []
    skipped: dict[str, str] = {}
    for name in (PEER, *options.variants):
        if time.monotonic() > deadline:
            skipped[name] = "no time left"
            continue
        try:
            ready.append(build(subject, kind, name, options, device))
        except Exception as error:  # too little memory for one variant must not lose the others
            skipped[name] = f"{type(error).__name__}: {str(error).partition(chr(10))[0]}"
    for _ in range(options.rounds):
        for variant, _memory in ready:
            measure(variant, options.steps, device)
    peer = next((variant for variant, _ in ready if variant.name == PEER), None)
    results = [describe(variant, peer, peak) for variant, peak in ready] if peer else []
    network: nn.Module = subject.new_method(kind, options).network
    return {"method": kind, "recipe": subject.recipes[kind], "parameters": count_parameters(network),
            "results": results, "skipped": skipped}  # fmt: skip


def parser(subject: Subject) -> argparse.ArgumentParser:
    """Command line that all such scripts share."""
    words = argparse.ArgumentParser(description=subject.doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--out", required=True, help="JSON file to write")
    words.add_argument("--device", default="auto")
    words.add_argument("--methods", nargs="+", choices=list(subject.recipes), default=list(subject.recipes))
    words.add_argument("--variants", nargs="+", choices=subject.modes, default=subject.modes)
    words.add_argument("--tiny", action="store_true", help="small images and network, to test the script")
    words.add_argument("--steps", type=int, default=4, help="iterations in one measurement")
    words.add_argument("--rounds", type=int, default=5)
    words.add_argument("--warmup", type=int, default=3)
    words.add_argument("--seed", type=int, default=0)
    words.add_argument("--minutes", type=float, default=8.0, help="start no further variant after this time")
    return words


def run(subject: Subject, options: argparse.Namespace, arguments: list[str] | None) -> int:
    """Time all kinds, print a line a variant, write the record; 1 if a variant could not be timed."""
    device = make_fabric(replace(FP32, device=options.device)).device
    deadline = time.monotonic() + options.minutes * 60
    methods = []
    with torch_settings(FP32):
        for kind in options.methods:
            methods.append(benchmark(subject, kind, options, device, deadline))
            gc.collect()
            torch.cuda.empty_cache()
    command = ["python", f"benchmarks/{subject.script}", *(sys.argv[1:] if arguments is None else arguments)]
    record = {
        "benchmark": f"step of {', '.join(options.methods)}",
        "peer": f"{PEER}: float32, no autocast, written in the script on the same network",
        "created": now(),
        "command": " ".join(command),
        "device": describe_device(device, processes=1),
        "versions": versions(),
        "settings": {k: v for k, v in vars(options).items() if k != "out"},
        "sizes": subject.sizes(options),
        "float32_matmul_precision": torch.get_float32_matmul_precision(),
        "cudnn_allow_tf32": torch.backends.cudnn.allow_tf32,
        "methods": methods,
    }
    write_json(options.out, record)
    for method in methods:
        report(method)
    print(f"written to {options.out}")
    return int(any(method["skipped"] for method in methods))


def report(method: dict[str, Any]) -> None:
    """Print a line a variant."""
    for r in method["results"]:
        memory = "" if r["peak_memory_mib"] is None else f"  {r['peak_memory_mib']:>7.0f} MiB"
        milliseconds = 1000 * r["seconds_per_iteration"]["median"]
        print(f"{method['method']:<12} {r['variant']:<28} {milliseconds:>8.1f} ms an iteration"
              f"  x{r['speed_over_peer']['median']:.2f} of the peer{memory}")  # fmt: skip
    for name, reason in method["skipped"].items():
        print(f"{method['method']:<12} {name:<28} skipped: {reason}")
