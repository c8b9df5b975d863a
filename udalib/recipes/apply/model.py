"""A network with its weights as evaluations use it: a run's, with the settings of the run, or a published one."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from udalib.core.errors import CheckpointError, ConfigError
from udalib.engine.evaluation.inference import Predict, resize_logits
from udalib.engine.evaluation.segmentation import Member
from udalib.methods import Method
from udalib.models import SegmentationNetwork
from udalib.recipes.apply.loading import is_run, load_published_network, load_run
from udalib.recipes.spec.specs import Recipe

HALF_TYPES = {"bf16-mixed": torch.bfloat16, "16-mixed": torch.float16}
PROBE = 64


@dataclass(frozen=True)
class Model:
    """Weights that can be scored, in eval mode on ``device``.

    The published codes differ in what they resize to the label. AdaptSegNet and ADVENT (networks with
    ``align_corners``) resize the raw logits once, straight to the label. mmsegmentation, hence SegFormer and DAFormer,
    resizes them to the predicted image and from there to the label, as the trainer does for all. The two differ only
    where image and label differ in size, and then by little.

    Attributes:
        recipe: says the network.
        weights: the file.
        origin: "run" or "published".
        module: the run's method, or the published network.
        network: gives raw logits; None if the predictions are not simply this network's.
        device: of the module.
        precision: as the run had it: 32-true, bf16-mixed or 16-mixed.
        channels_last: as the run had it; it can change the last bit of a sum.
    """

    recipe: Recipe
    weights: Path
    origin: str
    module: nn.Module
    network: SegmentationNetwork | None
    device: torch.device
    precision: str = "32-true"
    channels_last: bool = False

    @property
    def align_corners(self) -> bool:
        """Corner convention of the network's logits."""
        return bool(getattr(getattr(self.module, "network", self.module), "align_corners", False))

    def gives_raw_logits(self, whole: bool) -> bool:
        """Whether the label gets the raw logits, resized once: whole images of a network with ``align_corners``."""
        return whole and self.align_corners and self.network is not None

    def member(self, whole: bool, weight: float) -> Member:
        """This model in an ensemble; ``whole``: images are predicted at once, not in windows."""
        raw = self.gives_raw_logits(whole)
        return Member(self._raw if raw else self._sized, weight, self.align_corners)

    def _raw(self, images: Tensor) -> Tensor:
        assert self.network is not None  # gives_raw_logits
        return self._logits(self.network, images)

    def _sized(self, images: Tensor) -> Tensor:
        forward = self.module.predict if isinstance(self.module, Method) else self.module
        logits = self._logits(forward, images)
        return resize_logits(logits, (images.shape[-2], images.shape[-1]), self.align_corners)

    def _logits(self, forward: Predict, images: Tensor) -> Tensor:
        if self.channels_last:
            images = images.contiguous(memory_format=torch.channels_last)
        with self._autocast():
            return forward(images).float()

    def _autocast(self) -> AbstractContextManager[Any]:
        half = HALF_TYPES.get(self.precision)
        return torch.autocast(self.device.type, dtype=half, enabled=half is not None)


def load_model(
    checkpoint: Path, device: torch.device, recipe: Recipe | None = None, overrides: Mapping[str, Any] | None = None
) -> Model:
    """Load a run (folder, last.ckpt, best.safetensors) or, with the ``recipe`` that it fits, a published file.

    Without ``recipe``, ``overrides`` change the one in the run.json.

    Raises:
        ConfigError: a published file without a recipe, or a run of another task than segmentation.
        CheckpointError: a file that is missing, unusable or of another network.
    """
    if is_run(checkpoint):
        run = load_run(checkpoint, device, {} if recipe is not None else overrides)
        _check_task(run.recipe, checkpoint)
        channels_last = bool(run.config.get("channels_last", False))
        if channels_last:
            run.method.to(memory_format=torch.channels_last)
        precision, network = run.recipe.train.precision, _network_of(run.method, device)
        return Model(run.recipe, run.weights, "run", run.method, network, device, precision, channels_last)
    if recipe is not None:
        network, weights = load_published_network(checkpoint, recipe, device)
        return Model(recipe, weights, "published", network, network, device, recipe.train.precision)
    if not checkpoint.exists():
        raise CheckpointError(f"there is no checkpoint {checkpoint}; give a run folder, one of its files, or --recipe.")
    raise ConfigError(
        f"{checkpoint} has no run.json beside it that says its network and data; give --recipe NAME (`udalib list`)."
    )


def _check_task(recipe: Recipe, checkpoint: Path) -> None:
    """Refuse a run that predicts no segmentation: the first evaluation says what a recipe is for."""
    for evaluation in recipe.evaluations[:1]:
        if evaluation.task != "segmentation":
            raise ConfigError(
                f"{checkpoint} is a run of {recipe.name}, a recipe of {evaluation.task}; `udalib predict` and `udalib "
                "evaluate` are for segmentation. `udalib report` shows what the run measured."
            )


def _network_of(method: Method, device: torch.device) -> SegmentationNetwork | None:
    """The method's network if ``predict`` does nothing but resize its logits (no teacher, no memory), else None."""
    network = getattr(method, "network", None)
    if not isinstance(network, SegmentationNetwork):
        return None
    probe = torch.linspace(0, 1, 3 * PROBE * PROBE, device=device).view(1, 3, PROBE, PROBE)
    with torch.inference_mode():
        resized = resize_logits(network(probe), (PROBE, PROBE), network.align_corners)
        same = torch.allclose(method.predict(probe), resized, rtol=1e-3, atol=1e-3, equal_nan=True)
    return network if same else None
