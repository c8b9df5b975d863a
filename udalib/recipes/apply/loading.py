"""Trained weights as live networks: those of a run folder, or a file that others published."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from udalib.core.errors import CheckpointError, ConfigError
from udalib.data import label_space
from udalib.engine.record.checkpoint import load_weights
from udalib.engine.record.reading import read_run
from udalib.methods import Method
from udalib.models import SegmentationNetwork
from udalib.models.weights.files import find_weights
from udalib.models.weights.load import load_published
from udalib.recipes.build import build_method
from udalib.recipes.networks import build_network
from udalib.recipes.runner import from_record
from udalib.recipes.spec.overrides import apply_overrides
from udalib.recipes.spec.specs import Recipe

WEIGHT_FILES = ("last.ckpt", "best.safetensors")


@dataclass(frozen=True)
class LoadedRun:
    """A run's method with its weights.

    Attributes:
        recipe: how it was trained.
        method: on the device, in eval mode.
        weights: the file.
        config: every setting of the training, see :class:`udalib.engine.TrainConfig`.
    """

    recipe: Recipe
    method: Method
    weights: Path
    config: Mapping[str, Any]


def is_run(path: Path) -> bool:
    """Whether ``path`` is a folder, or one of a run's weight files with its run.json beside it."""
    return path.is_dir() or (path.name in WEIGHT_FILES and (path.parent / "run.json").is_file())


def load_run(
    checkpoint: str | os.PathLike[str], device: torch.device, overrides: Mapping[str, Any] | None = None
) -> LoadedRun:
    """Load a run folder (its final weights), or a last.ckpt or best.safetensors in one.

    ``overrides`` change the recipe (its evaluations, say) before the method is built.

    Raises:
        CheckpointError: there are no weights, no run.json beside them, or they do not fit it.
    """
    weights = _weights_file(Path(checkpoint))
    if not (weights.parent / "run.json").is_file():
        raise CheckpointError(f"{weights} has no run.json beside it, which says what network it belongs to; keep both.")
    data = read_run(weights.parent).data
    recipe = apply_overrides(from_record(data["recipe"]), overrides or {})
    method = build_method(recipe, pretrained=False)
    try:
        method.load_state_dict(load_weights(weights))
    except RuntimeError as error:
        reason = str(error).splitlines()[0]
        raise CheckpointError(f"{weights} does not fit the recipe in its run.json ({reason}); restore both.") from error
    return LoadedRun(recipe, method.eval().to(device), weights, data.get("config", {}))


def _weights_file(path: Path) -> Path:
    if path.is_dir():
        found = [path / name for name in WEIGHT_FILES if (path / name).is_file()]
        if not found:
            raise CheckpointError(f"{path} holds neither {' nor '.join(WEIGHT_FILES)}; give the folder of a run.")
        return found[0]
    if not path.is_file():
        raise CheckpointError(f"there is no checkpoint {path}; give a run folder, a last.ckpt or a best.safetensors.")
    return path


def load_published_network(
    path: str | os.PathLike[str], recipe: Recipe, device: torch.device
) -> tuple[SegmentationNetwork, Path]:
    """Network of ``recipe`` filled from a published file, in eval mode, and where the file was found.

    Raises:
        CheckpointError: the file is unusable, or does not fill this network exactly: it is of another one, or of
            another number of classes.
    """
    weights = find_weights(path)
    classes = label_space(recipe.label_space).num_classes
    network = build_network(recipe.network, classes, pretrained=False)
    remedy = (
        f"The recipe {recipe.name!r} has the network {recipe.network.name} with {network.num_classes} classes; "
        "name the recipe (--recipe) that the file was made for."
    )
    try:
        report = load_published(network, weights)
    except CheckpointError as error:
        raise CheckpointError(f"{error} {remedy}") from error
    if not report.complete:
        raise CheckpointError(f"the weights are of another network: {report}. {remedy}")
    return network.eval().to(device), weights


def find_device(name: str) -> torch.device:
    """Device for predictions: auto, cpu, cuda, cuda:N or mps.

    Raises:
        ConfigError: it cannot be used on this machine.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        raise ConfigError(f"device {name!r} cannot be used ({str(error).splitlines()[0]}); try cpu or auto.") from error
    return device
