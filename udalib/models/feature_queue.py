"""A queue of features and their labels, first in, first out (MoCo; dscl sheet, section 3)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from udalib.core.errors import ConfigError


class FeatureQueue(nn.Module):
    """The keys of the last K images. Buffers are named as published: ``queue`` (D, K), ``main_label_queue`` (1, K).

    Args:
        dim: D.
        length: K.
        num_classes: C, for ``official``.
        official: start with RANDOM labels, as the published code does: wrong positives until the queue has been filled
            once. Otherwise empty places have the label -1, no class; their random features are negatives only.

    Raises:
        ConfigError: the queue would be empty.
    """

    queue: Tensor
    main_label_queue: Tensor
    queue_ptr: Tensor

    def __init__(self, dim: int, length: int, num_classes: int = 1000, *, official: bool = False) -> None:
        super().__init__()
        if length < 1 or dim < 1:
            raise ConfigError(f"a queue of {length} features of {dim} dimensions is empty; give it at least one place.")
        labels = torch.randint(num_classes, (1, length)) if official else torch.full((1, length), -1)
        self.register_buffer("queue", F.normalize(torch.randn(dim, length), dim=0))
        self.register_buffer("main_label_queue", labels)
        self.register_buffer("queue_ptr", torch.zeros(1, dtype=torch.long))

    @property
    def features(self) -> Tensor:
        """(K, D)."""
        return self.queue.T

    @property
    def labels(self) -> Tensor:
        """int64 (K,), -1 where nothing has been put."""
        return self.main_label_queue[0]

    @torch.no_grad()
    def enqueue(self, keys: Tensor, labels: Tensor) -> None:
        """Overwrite the oldest entries by ``keys`` (B, D) with ``labels`` (B,); no wait for the device.

        B need not divide K, which the published code asks for.

        Raises:
            ConfigError: more keys than places.
        """
        count, length = len(keys), self.queue.shape[1]
        if count > length:
            raise ConfigError(
                f"{count} keys do not fit a queue of {length}; make the queue longer or the batch smaller."
            )
        places = (self.queue_ptr + torch.arange(count, device=keys.device)) % length
        self.queue[:, places] = keys.T.to(self.queue.dtype)
        self.main_label_queue[0, places] = labels
        self.queue_ptr.copy_((self.queue_ptr + count) % length)
