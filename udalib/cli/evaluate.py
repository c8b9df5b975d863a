"""``udalib evaluate``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from torch import Tensor
from tqdm import tqdm
from tyro.conf import Positional

from udalib.cli.predicted import save_png
from udalib.cli.run import Assignments
from udalib.core.errors import ConfigError
from udalib.core.files import write_text
from udalib.data import LabelSpace, label_space
from udalib.recipes import Recipe, get_recipe, parse_assignments
from udalib.recipes.apply.evaluate import Evaluation, choose_evaluation
from udalib.recipes.apply.evaluate import evaluate as evaluate_models
from udalib.recipes.apply.evaluation_text import render_evaluation
from udalib.recipes.apply.loading import find_device
from udalib.recipes.apply.model import Model, load_model
from udalib.recipes.apply.predictions import score_predictions
from udalib.recipes.apply.predictor import Numbering
from udalib.recipes.spec.specs import EvaluationSpec

RECORDS = {"evaluation.csv": "csv", "evaluation.md": "markdown", "evaluation.json": "json"}
"""File name -> format, the one that says that all is complete last."""


def evaluate(
    checkpoints: Positional[tuple[Path, ...]] = (),
    recipe: str | None = None,
    preset: str = "paper",
    evaluation: str | None = None,
    weights: tuple[float, ...] = (),
    predictions: Path | None = None,
    out: Path | None = None,
    limit: int | None = None,
    images: bool = True,
    skip_mismatched: bool = False,
    set: Assignments = (),
    device: str = "auto",
) -> int:
    """Score weights, or label PNGs, on a recipe's evaluation: IoU by class, mean IoU, label and colour PNGs.

    Args:
        checkpoints: run folders, last.ckpt or best.safetensors of a run, or published weights (with --recipe); several
            are an ensemble: their logits are added.
        recipe: whose data and protocol are used, and whose network a published file fills; a run has its own.
        preset: of --recipe: quick, laptop or paper.
        evaluation: name of the recipe's evaluation; default: its first one.
        weights: factor of each checkpoint's logits; default: equal ones.
        predictions: score the label PNGs (train ids, named like the images) in this folder instead of checkpoints.
        out: folder to write to; default: evaluation/NAME in the run folder, else evaluations/RECIPE/NAME/FILES.
        limit: use the first images only.
        images: --no-images writes no pictures.
        skip_mismatched: leave out predictions (--predictions) that differ in size from their label.
        set: dotted overrides of the recipe; `udalib show NAME` lists what can be set.
        device: auto, cpu, cuda, cuda:N or mps.
    """
    _check(bool(checkpoints), predictions, recipe, bool(weights), skip_mismatched)
    overrides = parse_assignments(set)
    chosen = None if recipe is None else get_recipe(recipe, preset, overrides)
    if predictions is not None and chosen is not None:
        spec = choose_evaluation(chosen, evaluation, limit)
        found = score_predictions(predictions, chosen, spec, skip_mismatched=skip_mismatched)
        folder = out or Path("evaluations", chosen.name, spec.name, predictions.resolve().name)
    else:
        place = find_device(device)
        models = [load_model(path, place, chosen, overrides) for path in checkpoints]
        chosen = chosen or models[0].recipe
        spec = choose_evaluation(chosen, evaluation, limit)
        folder = out or default_folder(models, chosen, spec)
        found = _evaluated(models, chosen, spec, weights, folder if images else None)
    found = replace(found, protocol={**found.protocol, "overrides": overrides})
    for name, format in RECORDS.items():
        write_text(folder / name, render_evaluation(found, format))
    print(f"{render_evaluation(found)}\nwritten to {folder}")
    return 0


def _check(
    checkpoints: bool, predictions: Path | None, recipe: str | None, weights: bool, skip_mismatched: bool
) -> None:
    """Refuse arguments that do not go together."""
    if checkpoints == (predictions is not None):
        raise ConfigError("give checkpoints to evaluate, or a folder of label PNGs with --predictions, and not both.")
    if predictions is not None and recipe is None:
        raise ConfigError("--predictions needs --recipe NAME, whose evaluation has the labels; see `udalib list`.")
    if predictions is not None and weights:
        raise ConfigError("--weights are those of checkpoints; label PNGs cannot be combined.")
    if predictions is None and skip_mismatched:
        raise ConfigError("--skip-mismatched goes with --predictions; a checkpoint predicts at the label's size.")


def default_folder(models: list[Model], recipe: Recipe, spec: EvaluationSpec) -> Path:
    """Where an evaluation goes: into the run folder if it is of one run and its own recipe."""
    first = models[0]
    if len(models) == 1 and first.origin == "run" and first.recipe is recipe:
        kind = "" if first.weights.name == "last.ckpt" else f"-{first.weights.stem}"
        return first.weights.parent / "evaluation" / f"{spec.name}{kind}"
    files = [
        "-".join(m.weights.parts[-4:]) if m.origin == "run" else m.weights.stem for m in models
    ]  # a run's file alone would not tell it from another run's
    return Path("evaluations", recipe.name, spec.name, "+".join(files))


def _evaluated(
    models: list[Model], recipe: Recipe, spec: EvaluationSpec, weights: tuple[float, ...], folder: Path | None
) -> Evaluation:
    with tqdm(desc="evaluate", unit="image", disable=None) as bar:
        save = None if folder is None else pictures(folder, label_space(recipe.label_space))

        def each(sample: Any, ids: Tensor) -> None:
            if save is not None:
                save(sample["name"], ids)
            bar.update()

        return evaluate_models(models, recipe, spec, weights, each)


def pictures(folder: Path, space: LabelSpace) -> Callable[[str, Tensor], None]:
    """Writer of NAME.png (train ids, 8 bit) and NAME_color.png in one flat folder, as the published code names them.

    An earlier record in the folder goes away first: one that is there belongs to the pictures beside it.
    """
    from udalib.viz.pictures.labels import colorize  # matplotlib loads slowly

    numbering = Numbering()

    def save(name: str, ids: Tensor) -> None:
        for record in RECORDS:
            (folder / record).unlink(missing_ok=True)
        unique = numbering(name)
        save_png(folder / f"{unique}.png", ids.numpy())
        save_png(folder / f"{unique}_color.png", colorize(ids, space))

    return save
