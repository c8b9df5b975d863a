"""DSCL, stage 1: features from decoupled contrast and patch-based self-distillation (dscl sheet, 2, 3 and 9.1).

"Decoupled Contrastive Learning for Long-Tailed Recognition", AAAI 2024. The total of an iteration (2.5):

    L = L_dscl + lambda L_pbsd

The second stage is :mod:`udalib.methods.linear_classifier` on the encoder that this one leaves behind.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.optim import Optimizer

from udalib.core.errors import ConfigError
from udalib.core.lazy import LazyModule
from udalib.core.types import Batch, Logs
from udalib.methods.base import Method
from udalib.methods.classification import target_of
from udalib.methods.registry import METHODS
from udalib.methods.shared.teacher import Follower
from udalib.models.feature_queue import FeatureQueue
from udalib.models.network import SegmentationNetwork
from udalib.ops.contrast_views import ViewMaker, Views
from udalib.ops.decoupled_contrast import Positives, alpha_of, contrast_loss, patch_distillation

vision = LazyModule("torchvision.ops")


class Embedding(nn.Module):
    """An encoder with a projection head: images to unit vectors (B, D), regions of its last map to unit vectors."""

    def __init__(self, network: SegmentationNetwork, fc: nn.Module) -> None:
        super().__init__()
        self.network = network
        self.fc = fc

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Embeddings (B, D) and the last map (B, C, h, w) of images (B, 3, H, W)."""
        last = self.network.features(images)[-1]
        return self.project(last.mean((2, 3))), last

    def project(self, pooled: Tensor) -> Tensor:
        """(B, C) -> (B, D) of length 1, float32 or wider."""
        raw = self.fc(pooled)
        with torch.autocast(raw.device.type, enabled=False):
            return F.normalize(raw if raw.dtype == torch.float64 else raw.float(), dim=1)

    def regions(self, last: Tensor, boxes: Tensor, width: int) -> Tensor:
        """Boxes (L, B, 4) in pixels of images ``width`` wide -> (L, B, D): the mean of 2 x 2 samples of each region."""
        last = last if last.dtype == torch.float64 else last.float()
        number = torch.arange(len(last), device=last.device, dtype=last.dtype)[:, None]
        scale = last.shape[-1] / width
        pooled = [vision.roi_align(last, torch.cat([number, b.to(last)], 1), (2, 2), scale).mean((2, 3)) for b in boxes]
        return torch.stack([self.project(p) for p in pooled])


