"""A small two-domain training of adversarial and self-training methods, as a module and as a script for children.

    python adversarial_toy.py FOLDER [VARIABLE=value ...] METHOD ...

VARIABLES of the environment; each METHOD is trained in FOLDER/METHOD, with its options in TOGETHER.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any
from unittest.mock import patch

import torch
from torch import Tensor, nn

from udalib.core.types import Batch, Sample
from udalib.data import Stream
from udalib.engine import Poly, Run, TrainConfig, Trainer, load_checkpoint
from udalib.engine.record.checkpoint import Checkpoint
from udalib.methods import create_method
from udalib.models.multi_resolution import MultiResolutionNetwork
from udalib.models.network import SegmentationNetwork

CLASSES, SIDE = 3, 16
ADVERSARIAL = ("adaptsegnet", "advent")
SELF_TRAINING = ("dacs", "daformer", "hrda", "mic", "mic-hrda")
THINGS = {"fd_classes": (1, 2)}
MASKED = {"mask_block": 4}
SMALL: dict[str, dict[str, Any]] = {
    "dacs": {"threshold": 0.367},
    "daformer": {"threshold": 0.367, **THINGS},
    "hrda": {"threshold": 0.367, **THINGS},
    "mic": {"threshold": 0.367, **THINGS, **MASKED},
    "mic-hrda": {"threshold": 0.367, **THINGS, **MASKED},
}
"""Options that fit small images and a network without confidence."""

ALIKE: dict[str, dict[str, Any]] = {
    name: {"weighting": "pixel", **({} if name == "dacs" else {"fd_everywhere": True})} for name in SELF_TRAINING
}
"""Options with which micro-batches are one batch: no number is taken over the whole of it."""

TOGETHER = {name: {**options, "weighting": "fraction", "official": True} for name, options in ALIKE.items()}
"""Options with which processes are one: what is taken over the whole batch is shared."""


class Encoder(nn.Module):
    """Two features at strides 2 and 4."""

    channels, strides = (6, 8), (2, 4)

    def __init__(self, norm: bool, dropout: float = 0.2) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 6, 3, stride=2, padding=1)
        self.norm = nn.Sequential(nn.BatchNorm2d(6), nn.Dropout2d(dropout)) if norm else nn.Identity()
        self.second = nn.Conv2d(6, 8, 3, stride=2, padding=1)

    def forward(self, x: Tensor) -> list[Tensor]:
        first = self.norm(self.first(x)).tanh()
        return [first, self.second(first).tanh()]


class Decoder(nn.Module):
    """A classifier on the last feature and, with two levels, one on the first."""

    def __init__(self, levels: int) -> None:
        super().__init__()
        self.num_classes, self.multi_level = CLASSES, levels == 2
        self.main = nn.Conv2d(8, CLASSES, 1)
        self.aux = nn.Conv2d(6, CLASSES, 1)

    def forward(self, features: list[Tensor]) -> Tensor:
        logits: Tensor = self.main(features[-1])
        return logits

    def forward_all(self, features: list[Tensor]) -> tuple[Tensor, ...]:
        return (self(features), self.aux(features[0])) if self.multi_level else (self(features),)


def network(levels: int = 2, norm: bool = False, seed: int = 0, dropout: float = 0.2) -> SegmentationNetwork:
    """The same weights for the same seed; dropout comes with the norm."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return SegmentationNetwork(Encoder(norm, dropout), Decoder(levels), align_corners=True).train()


