"""Size, arithmetic and time of the necks of one detector, as ratios to FPN within one run.

    python benchmarks/detection.py --out build/benchmarks/detection.json
    python benchmarks/detection.py --device cpu --encoder streets --size 128 256 --out FILE
    python benchmarks/detection.py --device cuda --bf16 --out FILE

RetinaNet with random weights on random images: the neck alone on the encoder's maps, a whole forward pass in evaluation
mode (no NMS), and forward, losses and backward in training mode with 20 small boxes an image. All detectors are warmed
up and then timed in turn, so that a clock or a neighbour that changes in between touches all alike; each round gives
one ratio. CFPT is the published one (``official``). Multiply-adds count convolutions, linear layers and all matrix
products, those of attention as well. AFPN is ours, see :mod:`udalib.models.detection.necks`.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from dataclasses import dataclass, field
from typing import Any

import torch
from _rounds import seconds
from networks import milliseconds, precision
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from udalib.core.files import write_json
from udalib.engine.record.machine import describe_device, now, versions
from udalib.methods import count_parameters
from udalib.models.detection.detector import Detector, create_detector

NECKS = ("fpn", "none", "pafpn", "afpn", "cfpt")
PEER = "fpn"
PARTS = ("neck", "forward", "training")
BOXES = 20


@dataclass
class Timed:
    """A detector ready to be timed; seconds of each round by part."""

    name: str
    detector: Detector
    features: list[Tensor] = field(default_factory=list)
    rounds: dict[str, list[float]] = field(default_factory=lambda: {part: [] for part in PARTS})
    memory_mib: float | None = None
    counts: dict[str, int] = field(default_factory=dict)


def build(name: str, options: argparse.Namespace, device: torch.device) -> Timed:
    """A detector with the neck ``name``; the same encoder and head weights for every neck."""
    torch.manual_seed(options.seed)
    detector = create_detector(
        10, options.encoder, name, channels=options.channels, official=name == "cfpt", freeze=False
    )
    return Timed(name, detector.to(device))


def boxes_of(images: Tensor, seed: int) -> tuple[list[Tensor], list[Tensor]]:
    """:data:`BOXES` boxes of 8 to 40 pixels for each image, and their classes."""
    random = torch.Generator().manual_seed(seed)
    height, width = images.shape[-2:]
    corner = torch.rand(len(images), BOXES, 2, generator=random) * torch.tensor([width - 40.0, height - 40.0])
    boxes = torch.cat([corner, corner + 8 + 32 * torch.rand(corner.shape, generator=random)], dim=2)
    labels = torch.randint(10, (len(images), BOXES), generator=random)
    return list(boxes.to(images.device)), list(labels.to(images.device))


def measure(timed: Timed, images: Tensor, options: argparse.Namespace, *, keep: bool) -> None:
    """One round of all parts."""
    detector, (boxes, labels), cuda = timed.detector, boxes_of(images, options.seed), images.device.type == "cuda"

    def neck() -> None:
        with torch.inference_mode(), precision(options, images.device):
            detector.neck(timed.features)

    def forward() -> None:
        with torch.inference_mode(), precision(options, images.device):
            detector(images)

    def train() -> None:
        with precision(options, images.device):
            classes, numbers = detector(images)
        losses = detector.head.losses(classes, numbers, boxes, labels)
        sum(value.sum() for value in losses.values()).backward()  # type: ignore[union-attr]
        detector.zero_grad(set_to_none=True)

    detector.eval()
    if not timed.features:
        with torch.inference_mode(), precision(options, images.device):
            timed.features = list(detector.encoder(detector.normalise(images)))
    found = {"neck": seconds(neck, 1, images.device), "forward": seconds(forward, 1, images.device)}
    detector.train()
    if cuda:
        torch.cuda.reset_peak_memory_stats(images.device)
    found["training"] = seconds(train, 1, images.device)
    if cuda:
        timed.memory_mib = round(torch.cuda.max_memory_allocated(images.device) / 2**20, 1)
    for part, value in found.items() if keep else ():
        timed.rounds[part].append(value)


def multiply_adds(timed: Timed, images: Tensor) -> dict[str, int]:
    """Of one image: the neck's and the whole detector's."""
    counts, detector = {}, timed.detector.eval()
    one = images[:1]
    with torch.no_grad():
        features = detector.encoder(detector.normalise(one))
        for name, call in (("neck", lambda: detector.neck(features)), ("detector", lambda: detector(one))):
            with FlopCounterMode(display=False) as counter:
                call()
            counts[name] = counter.get_total_flops() // 2
    return counts


def describe(timed: Timed, peer: Timed) -> dict[str, Any]:
    """The record of one neck; a ratio above 1 is more, or slower, than the peer."""
    sizes, peers = ({"neck": count_parameters(t.detector.neck), "detector": count_parameters(t.detector)}
                    for t in (timed, peer))  # fmt: skip
    ratios = {
        part: statistics.median(a / b for a, b in zip(timed.rounds[part], peer.rounds[part], strict=True))
        for part in PARTS
    }
    return {
        "neck": timed.name,
        "parameters": sizes,
        "multiply_adds": timed.counts,
        "milliseconds": {part: milliseconds(timed.rounds[part]) for part in PARTS},
        "peak_memory_mib": timed.memory_mib,
        "over_peer": {
            "parameters": {key: value / peers[key] for key, value in sizes.items()},
            "multiply_adds": {key: value / peer.counts[key] for key, value in timed.counts.items()},
            "time": ratios,
        },
    }


def line(row: dict[str, Any]) -> str:
    """One line for the terminal."""
    over = row["over_peer"]
    text = f"{row['neck']:<6} neck {row['parameters']['neck'] / 1e6:6.2f} M parameters, "
    text += f"{row['multiply_adds']['neck'] / 1e9:7.2f} G multiply-adds"
    times = "  ".join(f"{part} x{over['time'][part]:.2f}" for part in PARTS)
    return f"{text}; time over {PEER}: {times}"


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """Command line; sizes depend on the device unless given."""
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--out", required=True, help="JSON file to write")
    words.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    words.add_argument("--encoder", default="resnet18")
    words.add_argument("--channels", type=int, default=256)
    words.add_argument("--size", nargs=2, type=int, metavar=("HEIGHT", "WIDTH"))
    words.add_argument("--batch-size", type=int)
    words.add_argument("--rounds", type=int, default=5)
    words.add_argument("--warmup", type=int, default=2)
    words.add_argument("--bf16", action="store_true", help="run in bfloat16 mixed precision")
    words.add_argument("--seed", type=int, default=0)
    options = words.parse_args(arguments)
    gpu = options.device.startswith("cuda")
    options.size = options.size or ([832, 1344] if gpu else [256, 384])
    options.batch_size = options.batch_size or (2 if gpu else 1)
    return options


def main(arguments: list[str] | None = None) -> int:
    """Time all necks, print a line each, write the record; 1 if one could not be timed."""
    options = parse(arguments)
    device = torch.device(options.device)
    random = torch.Generator().manual_seed(options.seed)
    images = torch.rand(options.batch_size, 3, *options.size, generator=random).to(device)
    ready, skipped = [], {}
    for name in NECKS:
        try:
            timed = build(name, options, device)
            for _ in range(options.warmup):
                measure(timed, images, options, keep=False)
            timed.counts = multiply_adds(timed, images)
            ready.append(timed)
        except Exception as error:  # too little memory for one neck must not lose the others
            skipped[name] = f"{type(error).__name__}: {str(error).partition(chr(10))[0]}"
    for _ in range(options.rounds):
        for timed in ready:
            measure(timed, images, options, keep=True)
    peer = next((timed for timed in ready if timed.name == PEER), None)
    rows = [describe(timed, peer) for timed in ready] if peer else []
    for row in rows:
        print(line(row), flush=True)
    for name, reason in skipped.items():
        print(f"{name:<6} skipped: {reason}")
    command = ["python", "benchmarks/detection.py", *(sys.argv[1:] if arguments is None else arguments)]
    settings = {key: value for key, value in vars(options).items() if key != "out"}
    record = {"benchmark": "detection", "created": now(), "command": " ".join(command), "settings": settings}
    record |= {"device": describe_device(device, processes=1), "versions": versions(), "peer": PEER}
    write_json(options.out, {**record, "necks": rows, "skipped": skipped})
    print(f"written to {options.out}")
    return 1 if skipped or not rows else 0


if __name__ == "__main__":
    raise SystemExit(main())