@METHODS.register("dscl")
class DSCL(Method):
    """Momentum contrast with a labelled queue; :meth:`predict` votes by the nearest entries of that queue.

    Args:
        network: its encoder is trained; the decoder is not run.
        optimizer: of the network; the projection head joins it with the optimiser's own rate and decay.
        num_classes: C.
        stream: labelled stream whose batches hold ``image`` and ``target`` int64 (B,).
        dim, queue: D and K.
        temperature: tau.
        momentum: of the key encoder, which moves before the keys are made.
        beta: weight of the class's other images against 1 of the own view, alpha = 1 / (1 + beta); 8 is released.
        positives: "decoupled" (DSCL) or "alike" (SCL, whatever beta).
        patch_weight: lambda; 0 leaves the distillation and its passes out.
        view, patches, patch_size: size of the views, L, side of a patch.
        official: random labels in the empty queue, as published.

    Raises:
        ConfigError: the network has no encoder with features, or an option is out of range.
    """

    title: ClassVar[str] = "DSCL"
    untrained = ("network.decoder.",)
    batch_wise = "every query is contrasted with the queries and keys of its own process, beside the common queue"

    def __init__(
        self,
        network: SegmentationNetwork,
        optimizer: Optimizer,
        num_classes: int,
        stream: str = "labelled",
        dim: int = 128,
        queue: int = 65536,
        temperature: float = 0.07,
        momentum: float = 0.999,
        beta: float = 8.0,
        positives: Positives = "decoupled",
        patch_weight: float = 1.5,
        view: tuple[int, int] = (224, 224),
        patches: int = 5,
        patch_size: int = 64,
        official: bool = False,
    ) -> None:
        super().__init__()
        if not isinstance(network, SegmentationNetwork):
            raise ConfigError(f"dscl trains the encoder of a SegmentationNetwork, got a {type(network).__name__}.")
        if beta < 0 or patch_weight < 0 or not 0 <= momentum < 1 or positives not in ("decoupled", "alike"):
            raise ConfigError(
                f"beta {beta} and patch_weight {patch_weight} must not be negative, momentum {momentum} lie in "
                f"[0, 1) and positives {positives!r} be decoupled or alike."
            )
        self.network = network
        width = network.feature_channels[-1]
        self.projection = nn.Sequential(nn.Linear(width, width), nn.ReLU(), nn.Linear(width, dim))
        self.key = Follower(self.query, momentum)
        self.queue = FeatureQueue(dim, queue, num_classes, official=official)
        self.optimizer, self.streams, self.num_classes = optimizer, (stream,), num_classes
        self.temperature, self.alpha = temperature, alpha_of(beta)
        self.positives: Positives = positives
        self.patch_weight = patch_weight
        self.views = ViewMaker((view[0], view[1]), patches if patch_weight else 0, patch_size)
        optimizer.add_param_group({"params": list(self.projection.parameters()), "name": "projection"})

    @property
    def query(self) -> Embedding:
        """The trained encoder with its head; the state has them once, as ``network`` and ``projection``."""
        return Embedding(self.network, self.projection)

    def optimizers(self) -> dict[str, Optimizer]:
        """One optimiser, "main", of encoder and projection head."""
        return {"main": self.optimizer}

    def step(self, batches: Mapping[str, Batch], iteration: int) -> Logs:
        """Views, momentum update, both losses, enqueue, one update; logs ``loss``, ``loss_contrast``, ``loss_patches``.

        The keys of all processes go into one queue, the same everywhere; BatchNorm of the key encoder sees those of its
        own process (the published code shuffles them between processes).

        Raises:
            DataError: the batch has no ``target`` (B,) of whole numbers.
        """
        batch = batches[self.streams[0]]
        target = target_of(batch, self.streams[0], "streets/crops")
        views = self.views(batch["image"], self.runtime.draws("views", iteration, len(target)))
        self.runtime.zero_grad(self.optimizer)
        with self.runtime.autocast():
            seen = self.embed(views)
        contrast, patches = self.losses(seen, target)
        self.queue.enqueue(self.runtime.gather_rows(seen["key"]), self.runtime.gather_rows(target))
        loss = contrast + self.patch_weight * patches
        self.runtime.backward(loss)
        self.runtime.optimizer_step(self.optimizer)
        return {"loss": loss.detach(), "loss_contrast": contrast.detach(), "loss_patches": patches.detach()}

    def embed(self, views: Views) -> dict[str, Tensor]:
        """``query`` and ``key`` (B, D), ``regions`` and ``patches`` (L, B, D), all of length 1.

        Patches go through the encoder one index at a time, so that BatchNorm sees each by itself. The key encoder moves
        before it is used, with the weights that the last update left.
        """
        query, last = self.query(views.query)
        seen = {
            "query": query,
            "regions": query.new_empty(0, *query.shape),
            "patches": query.new_empty(0, *query.shape),
        }
        if len(views.boxes):
            with torch.no_grad():
                seen["regions"] = self.query.regions(last, views.boxes, views.query.shape[-1])
            seen["patches"] = torch.stack([self.query(patch)[0] for patch in views.patches])
        with torch.no_grad():
            if self.runtime.is_first:
                self.key.follow(self.query, None)
            seen["key"] = self.key.network(views.key)[0]
        return seen

    def losses(self, seen: Mapping[str, Tensor], target: Tensor) -> tuple[Tensor, Tensor]:
        """Contrast (2.2, 2.3) and distillation (2.4), against the queue as it was before this iteration."""
        features = torch.cat([seen["query"], seen["key"], self.queue.features.clone().to(seen["key"])])
        labels = torch.cat([target, target, self.queue.labels])
        options: dict[str, Any] = {"alpha": self.alpha, "positives": self.positives}
        contrast = contrast_loss(features, labels, len(target), temperature=self.temperature, **options)
        stored = features[2 * len(target) :]
        distilled = patch_distillation(seen["regions"], seen["patches"], seen["key"], stored, self.temperature)
        return contrast, distilled

    def predict(self, images: Tensor) -> Tensor:
        """Logits (B, C): log of each class's mean exp(similarity / tau) in the queue; a check, not the second stage."""
        query, labels = self.query(images)[0], self.queue.labels
        member = (labels[:, None] == torch.arange(self.num_classes, device=labels.device)).to(query.dtype)
        score: Tensor = (query @ self.queue.features.to(query).T / self.temperature).exp() @ member
        logits: Tensor = (score / member.sum(0).clamp(min=1)).clamp(min=1e-12).log()
        return logits
