"""A trained run as a function from image files to label maps, or to boxes."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from udalib.core.errors import DataError
from udalib.data import LabelSpace, label_space
from udalib.data.sets.folder import IMAGE_SUFFIXES
from udalib.data.sets.reading import read_image
from udalib.data.transforms.geometry import same_area_size
from udalib.engine.evaluation.inference import Inference, Sliding, resize_logits
from udalib.engine.evaluation.pieces import boxed_windows
from udalib.methods import Method
from udalib.models.detection.select import Detections
from udalib.ops.pseudo_labels import class_map
from udalib.recipes.apply.detecting import detect
from udalib.recipes.apply.loading import find_device, load_run
from udalib.recipes.spec.specs import Recipe
from udalib.recipes.spec.tasks import BOX_TASKS


@dataclass(frozen=True)
class Predictor:
    """A trained method, ready to predict.

    Attributes:
        recipe: how it was trained.
        method: in eval mode, on ``device``.
        weights: the file it was loaded from.
        size: (h, w) whose area images are scaled to before prediction; None = their own size.
        device: where predictions run.
        inference: whole images or windows of them; None = as the recipe's first evaluation.
    """

    recipe: Recipe
    method: Method
    weights: Path
    size: tuple[int, int] | None
    device: torch.device
    inference: Inference | None = None

    @property
    def label_space(self) -> LabelSpace:
        """Classes of the predicted ids."""
        return label_space(self.recipe.label_space)

    def working_size(self, height: int, width: int) -> tuple[int, int]:
        """Size an image is predicted at: its aspect ratio, the area of ``size``."""
        return (height, width) if self.size is None else same_area_size((height, width), self.size)

    @torch.inference_mode()
    def labels(self, images: Sequence[Tensor]) -> list[Tensor]:
        """Train ids uint8 (H, W), on the CPU, of uint8 RGB images (3, H, W) that share one working size."""
        inference = self.inference
        if inference is None and self.recipe.evaluations:
            inference = self.recipe.evaluations[0].inference.build()
        size = self.working_size(images[0].shape[-2], images[0].shape[-1])
        batch = torch.cat([self.scaled(image, size) for image in images])
        logits = self.method.predict(batch) if inference is None else inference(self.method.predict, batch)
        labels = []
        for image, one in zip(images, torch.split(logits, 1), strict=True):  # one by one: full-size logits are large
            full = resize_logits(one, (image.shape[-2], image.shape[-1]))
            labels.append(class_map(full)[0].to(torch.uint8).cpu())
        return labels

    @property
    def finds_boxes(self) -> bool:
        """Whether the run is one of detection: its predictions are boxes."""
        return finds_boxes(self.recipe)

    def scaled(self, image: Tensor, size: tuple[int, int]) -> Tensor:
        """A uint8 image (3, H, W) as a batch (1, 3, *size) in [0, 1] on the device."""
        batch = image[None].to(self.device).float().div_(255.0)
        if tuple(image.shape[-2:]) == size:
            return batch
        shrinks = size[0] < image.shape[-2]
        return F.interpolate(batch, size=size, mode="bilinear", align_corners=False, antialias=shrinks)


def load_predictor(
    checkpoint: str | os.PathLike[str],
    device: str = "auto",
    size: tuple[int, int] | None = None,
    tile: tuple[int, int] | None = None,
) -> Predictor:
    """Load a run for prediction.

    Args:
        checkpoint: a run folder (its final weights are taken), or a last.ckpt or best.safetensors in one.
        device: auto, cpu, cuda, cuda:N or mps.
        size: (h, w) whose area images are scaled to; by default the size that the recipe evaluates at, or with
            ``tile`` their own.
        tile: (h, w) of windows that overlap by half (of boxes: by 30 %), to predict images of any size sharply; None =
            as the recipe.

    Raises:
        CheckpointError: there are no weights, no run.json beside them, or they do not fit it.
    """
    place = find_device(device)
    run = load_run(checkpoint, place)
    if tile is None:
        return Predictor(run.recipe, run.method, run.weights, size or evaluation_size(run.recipe), place)
    half = Sliding(tile, (max(1, tile[0] // 2), max(1, tile[1] // 2)))
    windows = boxed_windows(tile) if finds_boxes(run.recipe) else half
    return Predictor(run.recipe, run.method, run.weights, size, place, windows)


def finds_boxes(recipe: Recipe) -> bool:
    """Whether a recipe is one of detection: its first evaluation says so."""
    return any(evaluation.task in BOX_TASKS for evaluation in recipe.evaluations[:1])


def evaluation_size(recipe: Recipe) -> tuple[int, int] | None:
    """(h, w) that the recipe's first evaluation predicts at; None if it takes images as they are."""
    for evaluation in recipe.evaluations[:1]:
        for part in (*evaluation.sample_transforms, *evaluation.transforms, evaluation.dataset):
            size: Any = part.options.get("size")
            if size is not None:
                return int(size[0]), int(size[1])
    return None


