"""What one run left in its folder, as curves and as pictures."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from udalib.core.errors import ConfigError
from udalib.engine.record.reading import read_run
from udalib.recipes.apply.predictor import load_predictor
from udalib.recipes.build import build_dataset
from udalib.recipes.compare.curves import curves_by_name
from udalib.viz.charts.curves import curves
from udalib.viz.theme import Picture


def training_curves(runs: Mapping[str, Sequence[str | os.PathLike[str]]], term: str = "loss") -> Picture:
    """Draw a logged term of run folders over the iterations: one colour a name, one thin line a run.

    Raises:
        ConfigError: a run did not log the term; those that it did are listed.
    """
    return curves(
        {name: [_curve(Path(folder), term) for folder in folders] for name, folders in runs.items()},
        ylabel=term,
        title="Training",
    )


def _curve(folder: Path, term: str) -> tuple[list[float], list[float]]:
    found = logged_curve(folder, term)
    if found is None:
        logged = curves_by_name(read_run(folder).metrics())
        known = ", ".join(key.removeprefix("train/") for key in logged if key.startswith("train/"))
        raise ConfigError(f"{folder} has no curve {term!r}; it logged {known or 'nothing'}.")
    return found


def logged_curve(folder: str | os.PathLike[str], term: str) -> tuple[list[float], list[float]] | None:
    """Iterations and values of a term of training that a run logged; None if it did not."""
    curve = curves_by_name(read_run(folder).metrics()).get(f"train/{term}")
    return None if curve is None else ([float(i) for i in curve], list(curve.values()))


def prediction_samples(
    folder: str | os.PathLike[str], indices: Sequence[int], device: str = "cpu"
) -> list[dict[str, Any]]:
    """Samples of the first evaluation of a run with its ``prediction``, int64 (H, W), for ``show_samples``."""
    predictor = load_predictor(Path(folder), device)
    recipe = predictor.recipe
    dataset = build_dataset(recipe.evaluations[0].dataset, recipe.label_space)
    samples = [dataset[i % len(dataset)] for i in indices]
    return [{**sample, "prediction": predictor.labels([sample["image"]])[0].long()} for sample in samples]
