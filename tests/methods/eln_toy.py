"""A small semi-supervised training of ELN and its baselines, importable by tests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from udalib.core.types import Batch, Sample
from udalib.data import Stream
from udalib.engine import Poly, Run, TrainConfig, Trainer
from udalib.methods import create_method
from udalib.models.eln_host import SegProjDecoder
from udalib.models.network import SegmentationNetwork

CLASSES, SIDE = 3, 32
NAMES = ("eln", "s-ecn", "confidence-threshold")
JUDGE = {"eln_blocks": (1, 1, 1, 1), "eln_width": 4, "eln_channels": 8, "eln_rates": (2, 3), "eln_lr": 1e-2}
HOST = {"pretrain_iterations": 1, "epoch_iterations": 2, "contrast_window": 6, "contrast_windows": 2}


class Encoder(nn.Module):
    """Two features at strides 2 and 4."""

    channels, strides = (6, 8), (2, 4)

    def __init__(self) -> None:
        super().__init__()
        self.first, self.norm1 = nn.Conv2d(3, 6, 3, stride=2, padding=1), nn.BatchNorm2d(6)
        self.second, self.norm2 = nn.Conv2d(6, 8, 3, stride=2, padding=1), nn.BatchNorm2d(8)

    def forward(self, x: Tensor) -> list[Tensor]:
        first = torch.relu(self.norm1(self.first(x)))
        return [first, torch.relu(self.norm2(self.second(first)))]


def network(seed: int = 0, embedding: int = 4) -> SegmentationNetwork:
    """The same weights for the same seed."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        decoder = SegProjDecoder((6, 8), CLASSES, channels=8, rates=(2, 3), low_channels=4, embedding=embedding)
        return SegmentationNetwork(Encoder(), decoder, align_corners=True).train()


def method(name: str = "eln", *, dropout: bool = True, lr: float = 0.05, embedding: int = 4, **options: Any) -> Any:
    """A method in train mode: one iteration of pre-training, one of stage 1, then stage 2."""
    net = network(embedding=embedding)
    judge = {**JUDGE, "eln_iterations": 1} if name != "confidence-threshold" else {"threshold": 0.4}
    options = {**HOST, **judge, **options}
    with torch.random.fork_rng():
        torch.manual_seed(1)
        made = create_method(name, net, torch.optim.AdamW(net.parameters(), lr), CLASSES, **options)
    for layer in made.modules():
        if isinstance(layer, nn.Dropout) and not dropout:
            layer.p = 0.0
    return made.train()


class Blocks:
    """Random blocks whose label follows brightness."""

    name = "blocks"

    def __len__(self) -> int:
        return 12

    def __getitem__(self, index: int) -> Sample:
        generator = torch.Generator().manual_seed(index)
        blocks = torch.randint(0, CLASSES, (4, 4), generator=generator)
        label = blocks.repeat_interleave(SIDE // 4, 0).repeat_interleave(SIDE // 4, 1)
        noise = torch.randint(0, 60, (3, SIDE, SIDE), generator=generator)
        image = (label * 80 + noise).to(torch.uint8)
        return {"image": image, "label": label.to(torch.uint8), "name": str(index)}


def batches(size: int = 2, seed: int = 0, side: int = SIDE) -> dict[str, Batch]:
    """Random labelled and unlabelled images; the first rows are void."""
    generator = torch.Generator().manual_seed(seed)
    first, second = torch.rand(2, size, 3, side, side, generator=generator)
    label = torch.randint(0, CLASSES, (size, side, side), generator=generator)
    label[:, :4] = 255
    return {"labelled": {"image": first, "label": label}, "unlabelled": {"image": second}}


def train(folder: str | Path | None, name: str, **changes: Any) -> Any:
    """Train (or resume) the method ``name`` for some iterations through all stages and return it."""
    options = changes.pop("options", {})
    settings = {"iterations": 7, "log_every": 1, "checkpoint_every": 2, "device": "cpu", "progress": False, **changes}
    trained = method(name, **options)
    run = None if folder is None else Run(folder, name="toy", recipe={"method": name})
    streams = {stream: Stream(stream, Blocks(), 2) for stream in ("labelled", "unlabelled")}
    Trainer(TrainConfig(**settings), run).fit(trained, streams, schedules=dict.fromkeys(trained.optimizers(), Poly(9)))
    return trained
