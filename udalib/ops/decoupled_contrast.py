"""Decoupled contrastive learning for long tails: DSCL, SCL beside it, and patch-based self-distillation.

"Decoupled Contrastive Learning for Long-Tailed Recognition", AAAI 2024 (dscl sheet, section 2). An anchor z has two
kinds of positives: z+, its own other view, and P, the other images of its class. Supervised contrastive learning (SCL)
treats all alike, so that P outweighs z+ by |P|, much for the head and little for the tail. DSCL fixes the shares,

    L = -[ alpha log p(z+) + (1 - alpha) / |P| sum over P of log p(z_t) ]
    p(z_t) = exp(z.z_t / tau) / sum over m of exp(z.z_m / tau)

The released code has beta with alpha = 1 / (1 + beta).

Legend: B queries, N features in all, K queue entries, D dimensions, L patches.
"""

from __future__ import annotations

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from udalib.core.errors import ConfigError
from udalib.ops.losses import at_least_float32

Positives = Literal["decoupled", "alike"]


def alpha_of(beta: float) -> float:
    """Share alpha of the own view from the released code's beta.

    >>> alpha_of(9.0)
    0.1
    """
    if beta < 0:
        raise ConfigError(f"beta is {beta}; the weight of the class's other images is 0 or more.")
    return 1 / (1 + beta)


def contrast_loss(
    features: Tensor,
    labels: Tensor,
    queries: int,
    *,
    temperature: float = 0.07,
    alpha: float = 0.1,
    positives: Positives = "decoupled",
) -> Tensor:
    """DSCL, or SCL with ``positives="alike"``, averaged over the queries.

    The contrast set of a query is everything but itself: other queries, all keys, the queue (the paper: own key and
    queue). P is what has its label there, without its own key. A query whose P is empty (a class with one image)
    has the
    loss -log p(z+), not alpha times that: the weights that are there are scaled to the sum 1.

    Args:
        features: (N, D) of length 1: B queries, then their B keys in the same order, then the queue.
        labels: int (N,); negative = no class (an entry of the queue that nothing has filled).
        queries: B.
        temperature: tau.
        alpha: share of z+ in [0, 1].
        positives: "decoupled" as above, "alike": z+ and every entry of P weigh the same.

    Returns:
        Scalar, float32 or wider; 0 without queries.

    Raises:
        ConfigError: sizes that do not fit, or alpha or tau out of range.
    """
    _check(features, labels, queries, temperature, alpha)
    if queries == 0:
        return features.sum() * 0
    features, own = at_least_float32(features), torch.arange(queries, device=features.device)
    with torch.autocast(features.device.type, enabled=False):
        logits = features[:queries] @ features.T / temperature
        itself = torch.zeros_like(logits, dtype=torch.bool)
        itself[own, own] = True
        logits = logits.masked_fill(itself, float("-inf"))
        log_p = (logits - logits.logsumexp(1, keepdim=True)).masked_fill(itself, 0.0)
        weight = positive_weights(labels, queries, alpha, positives).to(log_p.dtype)
        return -(weight * log_p).sum(1).mean()


def positive_weights(labels: Tensor, queries: int, alpha: float, positives: Positives = "decoupled") -> Tensor:
    """Weight of every feature for every query, (B, N), each row with the sum 1; see :func:`contrast_loss`."""
    own = torch.arange(queries, device=labels.device)
    same = ((labels[:queries, None] == labels[None]) & (labels[None] >= 0)).float()
    same[own, own] = 0
    same[own, own + queries] = 0
    count = same.sum(1, keepdim=True)
    if positives == "alike":
        weight = same / (count + 1)
        share = 1 / (count[:, 0] + 1)
    else:
        weight = same * (1 - alpha) / count.clamp(min=1)
        share = torch.where(count[:, 0] > 0, alpha, 1.0)
    weight[own, own + queries] = share
    return weight


def patch_distillation(
    regions: Tensor, patches: Tensor, keys: Tensor, queue: Tensor, temperature: float = 0.07
) -> Tensor:
    """Patch-based self-distillation (PBSD): the embedded crop of a patch must see what its region sees.

    Target: the similarities of the region's feature (taken from the whole view) to the own key and the queue, through a
    softmax, without gradient; student: those of the crop that went through the encoder by itself. Cross-entropy,
    mean over
    patches and images. Labels play no part.

    Args:
        regions: (L, B, D) of length 1.
        patches: (L, B, D) of length 1, the only ones with a gradient.
        keys: (B, D).
        queue: (K, D).
        temperature: tau.

    Returns:
        Scalar, float32 or wider; 0 without patches.

    Raises:
        ConfigError: sizes that do not fit.
    """
    if regions.shape != patches.shape or regions.ndim != 3 or keys.shape != regions.shape[1:]:
        raise ConfigError(
            f"regions {tuple(regions.shape)}, patches {tuple(patches.shape)} and keys {tuple(keys.shape)} do not fit; "
            "expected (L, B, D) twice and (B, D)."
        )
    if patches.numel() == 0:
        return patches.sum() * 0
    with torch.autocast(patches.device.type, enabled=False):
        target = _similarities(regions.detach(), keys, queue) / temperature
        student = _similarities(patches, keys, queue) / temperature
        return -(target.softmax(-1) * F.log_softmax(student, -1)).sum(-1).mean()


def _similarities(x: Tensor, keys: Tensor, queue: Tensor) -> Tensor:
    """(L, B, D) -> (L, B, 1 + K): to the own key, then to the queue."""
    x, keys, queue = at_least_float32(x), at_least_float32(keys), at_least_float32(queue)
    return torch.cat([(x * keys).sum(-1, keepdim=True), x @ queue.T], dim=-1)


def _check(features: Tensor, labels: Tensor, queries: int, temperature: float, alpha: float) -> None:
    if features.ndim != 2 or labels.shape != features.shape[:1] or not 0 <= 2 * queries <= len(features):
        raise ConfigError(
            f"{queries} queries in features {tuple(features.shape)} with labels {tuple(labels.shape)}; expected "
            "(N, D) and (N,), where N counts the queries, as many keys, and the queue."
        )
    if temperature <= 0 or not 0 <= alpha <= 1:
        raise ConfigError(f"temperature {temperature} must be positive and alpha {alpha} lie in [0, 1].")
