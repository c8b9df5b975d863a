"""Detections of a trained run on pictures of any size, whole or in overlapping pieces, and as COCO's result format."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from udalib.core.errors import DataError
from udalib.data.labels import LabelSpace
from udalib.data.sets.boxes.reading import read_json
from udalib.engine.evaluation.inference import Sliding
from udalib.engine.evaluation.pieces import detect_in_pieces
from udalib.models.detection.select import Detections

if TYPE_CHECKING:
    from udalib.recipes.apply.predictor import Predictor


@torch.inference_mode()
def detect(predictor: Predictor, images: Sequence[Tensor]) -> list[Detections]:
    """Detections, on the CPU and in each picture's own pixels, of uint8 RGB images (3, H, W) of one working size."""
    size = predictor.working_size(images[0].shape[-2], images[0].shape[-1])
    batch = torch.cat([predictor.scaled(image, size) for image in images])
    search: Any = predictor.method.predict  # a detector gives detections
    pieces = predictor.inference or predictor.recipe.evaluations[0].inference.build()
    found = [detect_in_pieces(search, x[None], pieces) for x in batch] if isinstance(pieces, Sliding) else search(batch)
    return [_own_pixels(each, size, image) for each, image in zip(found, images, strict=True)]


def _own_pixels(found: Mapping[str, Tensor], size: tuple[int, int], image: Tensor) -> Detections:
    factor = torch.tensor([image.shape[-1] / size[1], image.shape[-2] / size[0]] * 2)
    boxes = found["boxes"].float().cpu() * factor
    return {"boxes": boxes, "scores": found["scores"].float().cpu(), "labels": found["labels"].cpu()}


class CocoIds:
    """Numbers of pictures and categories in result files.

    Args:
        space: of the detections.
        annotations: a COCO-format file whose ids are used; None: pictures are numbered from 1 as they come, and class
            i has the id i + 1.

    Raises:
        DataError: the file lists no images or categories, or lacks one of the classes.
    """

    def __init__(self, space: LabelSpace, annotations: Path | None = None) -> None:
        self.file, self._given = annotations, None
        self.categories = {name: i + 1 for i, name in enumerate(space.names)}
        if annotations is None:
            return
        data = read_json(annotations)
        try:
            self._given = {str(each["file_name"]): each["id"] for each in data["images"]}
            known = {str(each["name"]): int(each["id"]) for each in data["categories"]}
        except (KeyError, TypeError) as error:
            raise DataError(
                f"{annotations} is not in COCO's format ({type(error).__name__}: {error}); it needs images (id, "
                "file_name) and categories (id, name)."
            ) from error
        missing = [name for name in space.names if name not in known]
        if missing:
            raise DataError(
                f"{annotations} has no category {missing[0]!r}; it has {', '.join(known)}. Name its categories "
                f"like the classes of {space.name}."
            )
        self.categories = {name: known[name] for name in space.names}

    def image(self, relative: Path, number: int) -> Any:
        """The id of a picture, by its path relative to the folder that was given, or by its name alone.

        Raises:
            DataError: the annotations do not list it.
        """
        if self._given is None:
            return number
        for key in (relative.as_posix(), relative.name):
            if key in self._given:
                return self._given[key]
        raise DataError(f"{self.file} does not list {relative}; leave the picture out, or --annotations.")


def coco_results(found: Detections, image_id: Any, space: LabelSpace, ids: CocoIds) -> list[dict[str, Any]]:
    """Detections of a picture as COCO's results: image_id, category_id, bbox (x, y, width, height), score."""
    numbers = [ids.categories[name] for name in space.names]
    rows = zip(found["boxes"].tolist(), found["labels"].tolist(), found["scores"].tolist(), strict=True)
    return [
        {
            "image_id": image_id,
            "category_id": numbers[label],
            "bbox": [round(v, 2) for v in (x0, y0, x1 - x0, y1 - y0)],
            "score": round(score, 5),
        }
        for (x0, y0, x1, y1), label, score in rows
    ]
