"""A small method that keeps every promise; its relatives in conformance_broken_*.py each break one."""

from __future__ import annotations

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from udalib.core.types import Batch, Logs
from udalib.methods import Method
from udalib.methods.shared.teacher import Teacher
from udalib.models import SegmentationNetwork
from udalib.recipes.conformance import STEPS, Subject
from udalib.recipes.conformance.from_recipe import Unlabelled

CLASSES = 3


class Encoder(nn.Module):
    """One feature at full size."""

    channels, strides = (4,), (1,)

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.BatchNorm2d(4), nn.Dropout(0.2), nn.Tanh())

    def forward(self, x: Tensor) -> list[Tensor]:
        return [self.body(x)]


class Decoder(nn.Conv2d):
    num_classes = CLASSES

    def __init__(self) -> None:
        super().__init__(4, CLASSES, 1)

    def forward(self, features: list[Tensor]) -> Tensor:
        return super().forward(features[-1])


class Fair(Method):
    """Source labels, and agreement with a teacher on target images whose mean colour is remembered."""

    streams = ("source", "target")
    colour: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.network = SegmentationNetwork(Encoder(), Decoder())
        self.teacher = Teacher(self.network, 0.9)
        self.register_buffer("colour", torch.zeros(1, 3, 1, 1))
        self.optimizer = torch.optim.SGD(self.network.parameters(), 0.1, momentum=0.9)

    def optimizers(self):
        return {"main": self.optimizer}

    def step(self, batches: Mapping[str, Batch], iteration: int) -> Logs:
        source, target = batches["source"], batches["target"]["image"]
        if self.runtime.is_first:
            self.teacher.follow(self.network, iteration)
            self.remember(target)
        noise = self.noise(len(target), iteration)
        self.runtime.zero_grad(self.optimizer)
        with self.runtime.autocast():
            loss = self.supervised(self.network(source["image"]), source["label"])
            logits = self.network(target + noise - self.colour)
        loss = loss + (logits.float() - self.teacher(target).float()).square().mean()
        self.backward(loss)
        self.update()
        return self.logs(loss)

    def remember(self, target: Tensor) -> None:
        self.colour.lerp_(self.runtime.average(target.mean((0, 2, 3), keepdim=True)), 0.5)

    def noise(self, size: int, iteration: int) -> Tensor:
        return self.runtime.draws("noise", iteration, size).noise(3, 1, 1)

    def supervised(self, logits: Tensor, label: Tensor) -> Tensor:
        valid = (label != 255).sum()
        return F.cross_entropy(logits.float(), label, ignore_index=255, reduction="sum") / valid.clamp(min=1)

    def backward(self, loss: Tensor) -> None:
        self.runtime.backward(loss)

    def update(self) -> None:
        self.runtime.optimizer_step(self.optimizer)

    def logs(self, loss: Tensor) -> Logs:
        return {"loss": loss.detach()}

    def predict(self, images: Tensor) -> Tensor:
        return self.network(images)


def subject(kind: type[Method], streams: tuple[str, ...] = ("source", "target")) -> Subject:
    """``kind`` on random batches of two samples; the target has no labels."""

    def make(seed: int) -> Method:
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            return kind().train()

    batches = []
    for i in range(STEPS):
        source, target = torch.rand(2, 2, 3, 8, 12, generator=torch.Generator().manual_seed(i))
        label = torch.arange(8 * 12).remainder(CLASSES).view(1, 8, 12).repeat(2, 1, 1)
        label[:, :2] = 255
        batch = {"source": {"image": source, "label": label}, "target": Unlabelled(image=target)}
        batches.append({name: batch[name] for name in streams})
    return Subject(make, batches, "toy", CLASSES)
