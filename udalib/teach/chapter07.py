"""Graders of notebook 07: when a gate opens, the balanced loss, localisation scores, and the two filtered losses."""

from __future__ import annotations

import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from udalib.metrics.error_localization import localization_counts, localization_scores
from udalib.ops.contrastive import pixel_contrast
from udalib.ops.error_localization import localization_loss
from udalib.teach.check import exercise, require, require_close, require_function


@exercise(
    "07.1", "write first_open(main, alphas, num_classes): for each alpha, when a decoder that knows nothing may learn."
)
def _first_open(answer: Any) -> str:
    require_function(answer)
    main = [3.0, 0.5, 0.14, 0.08, 0.05]
    got = list(answer(main, (20.0, 50.0), 19))
    require(len(got) == 2, f"one index for each alpha: 2, got {len(got)}.")
    require(got != [0, 0], "the gate is open where CE_k is at LEAST alpha times the main loss, not at most.")
    require(got[0] == 2, "20 * 0.14 = 2.8 is below ln 19 = 2.94, 20 * 0.5 = 10 is not: alpha 20 opens at index 2.")
    require(got[1] == 4, "50 * 0.05 = 2.5 is the first below 2.94: alpha 50 opens at index 4.")
    require(list(answer([0.5, 0.3], (20.0,), 19)) == [None], "with main losses of 0.5 and 0.3 alpha 20 never opens.")
    require(list(answer([math.log(4)], (1.0,), 4)) == [0], "equal is enough: >=.")
    return "so a main decoder that stays at 0.35 never opens a gate of 20; the small recipes take 5 and 10."


@exercise("07.2", "write balanced_bce(logit, correct, label): ELN's loss, void pixels left out; all are (B, H, W).")
def _balanced_bce(answer: Any) -> str:
    require_function(answer)
    random = torch.Generator().manual_seed(0)
    logit = 2 * torch.randn(2, 3, 5, generator=random)
    correct = torch.rand(2, 3, 5, generator=random) < 0.7
    label = torch.zeros(2, 3, 5, dtype=torch.long)
    label[:, 0] = 255
    correct &= label != 255
    want = localization_loss(logit[:, None], correct, label)
    void = localization_loss(logit[:, None], correct, label, void_is_wrong=True)
    bce = F.binary_cross_entropy_with_logits(logit, correct.float(), reduction="none")
    right, wrong = correct, ~correct & (label != 255)
    ratio = right.sum() / wrong.sum()
    got = answer(logit, correct, label)
    require(not _near(got, void), "a void pixel (255) is neither right nor wrong here: leave it out, of N as well.")
    require(not _near(got, bce[label != 255].mean()), "the wrong pixels are few; let each weigh n1 / n0.")
    require(not _near(got, bce[right].mean() + bce[wrong].mean()), "divide by ALL valid pixels, N, not class by class.")
    upside = (ratio * bce[right].sum() + bce[wrong].sum()) / (label != 255).sum()
    require(not _near(got, upside), "it is the WRONG pixels that weigh n1 / n0.")
    require_close(got, float(want), "the loss")
    everything = torch.ones_like(correct)
    require_close(
        answer(logit, everything, torch.zeros_like(label)), 0.0, "without a wrong pixel n0 is 0, and the loss"
    )
    return "the sum of the two means, times the share of right pixels."


@exercise("07.3", "write localisation(rejected, wrong, valid): precision and recall of wrong pixels, bool (H, W) each.")
def _localisation(answer: Any) -> str:
    require_function(answer)
    rejected = torch.tensor([[1, 1, 1, 0], [0, 0, 0, 0], [0, 0, 1, 1]]).bool()
    wrong = torch.tensor([[1, 1, 0, 1], [1, 1, 0, 0], [0, 0, 1, 1]]).bool()
    valid = torch.ones(3, 4, dtype=torch.bool)
    valid[2, 2:] = False
    got = [float(v) for v in answer(rejected, wrong, valid)]
    require(len(got) == 2, f"two numbers, precision and recall; got {len(got)}.")
    want = _scores(rejected, wrong, valid)
    everywhere = _scores(rejected, wrong, torch.ones_like(valid))
    require(not _same(got, everywhere), "pixels outside `valid` do not count, neither as found nor as wrong.")
    require(not _same(got, want[::-1]), "precision divides by what is REJECTED, recall by what is wrong.")
    right = _scores(~rejected, ~wrong, valid)
    require(not _same(got, right), "those are the scores of RIGHT pixels among the kept; asked is for wrong ones.")
    require(_same(got, want), f"two hits, one false alarm, three misses: 2/3 and 2/5; got {got}.")
    nothing = torch.zeros_like(rejected)
    require(math.isnan(float(answer(nothing, wrong, valid)[0])), "nothing rejected: the precision is not defined, NaN.")
    return "a judge that drops all has recall 1; so neither number says much alone."


