"""Two small domains of coloured blocks, untrained networks that look at them, and an atlas of both."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Any

import torch

from udalib.analysis.features import Atlas, PixelFeatures, Sampling, Subject, Tsne, gather, make_atlas
from udalib.core.seeding import seeded
from udalib.data.labels import label_space
from udalib.engine import SegmentationEvaluator
from udalib.models import create_network

SPACE = label_space("cityscapes19")
CLASSES = (0, 2, 10, 13)
"""road, building, sky, car: one each quarter of a picture, in an order of its own."""
LAYERS = ("encoder.1", "decoder")
SAMPLING = Sampling(per_class=12, minimum=4, cell=8)


class Blocks:
    """Pictures of 32 x 64 in four quarters of one class each, coloured by class; the target is darker and noisier."""

    label_space = SPACE

    def __init__(self, name: str, count: int = 6) -> None:
        self.name, self.count = name, count

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, i: int) -> dict[str, Any]:
        target = self.name == "target"
        random = torch.Generator().manual_seed(i + 100 * target)
        order = torch.tensor(CLASSES)[torch.randperm(4, generator=random)]
        label = order.view(2, 2).repeat_interleave(16, 0).repeat_interleave(32, 1).to(torch.uint8)
        color = torch.from_numpy(SPACE.palette)[label.long()].movedim(2, 0).float()
        noise = torch.randn(color.shape, generator=random) * (30 if target else 10)
        image = ((0.5 if target else 1.0) * color + noise).clamp(0, 255).to(torch.uint8)
        return {"image": image, "label": label, "name": f"{self.name}{i}"}


def domains(*names: str) -> dict[str, SegmentationEvaluator]:
    return {name: SegmentationEvaluator(Blocks(name), SPACE, batch_size=4) for name in names or ("source", "target")}


@cache
def network(seed: int) -> torch.nn.Module:
    with seeded(seed):
        return create_network("streets", num_classes=19).eval()


def subjects(count: int = 2) -> dict[str, Subject]:
    return {f"run {seed}": Subject(network(seed), network(seed)) for seed in range(count)}


@cache
def features() -> PixelFeatures:
    found = gather(subjects(), domains(), LAYERS, SPACE, SAMPLING)
    return replace(found, scores={"run 0": 30.0, "run 1": 40.0})


@cache
def atlas() -> Atlas:
    return make_atlas(features(), Tsne(perplexity=8, iterations=250))