def find_images(
    places: Iterable[str | os.PathLike[str]], suffixes: tuple[str, ...] = IMAGE_SUFFIXES
) -> list[tuple[Path, Path]]:
    """Files with ``suffixes`` at or under ``places``, each with its path relative to the place it was found in.

    Raises:
        DataError: a place does not exist, or holds no such file.
    """
    found: list[tuple[Path, Path]] = []
    for place in map(Path, places):
        if place.is_dir():
            files = sorted(p for p in place.rglob("*") if p.suffix.lower() in suffixes and not p.is_dir())
            if not files:
                raise DataError(f"{place} holds no image ({', '.join(suffixes)}).")
            found += [(file, file.relative_to(place)) for file in files]
        elif os.path.lexists(place):
            found.append((place, Path(place.name)))
        else:
            raise DataError(f"there is no image or folder {place}; check the path.")
    return found


class Numbering:
    """Makes names unique in order of appearance, so that no file of one folder replaces another.

    >>> list(map(Numbering(), ["a", "b", "a"]))
    ['a', 'b', 'a-2']
    """

    def __init__(self) -> None:
        self._seen: Counter[str] = Counter()

    def __call__(self, name: str) -> str:
        """Return ``name``, or ``name-2``, ``name-3``, ... from its second time on."""
        self._seen[name] += 1
        return name if self._seen[name] == 1 else f"{name}-{self._seen[name]}"


@dataclass(frozen=True)
class Prediction:
    """One image file and what came of it: ``label`` uint8 (H, W) or ``found``, or ``error`` if it could not be read."""

    path: Path
    relative: Path
    image: Tensor | None = None
    label: Tensor | None = None
    found: Detections | None = None
    error: str = ""


def predict_files(
    predictor: Predictor, files: Sequence[tuple[Path, Path]], batch_size: int = 4
) -> Iterator[Prediction]:
    """Predict image files, consecutive ones of equal size together; a broken file is named and passed over."""
    group: list[tuple[Path, Path, Tensor]] = []
    for path, relative in files:
        try:
            image = read_image(path)
        except DataError as error:
            yield Prediction(path, relative, error=str(error))
            continue
        if group and (len(group) == batch_size or group[0][2].shape != image.shape):
            yield from _predicted(predictor, group)
            group = []
        group.append((path, relative, image))
    if group:
        yield from _predicted(predictor, group)


def _predicted(predictor: Predictor, group: Sequence[tuple[Path, Path, Tensor]]) -> Iterator[Prediction]:
    images = [image for _, _, image in group]
    if predictor.finds_boxes:
        for (path, relative, image), found in zip(group, detect(predictor, images), strict=True):
            yield Prediction(path, relative, image, found=found)
        return
    for (path, relative, image), label in zip(group, predictor.labels(images), strict=True):
        yield Prediction(path, relative, image, label)


def predict_images(
    predictor: Predictor, images: Iterable[Tensor], batch_size: int = 4
) -> Iterator[tuple[Tensor, Tensor]]:
    """Each of ``images`` (uint8 (3, H, W), such as the frames of a video) with its label, ``batch_size`` at a time."""
    rest = iter(images)
    while batch := list(islice(rest, batch_size)):
        yield from zip(batch, predictor.labels(batch), strict=True)