def two_scales(norm: bool = False, seed: int = 0) -> MultiResolutionNetwork:
    """Details of 8 x 8 pixels in a context at half the resolution."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return MultiResolutionNetwork(Encoder(norm), Decoder(1), Decoder(1), detail=(8, 8)).train()


def network_of(name: str, norm: bool = False) -> SegmentationNetwork:
    """The network that the method ``name`` trains here."""
    return two_scales(norm) if name.endswith("hrda") else network(1 if name in SELF_TRAINING else 2, norm)


def method(name: str, net: SegmentationNetwork | None = None, *, lr: float = 0.1, **options: Any) -> Any:
    """A method with small discriminators or options for small images, on momentum SGD with decay."""
    net = network_of(name) if net is None else net
    if name in ADVERSARIAL:
        options = {"discriminator_width": 4, "discriminator_depth": 2, "discriminator_lr": 1e-2, **options}
    options = {**SMALL.get(name, {}), **options}
    optimizer = torch.optim.SGD(net.parameters(), lr, momentum=0.9, weight_decay=1e-2)
    with torch.random.fork_rng():
        torch.manual_seed(1)
        return create_method(name, net, optimizer, CLASSES, **options)


class Blocks:
    """Random blocks whose label follows brightness; the target domain is darker. Every pixel has a label."""

    def __init__(self, domain: str) -> None:
        self.name, self.step = domain, 80 if domain == "source" else 50

    def __len__(self) -> int:
        return 16

    def __getitem__(self, index: int) -> Sample:
        generator = torch.Generator().manual_seed(index + self.step)
        blocks = torch.randint(0, CLASSES, (4, 4), generator=generator)
        label = blocks.repeat_interleave(4, 0).repeat_interleave(4, 1)
        noise = torch.randint(0, 60, (3, SIDE, SIDE), generator=generator)
        image = (label * self.step + noise).to(torch.uint8)
        return {"image": image, "label": label.to(torch.uint8), "name": str(index)}


def batches(size: int = 2, height: int = SIDE, width: int = SIDE, seed: int = 0) -> dict[str, Batch]:
    """Random source and target batches."""
    generator = torch.Generator().manual_seed(seed)
    source, target = torch.rand(2, size, 3, height, width, generator=generator)
    label = torch.randint(0, CLASSES, (size, height, width), generator=generator)
    label[:, 0] = 255
    return {"source": {"image": source, "label": label}, "target": {"image": target * 0.5}}


def watched(method: Any) -> dict[str, Any]:
    """What a self-training method shows its student from now on, by the name of the pass ("source", "mixed", ...)."""
    seen: dict[str, Any] = {}
    segment = method.segment

    def watching(batch: Any, name: str, iteration: int) -> Any:
        seen[name] = batch
        return segment(batch, name, iteration)

    method.segment = watching
    return seen


def train(folder: str | Path | None, name: str, options: dict[str, Any] | None = None, **changes: Any) -> Any:
    """Train (or resume) the method ``name`` for some iterations and return it."""
    settings = {"iterations": 6, "log_every": 2, "checkpoint_every": 2, "device": "cpu", "progress": False, **changes}
    norm = bool(settings.pop("norm", False))
    trained = method(name, network_of(name, norm), **(options or {}))
    run = None if folder is None else Run(folder, name="toy", recipe={"method": name})
    streams = {domain: Stream(domain, Blocks(domain), 4) for domain in ("source", "target")}
    schedules = dict.fromkeys(trained.optimizers(), Poly(6))
    Trainer(TrainConfig(**settings), run).fit(trained, streams, schedules=schedules)
    return trained


def train_unbroken_and_broken(folder: Path, name: str, options: dict[str, Any]) -> tuple[Path, Path]:
    """The same training twice, with BatchNorm and dropout: in one go, and with a power cut after its checkpoint."""
    unbroken, broken, kind = folder / "unbroken", folder / "broken", type(method(name))
    train(unbroken, name, options, norm=True)
    step = kind.step

    def power_cut(self: Any, data: Any, iteration: int) -> Any:
        if iteration == 5:
            raise RuntimeError("power cut")
        return step(self, data, iteration)

    with patch.object(kind, "step", power_cut), suppress(RuntimeError):
        train(broken, name, options, norm=True)
    assert load_checkpoint(broken / "last.ckpt").iteration == 4
    train(broken, name, options, norm=True)
    return unbroken, broken


def assert_equal_runs(unbroken: Path, broken: Path) -> Checkpoint:
    """Weights, buffers, optimisers and logs are the same bit for bit; the checkpoint of the unbroken run."""
    want, got = (load_checkpoint(folder / "last.ckpt") for folder in (unbroken, broken))
    assert got.method.keys() == want.method.keys()
    assert all(torch.equal(got.method[key], value) for key, value in want.method.items())
    for optimizer, values in want.optimizers.items():
        for index, state in values["state"].items():
            assert all(torch.equal(got.optimizers[optimizer]["state"][index][key], v) for key, v in state.items())
    lines = [(folder / "metrics.jsonl").read_bytes() for folder in (unbroken, broken)]
    assert lines[0] == lines[1]
    return want


def largest_difference(got: Mapping[str, Tensor], want: Mapping[str, Tensor]) -> float:
    """Largest difference of an entry, relative to the largest value of its tensor."""
    pairs = [(value, want[name]) for name, value in got.items() if want[name].abs().max() > 0]
    return max(float(((a - b).abs().max() / b.abs().max()).detach()) for a, b in pairs)


def main(arguments: list[str]) -> None:
    """Train in a folder."""
    folder, *rest = arguments
    os.environ.update(dict(item.split("=", 1) for item in rest if "=" in item))
    for name in rest:
        if "=" not in name:
            train(Path(folder) / name, name, TOGETHER.get(name))


if __name__ == "__main__":
    torch.set_num_threads(1)
    main(globals().get("ARGUMENTS") or sys.argv[1:])