@exercise("07.4", "write filtered_loss(logits, pseudo, verdict): cross-entropy over the pixels that the judge accepts.")
def _filtered_loss(answer: Any) -> str:
    require_function(answer)
    random = torch.Generator().manual_seed(1)
    logits = torch.randn(2, 4, 3, 5, generator=random)
    pseudo = torch.randint(4, (2, 3, 5), generator=random)
    verdict = torch.randn(2, 3, 5, generator=random)
    verdict[0] += 0.8
    verdict[0, 0, 0] = 0.0
    loss, accepted = F.cross_entropy(logits, pseudo, reduction="none"), verdict > 0
    got = answer(logits, pseudo, verdict)
    require(not _near(got, loss[~accepted].mean()), "a positive verdict says RIGHT: those pixels are kept.")
    require(not _near(got, (loss * accepted).mean()), "the mean is over the ACCEPTED pixels, not over all.")
    require(not _near(got, loss[verdict > 0.5].mean()), "the verdict is a logit: take its sigmoid before you round.")
    each = torch.stack([one[mask].mean() for one, mask in zip(loss, accepted, strict=True)]).mean()
    require(not _near(got, each), "one mean over the whole batch, not one an image.")
    require(not _near(got, loss[verdict >= 0].mean()), "a sigmoid of exactly 0.5 rounds to the even 0: rejected.")
    require_close(got, float(loss[accepted].mean()), "the loss")
    require_close(answer(logits, pseudo, verdict - 99), 0.0, "where the judge rejects everything the loss")
    return "the published trainer stops there, on NaN."


@exercise("07.5", "write class_contrast(teacher, student, label, c, tau): the loss of class c, vectors (N, D).")
def _class_contrast(answer: Any) -> str:
    require_function(answer)
    random = torch.Generator().manual_seed(2)
    teacher, student = 2 * torch.randn(2, 12, 3, generator=random)
    label = torch.tensor([0, 0, 0, 0, 1, 1, 1, 2, 2, 255, 255, 255])
    got = answer(teacher, student, label, 0, 0.5)
    wants = _contrast(teacher, student, label)
    hints = {
        "swapped": "anchors are the TEACHER's vectors, positives and negatives the student's.",
        "rejected": "rejected pixels (255) are no negatives either.",
        "long": "scale every vector to length 1: it is the cosine that counts.",
        "sum": "divide by the number of anchors.",
        "pixel": "the logarithm of the SUMS over all anchors, once; not one for each anchor.",
    }
    for name, hint in hints.items():
        require(not _near(got, wants[name]), hint)
    require_close(got, float(wants["right"]), "the loss of class 0")
    each = [float(answer(teacher[:9], student[:9], label[:9], c, 0.5)) for c in (0, 1, 2)]
    anchors, others = (x[:9].T.reshape(1, 3, 3, 3) for x in (teacher, student))
    whole = pixel_contrast(anchors, others, label[:9].view(1, 3, 3), [(0, 0)], 3, window=3)
    require_close(sum(each) / 3, float(whole), "the mean over the classes 0, 1 and 2")
    return "a class of few anchors weighs more than one of many: the sum is inside the logarithm, the count outside."


def _contrast(teacher: Tensor, student: Tensor, label: Tensor) -> dict[str, Tensor]:
    """The loss of class 0 at tau 0.5, right and with each typical mistake."""
    own, other, valid = label == 0, (label != 0) & (label != 255), label != 255
    t, s = F.normalize(teacher), F.normalize(student)

    def loss(a: Tensor, b: Tensor, negatives: Tensor) -> Tensor:
        near = torch.exp(a[own] @ b.T / 0.5)
        pos, neg = near[:, own].sum(), near[:, negatives].sum()
        return -torch.log(pos / (pos + neg)) / own.sum()

    near = torch.exp(t[own] @ s.T / 0.5)
    pixel = -torch.log(near[:, own].sum(1) / near[:, valid].sum(1)).mean()
    right = loss(t, s, other)
    mistakes = {"swapped": loss(s, t, other), "rejected": loss(t, s, label != 0), "long": loss(teacher, student, other)}
    return {"right": right, **mistakes, "sum": right * own.sum(), "pixel": pixel}


def _scores(rejected: Tensor, wrong: Tensor, valid: Tensor) -> list[float]:
    """Precision and recall of one image."""
    counts = localization_counts(rejected[None], wrong[None], valid[None])
    return [float(v) for v in localization_scores(counts)[0, :2]]


def _same(got: list[float], want: list[float]) -> bool:
    return all(abs(a - b) < 1e-6 for a, b in zip(got, want, strict=True))


def _near(got: Any, want: Any) -> bool:
    return abs(float(got) - float(want)) < 1e-6
