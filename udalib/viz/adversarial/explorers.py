"""Explorers of the adversarial line: lambda sweeps, a discriminator's verdict, and the threshold on entropy."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

import torch
from matplotlib.figure import Figure
from torch import Tensor

from udalib.analysis.runs.sweeps import CHOICES, Sweep, Variant
from udalib.core.errors import ConfigError
from udalib.data.labels import LabelSpace
from udalib.ops import pixel_entropy
from udalib.viz.adversarial.sweeps import sweep_curves
from udalib.viz.adversarial.verdicts import verdict, verdict_before_after
from udalib.viz.explorer.explorer import Choice, Control, Explorer, Slider, Stops
from udalib.viz.explorer.inputs import as_float, check_images
from udalib.viz.pictures.labels import to_numpy
from udalib.viz.pictures.uncertainty import threshold_figure

Judge = Callable[[Tensor], tuple[Any, Any]]
"""Image float (3, H, W) in [0, 1] -> predicted train ids (H, W), and the probability (h, w) of "target"."""

Predict = Callable[[Tensor], Any]
"""Image float (3, H, W) in [0, 1] -> class probabilities (C, H, W)."""

VARIANT_LABELS = {"gan": "Adversarial loss", "space": "What the discriminator sees", "levels": "Levels"}


class SweepExplorer(Explorer):
    """One variant of a sweep at one lambda: :func:`udalib.viz.sweep_curves` with a control for each part.

    Args:
        sweep: from :func:`udalib.analysis.load_sweep`; the lambdas on the slider are those in it.

    Controls: ``weight`` (lambda), ``gan``, ``space``, ``levels``.
    """

    def __init__(self, sweep: Sweep) -> None:
        weights = sweep.weights
        controls: dict[str, Control] = {"weight": Stops("lambda", weights, weights[len(weights) // 2])}
        for name, label in VARIANT_LABELS.items():
            controls[name] = Choice(label, CHOICES[name], getattr(Variant(), name))

        def figure(weight: float, gan: str, space: str, levels: str) -> Figure:
            return sweep_curves(sweep, weight=weight, gan=gan, space=space, levels=levels)

        super().__init__("The game at one lambda", figure, controls, sheet_columns=1)


class VerdictExplorer(Explorer):
    """What the discriminator says at each position, before and after adaptation.

    Each model brings its own discriminator; a fair "before" is the control, whose discriminator was trained beside a
    network that never tried to deceive it.

    Args:
        before: model without, after: model with the adversary, as a :data:`Judge`; called once an image.
        images: float (3, H, W) in [0, 1], all of one size.
        space: of the predicted ids.
        receptive_field: see :func:`udalib.viz.adversarial.verdict`.
        titles: what the two models are called on the pictures.

    Controls: ``index`` of the image, ``model`` ("before", "after" or "both"), ``row`` and ``column`` of the position.
    """

    def __init__(
        self,
        before: Judge,
        after: Judge,
        images: Sequence[Tensor],
        space: LabelSpace,
        receptive_field: int = 94,
        titles: tuple[str, str] = ("before adaptation", "after adaptation"),
    ) -> None:
        check_images(images)
        judges = {"before": before, "after": after}

        @cache
        def judged(model: str, index: int) -> tuple[Any, Any]:
            label, probability = judges[model](images[index])
            return to_numpy(label), to_numpy(probability)

        rows, columns = judged("before", 0)[1].shape

        def figure(index: int, model: str, row: int, column: int) -> Figure:
            options: dict[str, Any] = {"position": (row, column), "receptive_field": receptive_field}
            if model == "both":
                pair = judged("before", index), judged("after", index)
                return verdict_before_after(images[index], *pair, space, **options, titles=titles)
            title = titles[list(judges).index(model)]
            return verdict(images[index], *judged(model, index), space, **options, title=title)

        controls: dict[str, Control] = {
            "index": Slider("Image", 0, len(images) - 1, 1, 0),
            "model": Choice("Model", ("before", "after", "both"), "both"),
            "row": Slider("Position: row, from the top", 0, rows - 1, 1, rows // 2),
            "column": Slider("Position: column, from the left", 0, columns - 1, 1, columns // 2),
        }
        super().__init__("What the discriminator sees and says", figure, controls, sheet_columns=1)


class EntropyExplorer(Explorer):
    """Which pixels are more uncertain than a threshold, and how many of those are wrong.

    Args:
        models: name -> :data:`Predict`; called once an image.
        images: samples with ``image`` (uint8 or float in [0, 1], (3, H, W)) and ``label`` (H, W).

    Controls: ``threshold`` on the entropy, ``index`` of the image, ``model``.
    """

    def __init__(self, models: Mapping[str, Predict], images: Sequence[Mapping[str, Any]]) -> None:
        if not models:
            raise ConfigError("there is no model to explore; give at least one.")
        pictures = [as_float(sample["image"]) for sample in images]
        check_images(pictures)

        @cache
        def predicted(model: str, index: int) -> tuple[Any, Any]:
            probabilities = torch.as_tensor(models[model](pictures[index]))
            return probabilities.argmax(0).numpy(), pixel_entropy(probabilities[None])[0].numpy()

        def figure(threshold: float, index: int, model: str) -> Figure:
            prediction, entropy = predicted(model, index)
            return threshold_figure(pictures[index], entropy, prediction, images[index]["label"], threshold)

        controls: dict[str, Control] = {
            "threshold": Slider("Threshold on the entropy", 0.0, 1.0, 0.05, 0.25),
            "index": Slider("Image", 0, len(images) - 1, 1, 0),
            "model": Choice("Model", tuple(models), next(iter(models))),
        }
        super().__init__("Is an uncertain pixel a wrong one?", figure, controls, sheet_columns=1)
