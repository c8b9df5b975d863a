"""Time forward and backward passes of our networks beside named peers, as ratios within one run.

    python benchmarks/networks.py --out build/benchmarks/networks.json

A network and its peer are warmed up first and then timed in turn, so that a clock or a neighbour that changes in
between touches both alike; each round gives one ratio. Weights and images are random; the times are those of one batch.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Any

import timm
import torch
from torch import Tensor, nn
from torchvision.models import segmentation

from udalib.core.files import write_json
from udalib.engine.record.machine import describe_device, now, versions
from udalib.methods import count_parameters
from udalib.models import create_encoder, create_network

OTHER_HEAD = "another head on the same kind of ResNet and output stride"


class Read(nn.Module):
    """``module`` with ``read(module, images)`` as its forward pass, so that all timed outputs are alike."""

    def __init__(self, module: nn.Module, read: Callable[[Any, Tensor], Tensor]) -> None:
        super().__init__()
        self.module = module
        self.read = read

    def forward(self, images: Tensor) -> Tensor:
        """(B, 3, H, W) -> one map at the network's stride."""
        return self.read(self.module, images)


def encoder(name: str) -> nn.Module:
    """Our encoder, read at its coarsest feature."""
    return Read(create_encoder(name), lambda body, x: body(x)[-1])


def timm_encoder(name: str) -> nn.Module:
    """Timm's own feature extractor, read at its coarsest feature."""
    return Read(timm.create_model(name, pretrained=False, features_only=True), lambda body, x: body(x)[-1])


def torchvision_network(name: str) -> nn.Module:
    """Torchvision's network, read before the resizing to the image size, which ours leave to the caller too."""
    network = getattr(segmentation, name)(weights=None, weights_backbone=None, num_classes=19)
    single = name.startswith("deeplab")  # LR-ASPP's classifier reads two features
    return Read(network, lambda n, x: n.classifier(n.backbone(x)["out"] if single else n.backbone(x)))


@dataclass(frozen=True)
class Pair:
    """One of ours ("encoder NAME" or a network's name), its peer, and how the two differ beside the code."""

    ours: str
    peer: str | None = None
    difference: str = ""

    def build(self, name: str) -> nn.Module:
        """Build either side by its name here."""
        kind, _, rest = name.rpartition(" ")
        builders = {"encoder": encoder, "timm": timm_encoder, "torchvision": torchvision_network}
        return builders[kind](rest) if kind else create_network(name, num_classes=19)


PAIRS = (
    Pair("encoder resnet50_v1c", "timm resnet50c", "none: the same layers"),
    Pair("dlv3p-resnet50_v1c_d8", "torchvision deeplabv3_resnet50", f"{OTHER_HEAD}; ours adds a stride-4 feature"),
    Pair("dlv2red-resnet101_v1c_d8", "torchvision deeplabv3_resnet101", OTHER_HEAD),
    Pair("adaptsegnet_resnet101", "torchvision deeplabv3_resnet101", OTHER_HEAD),
    Pair("light_fpn-mobilenetv2", "torchvision lraspp_mobilenet_v3_large", "another encoder and head, like purpose"),
    Pair("encoder mit_b2", "timm pvt_v2_b2", "the closest relative: other MLP ratios in the first two stages"),
    Pair("segformer-mit_b2"),
    Pair("daformer-mit_b5"),
    Pair("streets"),
)


@dataclass
class Timed:
    """A module ready to be timed; seconds of each round."""

    name: str
    module: nn.Module
    forward: list[float] = field(default_factory=list)
    training: list[float] = field(default_factory=list)
    memory_mib: float | None = None


def seconds(call: Callable[[], Any], device: torch.device) -> float:
    """Wall-clock seconds of ``call`` until the device has finished."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    start = time.perf_counter()
    call()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter() - start


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
    forward = seconds(evaluate, images.device)
    timed.module.train()
    if images.device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(images.device)
    training = seconds(train, images.device)
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
    parser.add_argument("--networks", nargs="+", choices=[p.ours for p in PAIRS], default=[p.ours for p in PAIRS])
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
    records, skipped = [], {}
    for pair in (p for p in PAIRS if p.ours in options.networks):
        if time.monotonic() > deadline:
            skipped[pair.ours] = "no time left"
            continue
        try:
            records.append(benchmark(pair, images, options))
            print(line(records[-1]), flush=True)
        except Exception as error:  # too little memory for one network must not lose the others
            skipped[pair.ours] = f"{type(error).__name__}: {str(error).partition(chr(10))[0]}"
    for name, reason in skipped.items():
        print(f"{name:<26} skipped: {reason}")
    command = ["python", "benchmarks/networks.py", *(sys.argv[1:] if arguments is None else arguments)]
    settings = {key: value for key, value in vars(options).items() if key != "out"}
    record = {"benchmark": "networks", "created": now(), "command": " ".join(command), "settings": settings}
    record |= {"device": describe_device(device, processes=1), "versions": versions()}
    write_json(options.out, {**record, "networks": records, "skipped": skipped})
    print(f"written to {options.out}")
    return 1 if skipped else 0


if __name__ == "__main__":
    raise SystemExit(main())
