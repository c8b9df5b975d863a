"""Time the adversarial steps at the published setting, as ratios to a plain re-statement of the published step.

    python benchmarks/adversarial.py --out build/benchmarks/adversarial.json
    python benchmarks/adversarial.py --tiny --out build/benchmarks/adversarial-tiny.json

AdaptSegNet on two levels and AdvEnt, each on its DeepLab-v2 ResNet-101, one source image of 1280 x 720 and one target
image of 1024 x 512, in float32 and bfloat16, NCHW and channels_last. The peer, in float32 without autocast, writes
the published order of passes down in one function on a copy of the same network and discriminators; its SGD updates
each tensor once, while the recipes repeat the backbone's updates as the published code did. All variants are warmed up
first; then rounds go over them in turn, and each round gives one ratio. Batches are random and lie on the device.
``--tiny`` takes small images and a ResNet-18: on a CPU, this shows that the script works and measures nothing.
"""

from __future__ import annotations

import argparse
import copy
import gc
import math
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from training import FP32, VARIANTS, Variant, measure, stepper, warm_up

from udalib.core.files import write_json
from udalib.engine.machine import describe_device, now, versions
from udalib.engine.runtime import make_fabric
from udalib.engine.setup import torch_settings
from udalib.methods import count_parameters
from udalib.methods.adversarial import Adversarial
from udalib.recipes import get_recipe
from udalib.recipes.build import build_method

RECIPES = {"adaptsegnet": "gta2cityscapes/adaptsegnet-multi", "advent": "gta2cityscapes/advent"}
PEER = "plain published step"
MODES = [name for name in VARIANTS if "compile" not in name]
LEVELS = (("main", 0.001), ("aux", 0.0002))
BETWEEN = {"source": ((720, 1280), (64, 128)), "target": ((512, 1024), (48, 96))}
"""Size (h, w) of each domain's image, published and tiny."""


def evidence(kind: str, logits: Tensor) -> Tensor:
    """What the discriminator is shown: class probabilities, or ADVENT's weighted self-information."""
    p = F.softmax(logits, dim=1)
    return p if kind == "adaptsegnet" else -p * torch.log2(p + 1e-30) / math.log2(p.shape[1])


def plain_step(kind: str, method: Adversarial, batches: dict[str, Any]) -> Callable[[], Tensor]:
    """The published step in order (adaptsegnet sheet, section 5), on copies of the parts of ``method``."""
    network, judges = copy.deepcopy(method.network).train(), copy.deepcopy(method.discriminators).train()
    trained = [(n, p) for n, p in network.named_parameters() if p.requires_grad]
    groups = [{"params": [p for n, p in trained if n.startswith("decoder.") is head], "lr": lr}
              for head, lr in ((False, 2.5e-4), (True, 2.5e-3))]  # fmt: skip
    optimizers: list[torch.optim.Optimizer] = [torch.optim.SGD(groups, lr=2.5e-4, momentum=0.9, weight_decay=5e-4)]
    optimizers += [torch.optim.Adam(judges[level].parameters(), lr=1e-4, betas=(0.9, 0.99)) for level, _ in LEVELS]
    source, label, target = batches["source"]["image"], batches["source"]["label"], batches["target"]["image"]

    def forward(images: Tensor) -> list[Tensor]:
        heads = network.decode_all(network.features(images))
        return [F.interpolate(x, size=images.shape[-2:], mode="bilinear", align_corners=True) for x in heads]

    def judge(level: str, logits: Tensor, domain: float) -> Tensor:
        verdict: Tensor = judges[level](evidence(kind, logits))
        return F.binary_cross_entropy_with_logits(verdict, torch.full_like(verdict, domain))

    def step() -> Tensor:
        for optimizer in optimizers:
            optimizer.zero_grad()
        judges.requires_grad_(False)
        on_source = forward(source)
        main, aux = (F.cross_entropy(x, label, ignore_index=255) for x in on_source)
        segmentation = main + 0.1 * aux
        segmentation.backward()
        on_target = forward(target)
        weighted = [w * judge(level, x, 0.0) for (level, w), x in zip(LEVELS, on_target, strict=True)]
        fooling = weighted[0] + weighted[1]
        fooling.backward()
        judges.requires_grad_(True)
        for outputs, domain in ((on_source, 0.0), (on_target, 1.0)):
            for (level, _), logits in zip(LEVELS, outputs, strict=True):
                (judge(level, logits.detach(), domain) / 2).backward()
        for optimizer in optimizers:
            optimizer.step()
        return (segmentation + fooling).detach()

    return step


