"""Methods that break one promise each of what they keep, predict, or do with a part of a batch."""

from __future__ import annotations

import random

import numpy as np
import torch
import torch.nn.functional as F
from conformance_toys import Fair, subject  # registered by test_conformance_finds.py

_target = subject(Fair).batches[1]["target"]["image"].mean((1, 2, 3))
BETWEEN = float(_target.mean())
"""Between the brightness of the two samples of iteration 1, so that two processes are told apart."""


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
