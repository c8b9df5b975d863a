"""Trained weights scored on an evaluation of a recipe: the protocol of AdaptSegNet and ADVENT.

Images are resized as the recipe says and predicted in eval mode by the main head; the logits are resized to the label,
arg-max, one confusion matrix over the set (adaptsegnet sheet, section 10.1; advent sheet, section 6). No flip, one
scale. Which logits are resized to the label: see :class:`udalib.recipes.apply.model.Model`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import isfinite
from typing import Any

from torch import Tensor

from udalib.core.errors import ConfigError, unknown_name
from udalib.engine.evaluation.inference import Inference, Predict
from udalib.engine.evaluation.segmentation import Each
from udalib.engine.record.machine import versions
from udalib.recipes.apply.model import Model
from udalib.recipes.build import build_evaluator
from udalib.recipes.spec.serialise import to_plain
from udalib.recipes.spec.specs import EvaluationSpec, Published, Recipe


@dataclass(frozen=True)
class Evaluation:
    """Scores and how they came about.

    Attributes:
        protocol: everything that the scores depend on, as JSON values.
        scores: those of :meth:`udalib.engine.SegmentationEvaluator.evaluate`, fractions in [0, 1].
        published: numbers of others for this evaluation, in percent.
    """

    protocol: Mapping[str, Any]
    scores: Mapping[str, Any]
    published: tuple[Published, ...] = ()


def choose_evaluation(recipe: Recipe, name: str | None, limit: int | None = None) -> EvaluationSpec:
    """The evaluation ``name`` of segmentation of ``recipe``, by default the first, on its first ``limit`` images.

    Raises:
        ConfigError: the recipe has none, or ``limit`` is not positive.
        UnknownNameError: it has none of this name.
    """
    specs = {spec.name: spec for spec in recipe.evaluations if spec.task == "segmentation"}
    if not specs:
        raise ConfigError(f"the recipe {recipe.name!r} evaluates no segmentation; name another one with --recipe.")
    if name is not None and name not in specs:
        raise unknown_name(f"evaluation of {recipe.name}", name, specs)
    spec = next(iter(specs.values())) if name is None else specs[name]
    if limit is None:
        return spec
    if limit < 1:
        raise ConfigError(f"limit is {limit}; at least one image must be left.")
    given = spec.dataset.limit
    return replace(spec, dataset=replace(spec.dataset, limit=limit if given is None else min(limit, given)))


def evaluate(
    models: Sequence[Model],
    recipe: Recipe,
    spec: EvaluationSpec,
    weights: Sequence[float] = (),
    each: Each | None = None,
) -> Evaluation:
    """Score ``models``, several as ADVENT's ensemble, on the evaluation ``spec`` of ``recipe``.

    Args:
        models: on one device.
        recipe: whose label space and protocol are used.
        spec: one of its evaluations, see :func:`choose_evaluation`.
        weights: of the models' logits; by default equal ones that sum to 1.
        each: called with every sample and its predicted ids, uint8 (H, W).

    Raises:
        ConfigError: weights that cannot be used, or a model with other classes than the recipe.
    """
    weights = ensemble_weights(len(models), weights)
    for model in models:
        if model.recipe.label_space != recipe.label_space:
            raise ConfigError(
                f"{model.weights} predicts the classes of {model.recipe.label_space}, the recipe {recipe.name!r} "
                f"evaluates those of {recipe.label_space}; choose a recipe with the same classes."
            )
    evaluator = build_evaluator(spec, recipe.label_space)
    watched = evaluator.inference = _Watched(evaluator.inference)
    whole, label_sizes = spec.inference.name == "whole", set()

    def note(sample: Any, ids: Tensor) -> None:
        label_sizes.add(tuple(ids.shape))
        if each is not None:
            each(sample, ids)

    members = [model.member(whole, weight) for model, weight in zip(models, weights, strict=True)]
    scores = evaluator.evaluate(members, models[0].device, each=note)
    protocol = describe(recipe, spec, scores["images"]) | {
        "predicted_at": sorted(watched.sizes),
        "scored_at": sorted(label_sizes),
        "inference": {"name": spec.inference.name, **spec.inference.options},
        "flip": False,
        "scales": [1.0],
        "checkpoints": [_checkpoint(m, whole, w) for m, w in zip(models, weights, strict=True)],
        "device": str(models[0].device),
        "versions": versions(),
    }
    return Evaluation(protocol, scores, published_numbers(recipe, spec))


def ensemble_weights(count: int, weights: Sequence[float]) -> list[float]:
    """One weight a model: those given, or equal ones.

    >>> ensemble_weights(2, [])
    [0.5, 0.5]
    """
    given = list(weights) or [1 / count] * count
    if len(given) != count or not all(isfinite(w) and w >= 0 for w in given) or not any(given):
        raise ConfigError(
            f"weights are {' '.join(map(str, given))} for {count} checkpoint{'s' * (count > 1)}; give one for each, "
            "none of them negative and not all of them 0."
        )
    return given


def describe(recipe: Recipe, spec: EvaluationSpec, images: int) -> dict[str, Any]:
    """What is evaluated, as JSON values."""
    return {
        "recipe": recipe.name,
        "preset": recipe.preset,
        "evaluation": spec.name,
        "dataset": spec.dataset.name,
        "split": spec.dataset.split,
        "limit": spec.dataset.limit,
        "label_space": recipe.label_space,
        "images": images,
        "spec": to_plain(spec),
        "overrides": {},
    }


def published_numbers(recipe: Recipe, spec: EvaluationSpec) -> tuple[Published, ...]:
    """Numbers of others that ``recipe`` answers to on this evaluation; none for a part of its images."""
    if spec.dataset.limit is not None:
        return ()
    return tuple(number for number in recipe.published if number.evaluation == spec.name)


def _checkpoint(model: Model, whole: bool, weight: float) -> dict[str, Any]:
    return {
        "file": str(model.weights),
        "origin": model.origin,
        "recipe": model.recipe.name,
        "network": model.recipe.network.name,
        "settings": to_plain(model.recipe.network),
        "weight": weight,
        "align_corners": model.align_corners,
        "raw_logits": model.gives_raw_logits(whole),
        "precision": model.precision,
    }


class _Watched:
    """An inference that notes the sizes of the images it sees."""

    def __init__(self, inference: Inference) -> None:
        self.inference = inference
        self.sizes: set[tuple[int, int]] = set()

    def __call__(self, predict: Predict, images: Tensor) -> Tensor:
        self.sizes.add((images.shape[-2], images.shape[-1]))
        return self.inference(predict, images)
