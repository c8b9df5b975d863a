"""Graders of notebook 10: reading, writing and keeping items apart, and the two orders of the meta-gradient."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from udalib.ops.memory import ClassSums, divergence_loss, similarity, unit_features, written
from udalib.teach.check import exercise, require, require_close, require_function


def _alike(got: Any, want: Tensor) -> bool:
    got = torch.as_tensor(got)
    return got.shape == want.shape and bool(torch.allclose(got.double(), want.double(), atol=1e-5))


@exercise("10.1", "write reading(feature, items): weights (B, K, h, w) of features (B, D, h, w) over items (K, D).")
def _reading(answer: Any) -> str:
    require_function(answer)
    random = torch.Generator().manual_seed(0)
    feature = 3 * torch.rand(2, 5, 3, 4, generator=random)
    items = F.normalize(torch.randn(6, 5, generator=random), dim=1)
    scores = similarity(unit_features(feature), items)
    got = answer(feature, items)
    require(torch.as_tensor(got).shape == scores.shape, f"the weights are (B, K, h, w), here {tuple(scores.shape)}.")
    long = torch.einsum("bdhw,kd->bkhw", feature, items).softmax(1)
    require(not _alike(got, long), "scale each pixel's feature to length 1 first: scores are cosines.")
    require(not _alike(got, scores), "those are the scores; the weights are their soft-max.")
    pixels = scores.flatten(2).softmax(2).view_as(scores)
    require(not _alike(got, pixels), "the soft-max runs over the ITEMS, at each pixel.")
    require(_alike(got, scores.softmax(1)), "the weights should be the soft-max over the items of the cosines.")
    return "no weight can be more than e^2 = 7.4 times another, since cosines lie in [-1, 1]."


@exercise("10.2", "write write(items, total, weight, m): the items (K, D) after a write of class sums, m the momentum.")
def _write(answer: Any) -> str:
    require_function(answer)
    random = torch.Generator().manual_seed(1)
    items = F.normalize(torch.rand(4, 3, generator=random), dim=1)
    weight = torch.tensor([2.0, 0.0, 0.25, 7.0])
    total = torch.rand(4, 3, generator=random) * weight[:, None]
    got = answer(items, total, weight, 0.8)
    want = written(items, ClassSums(total, weight), 0.8)
    require(not bool(torch.isnan(torch.as_tensor(got)).any()), "class 1 has no weight: its item is kept, not 0 / 0.")
    require(not _alike(got, written(items, ClassSums(total, weight), 0.2)), "m is the share of the OLD item.")
    mean = total / weight.clamp(min=1e-9)[:, None]
    moved = torch.where(weight[:, None] > 0, 0.8 * items + 0.2 * mean, items)
    require(not _alike(got, moved), "scale every item to length 1 at the end.")
    summed = F.normalize(0.8 * items + 0.2 * total, dim=1)
    require(not _alike(got, summed), "write the class MEAN, total / weight, not the sum.")
    require(_alike(got, want), "item <- unit(m * item + (1 - m) * total / weight) for the classes that were seen.")
    return "a weight of 0.25, a border of a pixel, moves its item as far as a whole street does."


@exercise("10.3", "write divergence(items): the mean positive cosine over ordered pairs of different items (K, D).")
def _divergence(answer: Any) -> str:
    require_function(answer)
    items = F.normalize(torch.randn(5, 3, generator=torch.Generator().manual_seed(2)), dim=1)
    cosines = items @ items.T
    count = len(items)
    got = float(answer(items))
    off = cosines - torch.diag(cosines.diagonal())
    wrong = {
        "leave the diagonal out: an item is always like itself.": F.relu(cosines).sum() / (count * (count - 1)),
        "divide by the number of pairs, K (K - 1), not by K K.": F.relu(off).sum() / count**2,
        "a negative cosine counts as 0.": off.sum() / (count * (count - 1)),
        "a negative cosine counts as 0, not by its size.": off.abs().sum() / (count * (count - 1)),
        "the mean over the pairs, not the sum.": F.relu(off).sum(),
    }
    for hint, value in wrong.items():
        require(abs(got - float(value)) > 1e-6, hint)
    require_close(got, float(divergence_loss(items)), "the divergence")
    return "after a ReLU all cosines are positive, so nothing is cut off in practice."


def _quadratic() -> tuple[Tensor, Tensor, Any, Any, float]:
    """A point, the Hessian of L_in, both gradients, and a rate."""
    inner = torch.tensor([[3.0, 1.0], [1.0, 2.0]])
    outer = torch.tensor([[1.0, -0.5], [-0.5, 2.0]])
    return (
        torch.tensor([1.0, -2.0]),
        inner,
        lambda x: inner @ x,
        lambda x: outer @ (x - torch.tensor([0.5, 1.0])),
        0.1,
    )


@exercise("10.4", "write first_order(theta, grad_in, grad_out, xi): what the published code hands to its optimiser.")
def _first_order(answer: Any) -> str:
    require_function(answer)
    theta, _, grad_in, grad_out, xi = _quadratic()
    inner = grad_in(theta)
    got = answer(theta, grad_in, grad_out, xi)
    require(not _alike(got, inner + grad_out(theta)), "the outer gradient is taken at theta - xi grad_in(theta).")
    require(not _alike(got, grad_out(theta - xi * inner)), "the inner gradient counts as well: they ADD up.")
    require(not _alike(got, inner + grad_out(theta + xi * inner)), "the inner step goes DOWN: theta - xi * gradient.")
    require(_alike(got, inner + grad_out(theta - xi * inner)), "grad_in(theta) + grad_out(theta - xi grad_in(theta)).")
    return "theta' enters as if it were a constant away from theta."


@exercise("10.5", "write second_order(theta, grad_in, hessian_in, grad_out, xi): the gradient of L_in + L_out(theta').")
def _second_order(answer: Any) -> str:
    require_function(answer)
    theta, hessian, grad_in, grad_out, xi = _quadratic()
    inner = grad_in(theta)
    outer = grad_out(theta - xi * inner)
    got = answer(theta, grad_in, hessian, grad_out, xi)
    require(not _alike(got, inner + outer), "that is the first order: theta' depends on theta through grad_in, too.")
    require(not _alike(got, inner + outer + xi * hessian @ outer), "theta' = theta - xi grad_in: mind the sign.")
    require(not _alike(got, inner + outer - hessian @ outer), "xi belongs to the second-order term, too.")
    require(_alike(got, inner + outer - xi * hessian @ outer), "grad_in + (1 - xi H_in) grad_out(theta').")
    return "with xi = 0.0025 and a moderate curvature the two orders can hardly be told apart."
