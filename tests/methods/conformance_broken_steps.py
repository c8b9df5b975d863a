"""Methods whose step breaks one promise each."""

from __future__ import annotations

import random

import numpy as np
import torch
from conformance_toys import Fair  # registered by test_conformance_finds.py
from torch import nn

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
