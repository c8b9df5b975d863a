"""A small method that keeps every promise, and its broken relatives, each of which breaks one."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from udalib.core.types import Batch, Logs
from udalib.methods import Method
from udalib.methods.teacher import Teacher
from udalib.models import SegmentationNetwork
from udalib.recipes.conformance import STEPS, Subject
from udalib.recipes.conformance.subject import Unlabelled

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


# Streams


class ReadsAnother(Fair):
    def step(self, batches, iteration):
        batches["extra"]
        return super().step(batches, iteration)


class ReadsTargetLabels(Fair):
    def step(self, batches, iteration):
        batches["target"]["label"]
        return super().step(batches, iteration)


class LeavesOneUnread(Fair):
    def step(self, batches, iteration):
        return super().step({"source": batches["source"], "target": batches["source"]}, iteration)


class ChangesItsBatch(Fair):
    def step(self, batches, iteration):
        batches["target"]["image"].mul_(0.5)
        return super().step(batches, iteration)


# Logs


class LogsNothing(Fair):
    def logs(self, loss):
        return {}


class LogsNaN(Fair):
    def logs(self, loss):
        return {"loss": loss.detach(), "agreement": float("nan")}


class LogsAMap(Fair):
    def logs(self, loss):
        return {"loss": loss.detach().expand(4)}


class LogsText(Fair):
    def logs(self, loss):
        return {"loss": "small"}


class KeepsTheGraph(Fair):
    def logs(self, loss):
        return {"loss": loss}


class Explodes(Fair):
    def remember(self, target):
        self.colour.fill_(float("inf"))

    def noise(self, size, iteration):
        return torch.zeros(()).sub(self.colour).nan_to_num(posinf=0.0, neginf=0.0) + self.colour

    def logs(self, loss):
        return {"loss": 0.0}


# Gradients


class ForgetsAPart(Fair):
    def __init__(self):
        super().__init__()
        self.head = nn.Linear(2, 2)
        self.optimizer.add_param_group({"params": list(self.head.parameters())})


class DeclaresWhatItTrains(Fair):
    untrained = ("network.decoder.",)


class DeclaresNothing(Fair):
    untrained = ("nowhere.",)


class MovesByHand(Fair):
    def __init__(self):
        super().__init__()
        self.centre = nn.Parameter(torch.zeros(3), requires_grad=False)

    def update(self):
        super().update()
        self.centre.data.add_(1)


class TrainsNoHead(Fair):
    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(()))

    def supervised(self, logits, label):
        return super().supervised(logits * self.scale, label)


class HoldsAStranger(Fair):
    def __init__(self):
        super().__init__()
        self.__dict__["hidden"] = nn.Parameter(torch.ones(1))
        self.optimizer.add_param_group({"params": [self.__dict__["hidden"]]})


# Surroundings and draws


class DrawsFromTorch(Fair):
    def noise(self, size, iteration):
        return torch.rand(size, 3, 1, 1)


class DrawsFromNumPy(Fair):
    def noise(self, size, iteration):
        return torch.full((size, 3, 1, 1), np.random.rand())  # noqa: NPY002


class DrawsFromPython(Fair):
    def noise(self, size, iteration):
        return torch.full((size, 3, 1, 1), random.random())


class LeavesEvalMode(Fair):
    def update(self):
        super().update()
        self.network.decoder.eval()


class DrawsTheSameEveryTime(Fair):
    def noise(self, size, iteration):
        return super().noise(size, 0)


class DrawsTwice(Fair):
    def noise(self, size, iteration):
        return super().noise(size, iteration) + super().noise(size, iteration)


class DrawsInVain(Fair):
    def noise(self, size, iteration):
        return 0 * super().noise(size, iteration)


class DiffersFromRunToRun(Fair):
    runs = 0

    def __init__(self):
        super().__init__()
        type(self).runs += 1
        self.colour += type(self).runs


# Resume


class ForgetsABuffer(Fair):
    def __init__(self):
        super().__init__()
        self.register_buffer("colour", torch.zeros(1, 3, 1, 1), persistent=False)


class CountsOnItsOwn(Fair):
    seen = 0

    def logs(self, loss):
        self.seen += 1
        return {"loss": loss.detach(), "seen": self.seen}


class SavesAnObject(Fair):
    def get_extra_state(self):
        return np.random.RandomState(0)

    def set_extra_state(self, state):
        pass


class Grows(Fair):
    def __init__(self):
        super().__init__()
        self.register_buffer("memory", torch.zeros(0))

    def remember(self, target):
        super().remember(target)
        self.memory = torch.cat([self.memory, torch.ones(1)])


# Prediction


class CountsPredictions(Fair):
    def __init__(self):
        super().__init__()
        self.register_buffer("asked", torch.zeros(()))

    def predict(self, images):
        self.asked += 1
        return super().predict(images)


class PredictsInEval(Fair):
    def predict(self, images):
        self.network.eval()
        return super().predict(images)


class PredictsInTraining(Fair):
    def predict(self, images):
        if not self.training:
            self.network.encoder.body[3].train()
        return super().predict(images)


class PredictsByChance(Fair):
    def predict(self, images):
        random.random()
        return super().predict(images)


class PredictsNaN(Fair):
    def predict(self, images):
        return super().predict(images).div(0)


class PredictsSmall(Fair):
    def predict(self, images):
        return super().predict(images)[..., ::2, ::2]


class PredictsTogether(Fair):
    def predict(self, images):
        return super().predict(images - images[-1:])


class PredictsTooFew(Fair):
    def predict(self, images):
        return [super().predict(images)]


# Labels and precision


class DividesByNothing(Fair):
    def supervised(self, logits, label):
        return F.cross_entropy(logits.float(), label, ignore_index=255)


class OverflowsInBfloat16(Fair):
    def supervised(self, logits, label):
        return super().supervised(logits, label) + (float("nan") if torch.is_autocast_enabled("cpu") else 0)


class StaysInBfloat16(Fair):
    def remember(self, target):
        super().remember(target)
        if torch.is_autocast_enabled("cpu") or type(self.runtime).__name__ == "Bfloat16":
            self.colour = self.colour.bfloat16()


# Parts of a batch


class StepsAlone(Fair):
    def update(self):
        self.optimizer.step()


class RemembersItsOwn(Fair):
    def remember(self, target):
        self.colour.lerp_(target.mean((0, 2, 3), keepdim=True), 0.5)


class SumsOverSamples(Fair):
    def supervised(self, logits, label):
        return super().supervised(logits, label) * len(logits)


class SaysItIsBatchWise(SumsOverSamples):
    batch_wise = "the sum over samples"


class AveragesWhatDiffers(Fair):
    def remember(self, target):
        super().remember(target)
        self.runtime.average(target.flatten()[: 1 + (target.mean() > BETWEEN)])


class AveragesSamples(Fair):
    def remember(self, target):
        super().remember(target)
        self.runtime.average(target.mean((1, 2, 3)))


class AveragesInOne(Fair):
    def remember(self, target):
        super().remember(target)
        if target.mean() > BETWEEN:
            self.runtime.average(target.mean())


class BackwardAlone(Fair):
    def backward(self, loss):
        loss.backward()


class FollowsTwice(Fair):
    def noise(self, size, iteration):
        if not self.runtime.is_first:
            self.teacher.follow(self.network, iteration)
        return super().noise(size, iteration)


class UpdatesTwice(Fair):
    """Allowed: a meta-learner, whose iterations the trainer refuses to accumulate."""

    def update(self):
        super().update()
        super().update()


_target: Any = subject(Fair).batches[1]["target"]["image"].mean((1, 2, 3))
BETWEEN = float(_target.mean())
"""Between the brightness of the two samples of iteration 1, so that two processes are told apart."""
