"""Who pulls an anchor: the gradient that its own view has against that of the other pictures of its class.

Dscl sheet, section 2.2. With z the anchor, w_t the weight of a positive and p(z_t|z) its probability among the own key
and the queue, the gradient of the loss towards z is a sum over all entries,

    dL/dz = 1/tau sum over t of (p(z_t|z) - w_t) z_t        (w_t = 0 for other classes)

so that an entry of length 1 pulls, or pushes, with |p - w| / tau.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from udalib.core.errors import ConfigError
from udalib.ops.decoupled_contrast import Positives, positive_weights


@dataclass(frozen=True)
class Anchors:
    """Anchors with what they are contrasted with; all vectors have length 1.

    Attributes:
        anchors, own: (B, D), and the key of the other view of each.
        labels: int64 (B,).
        queue: (K, D).
        queue_labels: int64 (K,), negative = no class.
    """

    anchors: Tensor
    own: Tensor
    labels: Tensor
    queue: Tensor
    queue_labels: Tensor

    def features(self, place: int) -> tuple[Tensor, Tensor]:
        """What :func:`udalib.ops.decoupled_contrast.contrast_loss` takes for one anchor: (2 + K, D) and (2 + K,)."""
        one = slice(place, place + 1)
        labels = torch.cat([self.labels[one], self.labels[one], self.queue_labels])
        return torch.cat([self.anchors[one], self.own[one], self.queue]), labels


@dataclass(frozen=True)
class Pulls:
    """What acts on each of B anchors.

    Attributes:
        count: int64 (B,), |P|.
        own: (B,), norm of the part of dL/dz that z+ has.
        others: (B,), the sum of these norms over P.
        probability: (B,), p(z+|z).
    """

    count: Tensor
    own: Tensor
    others: Tensor
    probability: Tensor

    @property
    def ratio(self) -> Tensor:
        """(B,), own over others; infinite without P."""
        return self.own / self.others


def start_ratio(count: int, alpha: float, positives: Positives) -> float:
    """Ratio of the two pulls where all p are near 0: 1 / |P| for SCL, alpha / (1 - alpha) for DSCL.

    >>> start_ratio(50, 0.1, "alike"), round(start_ratio(50, 0.1, "decoupled"), 3)
    (0.02, 0.111)

    Raises:
        ConfigError: no other picture of the class, or an alpha that leaves it no weight.
    """
    if count < 1 or not 0 <= alpha < 1:
        raise ConfigError(f"|P| = {count} at alpha {alpha}: the ratio needs |P| of 1 or more and alpha in [0, 1).")
    return 1 / count if positives == "alike" else alpha / (1 - alpha)


def pulls(given: Anchors, *, temperature: float, alpha: float, positives: Positives) -> Pulls:
    """The pulls on each anchor, by the formula above.

    Raises:
        ConfigError: a temperature that is not positive.
    """
    if temperature <= 0:
        raise ConfigError(f"the temperature is {temperature}; it must be positive.")
    rows = [_pull(*given.features(place), temperature, alpha, positives) for place in range(len(given.labels))]
    count, own, others, probability = (torch.stack(column) for column in zip(*rows, strict=True))
    return Pulls(count, own, others, probability)


def _pull(
    features: Tensor, labels: Tensor, temperature: float, alpha: float, positives: Positives
) -> tuple[Tensor, ...]:
    weight = positive_weights(labels, 1, alpha, positives)[0, 1:]
    p = (features[1:] @ features[0] / temperature).softmax(0)
    norm, same = (p - weight).abs() / temperature, labels[2:] == labels[0]
    return same.sum(), norm[0], norm[1:][same].sum(), p[0]


def random_anchors(counts: Sequence[int], seed: int, *, cosine: float = 0.0, dim: int = 128) -> Anchors:
    """One anchor a class among random directions, as a network that knows nothing spreads them.

    Args:
        counts: entries of each class in the queue.
        seed: of all directions.
        cosine: of each anchor and its own key.
        dim: D; 128 is published.

    Raises:
        ConfigError: the queue would be empty, or the cosine lies outside [-1, 1].
    """
    if sum(counts) < 1 or not -1 <= cosine <= 1:
        raise ConfigError(f"classes of {list(counts)} entries, cosine {cosine}: give an entry and a cosine in [-1, 1].")
    random, classes = torch.Generator().manual_seed(seed), torch.arange(len(counts))
    anchors, other, queue = (
        F.normalize(torch.randn(n, dim, generator=random), dim=1) for n in (len(counts), len(counts), sum(counts))
    )
    across = F.normalize(other - (other * anchors).sum(1, keepdim=True) * anchors, dim=1)
    own = cosine * anchors + (1 - cosine**2) ** 0.5 * across
    return Anchors(anchors, own, classes, queue, classes.repeat_interleave(torch.tensor(list(counts))))
