"""Pixel features of finished runs, on the source and target images that their recipe evaluates on."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch

from udalib.analysis.features.pixels.gather import gather
from udalib.analysis.features.pixels.look import Subject
from udalib.analysis.features.pixels.points import PixelFeatures
from udalib.analysis.features.pixels.sampling import Sampling
from udalib.core.errors import ConfigError
from udalib.data.labels import label_space
from udalib.engine.record.reading import read_run
from udalib.recipes import Recipe
from udalib.recipes.apply.evaluate import choose_evaluation
from udalib.recipes.apply.loading import find_device
from udalib.recipes.apply.model import Model, load_model
from udalib.recipes.apply.predictor import Numbering
from udalib.recipes.build import build_evaluator

DOMAINS = ("source", "target")


def collect(
    runs: Sequence[str | os.PathLike[str]],
    layers: Sequence[str] = ("decoder",),
    sampling: Sampling = Sampling(),  # noqa: B008 (immutable)
    *,
    domains: Sequence[str] = DOMAINS,
    images: int = 100,
    recipe: Recipe | None = None,
    device: str = "auto",
) -> PixelFeatures:
    """Load ``runs`` and look at the same pixels of the same images in each.

    Images are predicted whole, also where the recipe evaluates in windows. They are those of the first run's recipe,
    whatever the others were evaluated on.

    Args:
        runs: run folders (final weights), last.ckpt or best.safetensors; published files with their ``recipe``.
        layers: see :func:`udalib.analysis.features.layer_names`.
        sampling: which points.
        domains: names of the recipe's evaluations, the source first.
        images: of each, at most.
        recipe: of published files, and whose images are taken then.
        device: auto, cpu, cuda, cuda:N or mps.

    Raises:
        UnknownNameError: a layer, class or evaluation that is not there.
        ConfigError: no run, or runs of unlike classes.
        CheckpointError: weights that are missing or unusable.
        DataError: too few points of a class, or features with NaN.
    """
    if not runs:
        raise ConfigError("no run was given; name one or more run folders.")
    place = find_device(device)
    models = [load_model(Path(run), place, recipe) for run in runs]
    first = recipe or models[0].recipe
    for model in models:
        if model.recipe.label_space != first.label_space:
            raise ConfigError(
                f"{model.weights} predicts the classes of {model.recipe.label_space}, {models[0].weights} those of "
                f"{first.label_space}; only runs of the same classes can be laid side by side."
            )
    specs = [choose_evaluation(first, name, images) for name in domains]
    sets = {spec.name: build_evaluator(spec, first.label_space) for spec in specs}
    names = run_names(models)
    subjects = {name: _subject(model, place) for name, model in zip(names, models, strict=True)}
    features = gather(subjects, sets, layers, label_space(first.label_space), sampling)
    scores = [target_score(model, domains[-1]) for model in models]
    return replace(features, scores={n: score for n, score in zip(names, scores, strict=True) if score is not None})


def run_names(models: Sequence[Model]) -> list[str]:
    """A short name for each: its recipe, preset and seed where those differ, and a number if that is not enough."""
    presets = len({model.recipe.preset for model in models}) > 1
    seeds = len({_seed(model) for model in models}) > 1
    names = []
    for model in models:
        base = model.recipe.name if model.origin == "run" else model.weights.stem
        names.append(base + f" {model.recipe.preset}" * presets + f" seed {_seed(model)}" * seeds)
    return list(map(Numbering(), names))


def _seed(model: Model) -> int | None:
    """Seed of a run; the recipe in its record has none."""
    seed = read_run(model.weights.parent).data.get("seed") if model.origin == "run" else None
    return None if seed is None else int(seed)


def _subject(model: Model, device: torch.device) -> Subject:
    return Subject(model.module, model.member(True, 1.0).predict, device, model.align_corners)


def target_score(model: Model, evaluation: str) -> float | None:
    """Mean IoU in percent that the run recorded of its final weights on ``evaluation``; None if there is none."""
    if model.origin != "run" or model.weights.name != "last.ckpt":
        return None
    record = read_run(model.weights.parent)
    score = record.results.get(f"{evaluation}/miou") if record.status == "finished" else None
    return None if score is None else 100 * float(score)
