"""Reading, augmenting, counting and scoring label images: ours beside a named peer, on one core, as ratios in one run.

    python benchmarks/data.py --out build/benchmarks/data.json

Files are streets drawn at the size of the real ones and written as PNG. ``load``: decode images of 1280 x 720 and their
labels, crop 512 x 512, flip, float, a batch of two; the peer is torchvision's reference pipeline (v2 transforms on
tv_tensors). ``strong``: DAFormer's jitter and blur of such a batch; the peer is torchvision v2's, image by image.
``statistics``: class counts of label files of 2048 x 1024 with raw ids; the peer compares every label with each of the
34 ids in turn, as the published converter does. ``scores``: logits of 1/8 of 2048 x 1024 resized, arg-max, confusion
matrix; the peer does the arg-max and the counting in NumPy, as the published evaluation does.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from _rounds import CLOCKS, Call, in_turn, ratios
from PIL import Image
from torch import Tensor
from torchvision import tv_tensors
from torchvision.io import decode_image
from torchvision.transforms import v2

from udalib.core.draws import Draws
from udalib.core.files import write_json
from udalib.data import HorizontalFlip, RandomCrop, SegmentationFolder, Stream, label_space
from udalib.data.sampling.stats import count_classes
from udalib.engine.evaluation.segmentation import SegmentationEvaluator
from udalib.engine.record.machine import describe_device, now, versions
from udalib.ops.augmentation import StrongAugmentation, augment
from udalib.ops.photometric import kernel_length
from udalib.world import render

CPU = torch.device("cpu")
SPACE = label_space("cityscapes19")
RAW = {7: 0, 8: 1, 11: 2, 12: 3, 13: 4, 17: 5, 19: 6, 20: 7, 21: 8, 22: 9}
RAW |= {23: 10, 24: 11, 25: 12, 26: 13, 27: 14, 28: 15, 31: 16, 32: 17, 33: 18}
"""Raw ids of Cityscapes files -> train ids."""
BATCH = 2
DTYPES = {tv_tensors.Image: torch.float32, tv_tensors.Mask: torch.int64, "others": None}


def write_files(folder: Path, size: tuple[int, int], count: int) -> tuple[Path, Path, Path]:
    """Folders of images, of labels with train ids, and of labels with raw ids."""
    folders = folder / "images", folder / "labels", folder / "raw"
    for place in folders:
        place.mkdir()
    table = np.zeros(256, np.uint8)
    for raw, train in RAW.items():
        table[train] = raw
    for index in range(count):
        scene = render(index, "source", size=size)
        label = np.asarray(scene["label"], np.uint8)
        Image.fromarray(np.asarray(scene["image"]).transpose(1, 2, 0)).save(folders[0] / f"{index:03}.png")
        Image.fromarray(label).save(folders[1] / f"{index:03}.png")
        Image.fromarray(table[label]).save(folders[2] / f"{index:03}.png")
    return folders


def load(folder: Path, options: argparse.Namespace) -> tuple[Call, Call, int]:
    """A batch from files, augmented; both ways read the same files in turn."""
    images, labels, _ = write_files(folder, options.size, options.files)
    crop = tuple(min(512, side) for side in options.size)
    stream = Stream(
        "source",
        SegmentationFolder(images, labels),
        BATCH,
        sample_transforms=[RandomCrop(crop)],
        batch_transforms=[HorizontalFlip()],
    )
    reference = v2.Compose([v2.RandomCrop(crop), v2.RandomHorizontalFlip(), v2.ToDtype(DTYPES, scale=True)])
    names = [p.name for p in sorted(images.iterdir())]
    place = {"ours": 0, "peer": 0}

    def ours() -> Any:
        place["ours"] += 1
        return stream.finish(stream.load(place["ours"]), CPU, place["ours"])

    def peer() -> list[Tensor]:
        place["peer"] += 1
        chosen = [names[(BATCH * place["peer"] + i) % len(names)] for i in range(BATCH)]
        pairs = [(tv_tensors.Image(decode_image(str(images / n))), read_mask(labels / n)) for n in chosen]
        return [torch.stack(parts) for parts in zip(*(reference(*pair) for pair in pairs), strict=True)]

    return ours, peer, BATCH


def read_mask(path: Path) -> tv_tensors.Mask:
    """A label file as torchvision reads it."""
    return tv_tensors.Mask(decode_image(str(path)))


def strong(folder: Path, options: argparse.Namespace) -> tuple[Call, Call, int]:
    """Jitter and blur of a batch, both always done."""
    side = min(512, *options.size)
    batch = torch.rand(BATCH, 3, side, side, generator=torch.Generator().manual_seed(0))
    ours = StrongAugmentation(jitter_probability=1.0, blur_probability=1.0)
    draws = Draws.for_batch(0, "strong", 0, range(BATCH)), Draws.for_batch(0, "strong", 0, [0])
    peer = v2.Compose([v2.ColorJitter(0.2, 0.2, 0.2, 0.2), v2.GaussianBlur(kernel_length(side), (0.15, 1.15))])
    return lambda: augment(batch, ours.draw(*draws)), lambda: torch.stack([peer(x) for x in batch]), BATCH


def counts(folder: Path, options: argparse.Namespace) -> tuple[Call, Call, int]:
    """Class counts of label files with raw ids."""
    height, width = options.size
    images, _, raw = write_files(folder, (2 * height * 32 // 45, 2 * width * 4 // 5), options.files)
    dataset = SegmentationFolder(images, raw, SPACE, ids=RAW)
    return lambda: count_classes(dataset), lambda: [id_by_id(p) for p in sorted(raw.iterdir())], options.files


def id_by_id(path: Path) -> dict[int, int]:
    """Counts of one file, a comparison an id."""
    label = np.asarray(Image.open(path))
    found = {train: int((label == raw).sum()) for raw, train in RAW.items()}
    return {train: n for train, n in found.items() if n}


class Drawn:
    """Labels and no images worth reading: what is timed is what follows the network."""

    label_space = SPACE

    def __init__(self, labels: Tensor) -> None:
        self.labels = labels

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> dict[str, Any]:
        return {"image": torch.zeros(3, 8, 8, dtype=torch.uint8), "label": self.labels[index], "name": str(index)}


def scores(folder: Path, options: argparse.Namespace) -> tuple[Call, Call, int]:
    """From small logits to mean IoU."""
    height, width = (side * 64 // 45 // 8 * 8 for side in options.size)
    generator = torch.Generator().manual_seed(0)
    labels = torch.randint(19, (2, height, width), generator=generator, dtype=torch.uint8)
    logits = torch.randn(1, 19, height // 8, width // 8, generator=generator)
    evaluator = SegmentationEvaluator(Drawn(labels), SPACE)
    return lambda: evaluator.evaluate(lambda _: logits)["miou"], lambda: in_numpy(labels, logits), len(labels)


def in_numpy(labels: Tensor, logits: Tensor) -> float:
    """The same mean IoU, on the host throughout."""
    total = np.zeros((19, 19))
    for label in labels.numpy():
        up = F.interpolate(logits, label.shape, mode="bilinear", align_corners=False)
        predicted = np.argmax(up[0].numpy().transpose(1, 2, 0), axis=2)
        valid = (label >= 0) & (label < 19)
        pairs = 19 * label[valid].astype(int) + predicted[valid]
        total += np.bincount(pairs, minlength=19**2).reshape(19, 19)
    hits = np.diag(total)
    return float(np.nanmean(hits / (total.sum(0) + total.sum(1) - hits)))


PARTS: dict[str, Callable[[Path, argparse.Namespace], tuple[Call, Call, int]]] = {
    "load": load,
    "strong": strong,
    "statistics": counts,
    "scores": scores,
}


def benchmark(name: str, options: argparse.Namespace) -> dict[str, Any]:
    """One part: images a second of processor time of both ways, and their ratio."""
    with tempfile.TemporaryDirectory() as folder:
        ours, peer, images = PARTS[name](Path(folder), options)
        found = in_turn({"ours": ours, "peer": peer}, CPU, rounds=options.rounds, least=options.least)
    rates = {f"{side}_images_per_second": images / statistics.median(values) for side, values in found.items()}
    record = {"part": name, **rates, "peer_over_ours": ratios(found)}
    print(
        f"{name:<11} {rates['ours_images_per_second']:8.2f} images a second; "
        f"peer takes {record['peer_over_ours']['median']:.2f} times as long",
        flush=True,
    )
    return record


def main(arguments: list[str] | None = None) -> int:
    """Time every part, print a line each, write the record."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", required=True, help="JSON file to write")
    parser.add_argument("--parts", nargs="+", choices=list(PARTS), default=list(PARTS))
    parser.add_argument("--size", nargs=2, type=int, default=(720, 1280), help="height and width of the images")
    parser.add_argument("--files", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--least", type=float, default=0.5, help="seconds that a measurement lasts at the least")
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    parts = [benchmark(name, options) for name in options.parts]
    record = {
        "benchmark": "data",
        "created": now(),
        "command": " ".join(["python", "benchmarks/data.py", *(sys.argv[1:] if arguments is None else arguments)]),
        "device": describe_device(CPU, processes=1),
        "versions": versions(),
        "clock": CLOCKS["cpu"],
        "parts": parts,
    }
    write_json(options.out, record)
    print(f"written to {options.out}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
