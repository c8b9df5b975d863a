"""Graders of notebook 03: the two players' losses, what the discriminator sees, entropy, and honest reporting."""

from __future__ import annotations

import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from udalib.ops.entropy import class_ratio_loss, self_information
from udalib.teach.check import exercise, require, require_close, require_function


@exercise(
    "03.1",
    "write losses(source, target): from raw outputs of D, (the network's adversarial loss, the loss of D), vanilla.",
)
def _losses(answer: Any) -> str:
    require_function(answer)
    source, target = torch.full((2, 1, 2, 4), -1.0), torch.full((2, 1, 2, 4), 3.0)
    outputs = answer(source, target)
    require(len(outputs) == 2, f"return two losses, the network's and D's; got {len(outputs)}.")
    network, discriminator = (float(value) for value in outputs)
    soft = math.log(1 + math.exp(-1)), math.log(1 + math.exp(3)), math.log(1 + math.exp(-3))
    require(
        abs(network - soft[2]) > 1e-4,
        "the network's loss tells D's own label: it wants target outputs to be called SOURCE (0), not TARGET (1).",
    )
    require_close(network, soft[1], "the network's loss for a D that says 3 of the target (sure of TARGET)")
    require(
        abs(discriminator - soft[0] - soft[2]) > 1e-4,
        "each half of D's loss counts 1/2; an undecided D then has 0.69, not 1.39.",
    )
    require_close(discriminator, (soft[0] + soft[2]) / 2, "D's loss for -1 on the source and 3 on the target")
    return "the network's loss looks at the target only: on the source it has labels, and they are the better teacher."


@exercise(
    "03.2", "write largest_depth(height, share): the deepest D (4x4, stride 2) that sees at most share of the height."
)
def _largest_depth(answer: Any) -> str:
    require_function(answer)
    for height, share, want in ((512, 94 / 512, 5), (512, 0.25, 5), (64, 0.35, 3), (64, 94 / 512, 2), (1024, 0.2, 6)):
        require_close(answer(height, share), want, f"largest_depth({height}, {share:.4g})", tolerance=0)
    return "one layer more doubles the field, so the published depth fits the published size and no other."


@exercise("03.3", "write self_information(p): -p log2 p / log2 C of a (B, C, H, W) soft-max map, without NaN at p = 0.")
def _self_information(answer: Any) -> str:
    require_function(answer)
    sure = torch.zeros(1, 4, 1, 1)
    sure[:, 0] = 1
    got = answer(sure)
    require(tuple(got.shape) == (1, 4, 1, 1), f"all C channels are kept: (1, 4, 1, 1), got {tuple(got.shape)}.")
    require(bool(torch.isfinite(got).all()), "p = 0 gives 0 x minus infinity = NaN: add 1e-30 inside the logarithm.")
    p = torch.randn(2, 5, 3, 4, generator=torch.Generator().manual_seed(0)).softmax(1)
    got, want = answer(p), self_information(p)
    for factor in (math.log2(5), math.log(5)):
        require(not _close(got, want * factor), "divide by log2 C, so that the uniform distribution sums to 1.")
    require(_close(got, want), "each channel is -p_c log2(p_c) / log2(C); the sign or one of the bases does not fit.")
    return "one channel is at most 0.531 / log2 C: D sees small numbers, 0.125 at most for 19 classes."


@exercise(
    "03.4", "write entropy_gradient(z): dH/dz for logits z (N, C), H = -sum p ln p of p = softmax(z), without autograd."
)
def _entropy_gradient(answer: Any) -> str:
    require_function(answer)
    z = torch.tensor([[2.0, 0.5, -1.0], [0.0, 0.0, 0.0], [9.0, 0.0, -3.0]], requires_grad=True)
    p = F.softmax(z, dim=1)
    entropy = -(p * p.log()).sum(dim=1)
    (want,) = torch.autograd.grad(entropy.sum(), z)
    got = torch.as_tensor(answer(z.detach()))
    require(tuple(got.shape) == (3, 3), f"one number for each logit: (3, 3), got {tuple(got.shape)}.")
    by_p = (-(p.log() + 1)).detach()
    require(
        not _close(got, by_p), "that is the gradient for p; the softmax comes after the logits: apply its Jacobian."
    )
    require(not _close(got, -want), "the sign is turned: MinEnt steps AGAINST this gradient.")
    require(_close(got, want), "d H / d z_c = -p_c (ln p_c + H), with H of the same pixel.")
    return "zero for the uniform pixel and for the certain one, largest between: MinEnt moves what is nearly decided."


@exercise(
    "03.5", "write class_ratio_loss(p, ratios, mu): sum over c of relu(mu ratios_c - mean of p_c), p (B, C, H, W)."
)
def _class_ratio(answer: Any) -> str:
    require_function(answer)
    p = torch.tensor([0.7, 0.3, 0.0])[None, :, None, None].repeat(2, 1, 3, 4)
    ratios = torch.tensor([0.5, 0.3, 0.2])
    require(
        abs(float(answer(p, ratios, 1.0)) - 0.4) > 1e-4,
        "class 0 is larger than its ratio, and that is allowed: relu, not the absolute value.",
    )
    require_close(answer(p, ratios, 1.0), 0.2, "the loss for shares 0.7, 0.3, 0 and ratios 0.5, 0.3, 0.2")
    require_close(answer(p, ratios, 0.5), 0.1, "the same with mu = 0.5")
    require_close(answer(p, ratios, 0.0), 0.0, "mu = 0 switches the prior off, so the loss")
    mixed = torch.randn(2, 3, 4, 4, generator=torch.Generator().manual_seed(1)).mul(3).softmax(1)
    want = float(class_ratio_loss(mixed, ratios, 1.0))
    require_close(answer(mixed, ratios, 1.0), want, "the mean runs over the whole batch; on random maps the loss")
    return "one-sided on purpose: it only keeps classes from disappearing."


@exercise(
    "03.6", "write selection_bonus(curves): best evaluation minus the last one, mean over seeds; curves: a list a seed."
)
def _selection_bonus(answer: Any) -> str:
    require_function(answer)
    curves = [[10.0, 30.0, 25.0], [10.0, 20.0, 26.0]]
    got = answer(curves)
    require_close(answer([[1.0, 2.0, 3.0]]), 0.0, "the bonus of a curve that ends at its best")
    require(abs(float(got)) > 1e-4, "everybody picks a snapshot for each run: take the best before the mean.")
    require_close(got, 2.5, "the bonus of [[10, 30, 25], [10, 20, 26]], 5 and 0 points,")
    return "what one gets by choosing the snapshot with target labels, which in this task nobody has."


def _close(got: Any, want: Tensor) -> bool:
    return tuple(got.shape) == tuple(want.shape) and bool(torch.allclose(got, want.detach(), atol=1e-5))
