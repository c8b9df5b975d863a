"""Graders of notebook 14: class sizes, the decoupled loss and its pulls, distillation, sampling by class, groups."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from udalib.core.profiles import exponential_profile
from udalib.metrics.long_tail import long_tail_scores, shot_groups
from udalib.ops.decoupled_contrast import patch_distillation
from udalib.teach.check import exercise, require, require_close, require_function


@exercise("14.1", "write profile(largest, classes, imbalance): class sizes as whole numbers, the largest first.")
def _profile(answer: Any) -> str:
    require_function(answer)
    got, want = list(answer(500, 10, 50)), exponential_profile(500, 10, 50)
    require(len(got) == 10, f"one size a class: 10, got {len(got)}.")
    require(all(int(n) == n for n in got), "pictures come whole: round down.")
    require(got[-1] >= got[0] / 50, "the SMALLEST class is largest / imbalance; the exponent is -c / (classes - 1).")
    require(got[-1] == 10, f"the last class should have 500 / 50 = 10 pictures, got {got[-1]}.")
    straight = [int(500 - 490 * c / 9) for c in range(10)]
    require(got != straight, "the sizes fall by one FACTOR from class to class, not by one difference.")
    require(got == want, f"largest * imbalance ** (-c / (classes - 1)), rounded down: {want}.")
    require(list(answer(5, 3, 100)) == [5, 1, 1], "a class has one picture at least: 5, 1, 1 at imbalance 100.")
    require(list(answer(7, 1, 10)) == [7], "a single class is the largest one.")
    return "so the ten smallest of a hundred classes may hold fewer pictures than the largest one alone."


def _anchor() -> tuple[Tensor, int, Tensor]:
    """Logits over z+ and a queue, the place of z+, and which others are of its class."""
    logits = 3 * torch.randn(8, generator=torch.Generator().manual_seed(0))
    same = torch.zeros(8, dtype=torch.bool)
    same[[2, 5, 6]] = True
    return logits, 1, same


@exercise("14.2", "write dscl(logits, own, same, alpha): the loss of one anchor; own is a place, same bool without it.")
def _dscl(answer: Any) -> str:
    require_function(answer)
    logits, own, same = _anchor()
    log_p = logits.log_softmax(0)
    got, alike = float(answer(logits, own, same, 0.2)), -(log_p[own] + log_p[same].sum()) / 4
    wrong = {
        "that is SCL: z+ and each of P weigh the same.": alike,
        "a mean over P, not a sum: divide by |P|.": -(0.2 * log_p[own] + 0.8 * log_p[same].sum()),
        "alpha is the share of the own view, 1 - alpha that of P.": -(0.8 * log_p[own] + 0.2 * log_p[same].mean()),
        "take log p, the soft-max over ALL entries, not the logits.": -(0.2 * logits[own] + 0.8 * logits[same].mean()),
    }
    for hint, value in wrong.items():
        require(abs(got - float(value)) > 1e-5, hint)
    require_close(got, float(-(0.2 * log_p[own] + 0.8 * log_p[same].mean())), "the loss")
    alone = float(answer(logits, own, torch.zeros_like(same), 0.2))
    require(alone == alone, "where P is empty the mean over P is 0 / 0.")
    require(abs(alone + 0.2 * float(log_p[own])) > 1e-5, "with P empty the weight that is left must be 1, not alpha.")
    require_close(alone, -float(log_p[own]), "with P empty the loss")
    return "the share of the own view no longer depends on the size of the class."


@exercise("14.3", "write ratio(p_own, p_others, alpha): pull of z+ over that of P; p_others (n,) holds p of each of P.")
def _ratio(answer: Any) -> str:
    require_function(answer)
    p_others = torch.tensor([0.02, 0.3, 0.05, 0.01])
    got = float(answer(0.05, p_others, 0.1))
    pull = (p_others - 0.225).abs()
    wrong = {
        "the others' target is (1 - alpha) / n for EACH of the n.": 0.05 / float((p_others - 0.9).abs().sum()),
        "add up the norms over P, not their mean.": 0.05 / float(pull.mean()),
        "norms are positive: what lies above its target pulls the other way, and counts.": 0.05
        / abs(float((p_others - 0.225).sum())),
        "the own view is asked to reach alpha: its pull is |p - alpha|, not p.": 0.05 / float(p_others.sum()),
        "the pull of the own view comes first, over that of P.": float(pull.sum()) / 0.05,
    }
    for hint, value in wrong.items():
        require(abs(got - value) > 1e-6, hint)
    require_close(got, 0.05 / float(pull.sum()), "the ratio")
    require_close(answer(0.0, torch.zeros(7), 0.1), 1 / 9, "at the start, p = 0 everywhere, the ratio")
    require_close(answer(0.1, p_others, 0.1), 0.0, "where p of the own view is alpha, the ratio")
    return "1 / 9 at the start for a class of any size; 1 / |P| it would be with SCL."


@exercise("14.4", "write pbsd(regions, patches, keys, queue, tau): (L, B, D) twice, (B, D), (K, D) -> the loss.")
def _pbsd(answer: Any) -> str:
    require_function(answer)
    random = torch.Generator().manual_seed(1)
    shapes = ((2, 3, 4), (2, 3, 4), (3, 4), (6, 4))
    regions, patches, keys, queue = (F.normalize(torch.randn(s, generator=random), dim=-1) for s in shapes)
    regions.requires_grad_()
    patches.requires_grad_()
    loss = answer(regions, patches, keys, queue, 0.2)
    require(isinstance(loss, Tensor) and loss.ndim == 0, "one number, as a tensor, so that a gradient can flow.")
    got, want = float(loss.detach()), _number(patch_distillation(regions, patches, keys, queue, 0.2))
    without = _cross_entropy(regions @ queue.T / 0.2, patches @ queue.T / 0.2)
    require(abs(got - without) > 1e-5, "the own key belongs to the list as well: 1 + K entries.")
    everyone = torch.cat([keys, queue])
    crowd = _cross_entropy(regions @ everyone.T / 0.2, patches @ everyone.T / 0.2)
    require(abs(got - crowd) > 1e-5, "each picture has its OWN key in the list, not those of the whole batch.")
    swapped = _number(patch_distillation(patches, regions, keys, queue, 0.2))
    require(abs(got - swapped) > 1e-5, "the region is the target, the cut-out patch the student.")
    require(abs(got - 2 * want) > 1e-5, "the mean over patches and pictures: do not add the L patches up.")
    require_close(got, want, "the loss")
    loss.backward()
    require(regions.grad is None, "the target is a constant: detach the regions.")
    return "no label was asked: this is how a wheel of a car may teach a truck."


def _cross_entropy(target: Tensor, student: Tensor) -> float:
    return _number(-(target.softmax(-1) * student.log_softmax(-1)).sum(-1).mean())


def _number(loss: Tensor) -> float:
    return float(loss.detach())


@exercise("14.5", "write balanced(classes, count, generator): places of count pictures, sampled by class.")
def _balanced(answer: Any) -> str:
    require_function(answer)
    classes = torch.tensor([0] * 90 + [3] * 9 + [7])
    got = torch.as_tensor(answer(classes, 3000, torch.Generator().manual_seed(0))).long()
    require(got.shape == (3000,), f"3000 places, got {tuple(got.shape)}.")
    require(bool(((got >= 0) & (got < len(classes))).all()), "places lie in 0 .. N - 1.")
    share = torch.bincount(classes[got], minlength=8) / 3000
    require(float(share[0]) < 0.8, "that is every picture equally often: the class of 90 has nearly all of it.")
    require(float(share[[0, 3, 7]].sum()) > 0.999 and float(share[7]) > 0.2, "every class that occurs, equally often.")
    require(bool((share[[0, 3, 7]] - 1 / 3).abs().max() < 0.05), "the three classes should have a third each.")
    drawn = torch.bincount(got, minlength=len(classes))
    require(bool((drawn[:90] > 0).all()), "inside a class every picture has its turn.")
    again = torch.as_tensor(answer(classes, 3000, torch.Generator().manual_seed(0))).long()
    other = torch.as_tensor(answer(classes, 3000, torch.Generator().manual_seed(1))).long()
    require(bool((got == again).all()) and not bool((got == other).all()), "draw from the generator that is given.")
    return "the one picture of the smallest class was shown a thousand times: balanced is not the same as rich."


@exercise("14.6", "write groups(counts, right, total, many, few): mean class accuracy of many, medium and few, a dict.")
def _groups(answer: Any) -> str:
    require_function(answer)
    counts, right, total = [500, 200, 100, 20, 5], [9, 30, 5, 1, 0], [10, 60, 10, 10, 10]
    got = answer(counts, right, total, 100, 20)
    require(isinstance(got, dict) and {"many", "medium", "few"} <= set(got), 'a dict with "many", "medium", "few".')
    want = long_tail_scores(torch.tensor(right), torch.tensor(total), shot_groups(counts, 100, 20), list("abcde"))
    pooled = 39 / 70
    require(abs(float(got["many"]) - pooled) > 1e-6, "the mean of the CLASSES' accuracies, not pictures pooled.")
    require(abs(float(got["few"]) - 0.05) > 1e-6, "20 pictures are not fewer than 20: that class is medium.")
    require(abs(float(got["many"]) - (0.9 + 0.5 + 0.5) / 3) > 1e-6, "100 pictures are not more than 100: medium.")
    for name in ("many", "medium", "few"):
        require_close(got[name], want[name], f"the accuracy of {name}")
    return "what is head and tail is said by the TRAINING pictures, what is right by the test pictures."