def new_method(kind: str, options: argparse.Namespace) -> Adversarial:
    """The recipe's method at random weights; the same ones at every call."""
    recipe = get_recipe(RECIPES[kind], "paper")
    if options.tiny:
        network = replace(recipe.network, options=recipe.network.options.updated("depth", 18))
        recipe = replace(recipe, network=network)
    torch.manual_seed(options.seed)
    method = build_method(recipe, pretrained=False)
    assert isinstance(method, Adversarial)
    return method


def new_batches(options: argparse.Namespace, device: torch.device) -> dict[str, Any]:
    """Random images of both domains, and a label map with some pixels to ignore, on the device."""
    generator = torch.Generator().manual_seed(options.seed)
    size = {name: sizes[options.tiny] for name, sizes in BETWEEN.items()}
    label = torch.randint(0, 20, (1, *size["source"]), generator=generator)
    images = {name: torch.rand(1, 3, *hw, generator=generator).to(device) for name, hw in size.items()}
    source = {"image": images["source"], "label": label.masked_fill(label == 19, 255).to(device)}
    return {"source": source, "target": {"image": images["target"]}}


def build(kind: str, name: str, options: argparse.Namespace, device: torch.device) -> tuple[Variant, float | None]:
    """A warmed-up variant, or the peer, and the peak of the memory in MiB that it needs alone."""
    held = torch.cuda.memory_allocated(device) if device.type == "cuda" else 0
    method, batches = new_method(kind, options), new_batches(options, device)
    if name == PEER:
        step: Callable[[], Any] = plain_step(kind, method.to(device), batches)
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


def benchmark(kind: str, options: argparse.Namespace, device: torch.device, deadline: float) -> dict[str, Any]:
    """Time one method; variants that fail or would start after ``deadline`` are named as skipped."""
    ready: list[tuple[Variant, float | None]] = []
    skipped: dict[str, str] = {}
    for name in (PEER, *options.variants):
        if time.monotonic() > deadline:
            skipped[name] = "no time left"
            continue
        try:
            ready.append(build(kind, name, options, device))
        except Exception as error:  # too little memory for one variant must not lose the others
            skipped[name] = f"{type(error).__name__}: {str(error).partition(chr(10))[0]}"
    for _ in range(options.rounds):
        for variant, _memory in ready:
            measure(variant, options.steps, device)
    peer = next((variant for variant, _ in ready if variant.name == PEER), None)
    results = [describe(variant, peer, peak) for variant, peak in ready] if peer else []
    network: nn.Module = new_method(kind, options).network
    return {"method": kind, "recipe": RECIPES[kind], "parameters": count_parameters(network),
            "results": results, "skipped": skipped}  # fmt: skip


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", required=True, help="JSON file to write")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--methods", nargs="+", choices=list(RECIPES), default=list(RECIPES))
    parser.add_argument("--variants", nargs="+", choices=MODES, default=MODES)
    parser.add_argument("--tiny", action="store_true", help="small images and network, to test the script")
    parser.add_argument("--steps", type=int, default=4, help="iterations in one measurement")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--warmup", type=int, default=3)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--minutes", type=float, default=8.0, help="start no further variant after this time")
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> int:
    """Time all methods, print a line a variant, write the record; 1 if a variant could not be timed."""
    options = parse(arguments)
    device = make_fabric(replace(FP32, device=options.device)).device
    deadline = time.monotonic() + options.minutes * 60
    methods = []
    with torch_settings(FP32):
        for kind in options.methods:
            methods.append(benchmark(kind, options, device, deadline))
            gc.collect()
            torch.cuda.empty_cache()
    command = ["python", "benchmarks/adversarial.py", *(sys.argv[1:] if arguments is None else arguments)]
    record = {
        "benchmark": "adversarial step",
        "peer": f"{PEER}: float32, no autocast, written in this script on the same network",
        "created": now(),
        "command": " ".join(command),
        "device": describe_device(device, processes=1),
        "versions": versions(),
        "settings": {k: v for k, v in vars(options).items() if k != "out"},
        "sizes": {name: list(sizes[options.tiny]) for name, sizes in BETWEEN.items()},
        "float32_matmul_precision": torch.get_float32_matmul_precision(),
        "cudnn_allow_tf32": torch.backends.cudnn.allow_tf32,
        "methods": methods,
    }
    write_json(options.out, record)
    for method in methods:
        for r in method["results"]:
            memory = "" if r["peak_memory_mib"] is None else f"  {r['peak_memory_mib']:>7.0f} MiB"
            print(f"{method['method']:<12} {r['variant']:<22} {r['iterations_per_second']:>7.2f} iterations/s"
                  f"  x{r['speed_over_peer']['median']:.2f} of the peer{memory}")  # fmt: skip
        for name, reason in method["skipped"].items():
            print(f"{method['method']:<12} {name:<22} skipped: {reason}")
    print(f"written to {options.out}")
    return int(any(method["skipped"] for method in methods))


if __name__ == "__main__":
    raise SystemExit(main())
