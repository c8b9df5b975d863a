"""Time and memory of GKGNet and DSCL: a training step of each, and group k-NN as images grow, beside the published way.

    python benchmarks/classification.py --out build/benchmarks/classification.json
    python benchmarks/classification.py --tiny --device cpu --out build/benchmarks/classification-tiny.json

Group k-NN: one image, first stage of the small model (80 channels, side / 4 patches a side, sources pooled by 4,
k = 9, two groups), position table included, forward and backward of the messages. "Published" is the construction of
the published code, written down here: the similarity of all patches in float64, cast, resized bicubically; the whole
table of distances; the gathered map of k neighbours. Training: the methods of coco/gkgnet-448 and
imagenet-lt/dscl-pbsd-features on random images. Memory is the peak of the device's allocator, known on a GPU only. The
call is meant to take less than ten minutes on a GPU (not measured here); a size whose published table would not fit
``--limit-gib`` is skipped and named.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from training import VARIANTS, measure, stepper, synchronise, warm_up

from udalib.core.files import write_json
from udalib.engine.record.machine import describe_device, now, versions
from udalib.engine.runtime import make_fabric
from udalib.models.gkgnet.positions import grid_codes, resize_codes
from udalib.ops.group_knn import PositionTable, group_knn, max_relative
from udalib.recipes import get_recipe
from udalib.recipes.build import build_method

SIZES = (64, 128, 192, 256, 320, 384, 448, 512, 576)
CHANNELS, K, GROUPS, REDUCTION = 80, 9, 2, 4
STEPS = {"gkgnet": "coco/gkgnet-448", "dscl": "imagenet-lt/dscl-pbsd-features"}


def published_messages(x: Tensor, y: Tensor, side: int) -> Tensor:
    """Whole tables, as the published code builds them; x (B, C, N), y (B, C, M)."""
    codes = grid_codes((side, side), x.shape[1]).to(x.device)
    similarity = (2 * codes @ codes.T / x.shape[1]).float()[None, None]
    table = -F.interpolate(similarity, (x.shape[2], y.shape[2]), mode="bicubic", align_corners=False)[0, 0]
    a, b = (t.reshape(-1, x.shape[1] // GROUPS, t.shape[2]) for t in (x, y))
    with torch.no_grad():
        p, q = (F.normalize(t, dim=1).transpose(1, 2) for t in (a, b))
        distance = p.square().sum(-1, keepdim=True) - 2 * p @ q.transpose(1, 2) + q.square().sum(-1)[:, None] + table
        index = distance.topk(K, largest=False).indices
    gathered = b[:, :, None].expand(-1, -1, a.shape[2], -1).gather(3, index[:, None].expand(-1, b.shape[1], -1, -1))
    return (gathered - a[..., None]).amax(-1).view_as(x)


def our_messages(x: Tensor, y: Tensor, side: int) -> Tensor:
    """The same by udalib."""
    codes = grid_codes((side, side), x.shape[1]).to(x.device)
    columns = resize_codes(codes, y.shape[2])
    table = PositionTable(codes.float(), columns.float(), -2.0 / x.shape[1])
    return max_relative(x, y, group_knn(x, y, k=K, groups=GROUPS, position=table))


def timed(call: Callable[[], Any], repeats: int, device: torch.device) -> dict[str, float | None]:
    """Median seconds of ``call`` and the memory in MiB that it needs besides what is held."""
    call()
    held = torch.cuda.memory_allocated(device) if device.type == "cuda" else 0
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    seconds = []
    for _ in range(repeats):
        synchronise(device)
        start = time.perf_counter()
        call()
        synchronise(device)
        seconds.append(time.perf_counter() - start)
    peak = (torch.cuda.max_memory_allocated(device) - held) / 2**20 if device.type == "cuda" else None
    return {"seconds": statistics.median(seconds), "peak_memory_mib": peak}


def neighbours(options: argparse.Namespace, device: torch.device) -> list[dict[str, Any]]:
    """Both constructions at every size."""
    rows = []
    for size in options.sizes:
        side, generator = size // 4, torch.Generator().manual_seed(options.seed)
        x = torch.randn(1, CHANNELS, side, side, generator=generator).to(device).requires_grad_()
        row: dict[str, Any] = {"size": size, "patches": side**2}
        ways = {"ours": our_messages, "published": published_messages}
        needed = 1.5 * 8 * side**4 / 2**30  # the float64 table and its float32 copy
        if needed > options.limit_gib:
            row["skipped"] = f"the published table needs about {needed:.1f} GiB"
            del ways["published"]
        for name, way in ways.items():
            row[name] = timed(partial(step_of, way, x, side), options.repeats, device)
        rows.append(row)
        print(f"{size:>4} pixels  " + "  ".join(f"{n} {1000 * row[n]['seconds']:.1f} ms" for n in ways))
    return rows


def step_of(way: Callable[[Tensor, Tensor, int], Tensor], x: Tensor, side: int) -> None:
    """Forward and backward."""
    y = F.avg_pool2d(x, REDUCTION).flatten(2)
    torch.autograd.grad(way(x.flatten(2), y, side).square().mean(), x)


def training_step(kind: str, options: argparse.Namespace, device: torch.device) -> list[dict[str, Any]]:
    """Images a second of one method, in every variant."""
    recipe = get_recipe(STEPS[kind], "quick" if options.tiny else "paper")
    size, batch = (128, 4) if options.tiny else ((448, 16) if kind == "gkgnet" else (256, 64))
    classes = 80 if kind == "gkgnet" else 1000
    generator = torch.Generator().manual_seed(options.seed)
    image = torch.rand(batch, 3, size, size, generator=generator).to(device)
    answer = torch.randint(2, (batch, classes), generator=generator)
    target = torch.randint(classes, (batch,), generator=generator)
    data = {"image": image, "classes": answer.to(device), "target": target.to(device)}
    rows = []
    for name in options.variants:
        method = build_method(recipe, pretrained=False).train()
        run = stepper(method, replace(VARIANTS[name], device=options.device), {"labelled": data})
        variant = warm_up(name, run, 1 if options.tiny else 3, device)
        for _ in range(options.repeats):
            measure(variant, options.steps, device)
        median = statistics.median(variant.seconds)
        row = {"method": kind, "recipe": recipe.name, "variant": name, "batch": batch, "size": size}
        rows.append({**row, "images_per_second": batch / median, "peak_memory_mib": variant.memory_mib})
        print(f"{kind:<8} {name:<24} {batch / median:8.1f} images a second")
    return rows


def main(arguments: list[str] | None = None) -> int:
    """Run both parts and write the record."""
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--out", required=True, help="JSON file to write")
    words.add_argument("--device", default="auto")
    words.add_argument("--sizes", nargs="+", type=int, default=None)
    words.add_argument("--methods", nargs="*", choices=list(STEPS), default=list(STEPS))
    words.add_argument("--variants", nargs="+", choices=list(VARIANTS), default=["fp32"])
    words.add_argument("--tiny", action="store_true", help="small images and networks, to test the script")
    words.add_argument("--repeats", type=int, default=5)
    words.add_argument("--steps", type=int, default=2, help="iterations in one measurement of a training step")
    words.add_argument("--limit-gib", type=float, default=8.0)
    words.add_argument("--seed", type=int, default=0)
    options = words.parse_args(arguments)
    options.sizes = options.sizes or ((64, 96) if options.tiny else SIZES)
    device = make_fabric(replace(VARIANTS["fp32"], device=options.device)).device
    record = {
        "benchmark": "group k-NN against the published construction, and training steps of GKGNet and DSCL",
        "created": now(),
        "command": " ".join(
            ["python", "benchmarks/classification.py", *(sys.argv[1:] if arguments is None else arguments)]
        ),
        "device": describe_device(device, processes=1),
        "versions": versions(),
        "group_knn": neighbours(options, device),
        "training": [row for kind in options.methods for row in training_step(kind, options, device)],
    }
    write_json(options.out, record)
    print(f"written to {options.out}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
