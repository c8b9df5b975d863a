"""What ``udalib predict`` leaves of a run of detection: pictures with boxes, and all boxes in COCO's result format."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from udalib.cli.predicted import save_png
from udalib.core.files import write_json
from udalib.recipes.apply.detecting import CocoIds, coco_results
from udalib.recipes.apply.predictor import Prediction, Predictor, predict_files

READABLE = 640
"""Overlays of smaller pictures are enlarged by a whole number, so that the names beside the boxes can be read."""


def write_boxes(
    predictor: Predictor,
    files: Sequence[tuple[Path, Path]],
    targets: dict[Path, Path],
    out: Path,
    *,
    batch_size: int,
    score: float,
    file: Path | None = None,
) -> int:
    """Search image files, and return how many could not be read.

    Args:
        predictor: the trained run.
        files: path, and path relative to the folder that was given.
        targets: where each picture's ``_overlay.png`` goes, without this ending.
        out: folder of ``detections.json`` and ``images.json``, the latter a COCO-format file without annotations.
        batch_size: images searched together, if they have one size.
        score: smallest score that is drawn.
        file: COCO-format annotations whose ids are used.

    Raises:
        DataError: ``file`` lacks a picture or a class.
    """
    space, ids = predictor.label_space, CocoIds(predictor.label_space, file)
    numbers = {path: ids.image(relative, i + 1) for i, (path, relative) in enumerate(files)}
    results: list[dict[str, Any]] = []
    images, broken = [], 0
    for prediction in tqdm(predict_files(predictor, files, batch_size), total=len(files), desc="predict", disable=None):
        if prediction.found is None or prediction.image is None:
            broken += 1
            print(f"skipped: {prediction.error}", file=sys.stderr)
            continue
        number = numbers[prediction.path]
        results += coco_results(prediction.found, number, space, ids)
        height, width = prediction.image.shape[-2:]
        images.append({"id": number, "file_name": prediction.relative.as_posix(), "height": height, "width": width})
        target = targets[prediction.path]
        save_png(target.with_name(f"{target.name}_overlay.png"), boxes_drawn(prediction, predictor, score))
    categories = [{"id": number, "name": name} for name, number in ids.categories.items()]
    write_json(out / "detections.json", results)
    write_json(out / "images.json", {"images": images, "annotations": [], "categories": categories})
    return broken


def boxes_drawn(prediction: Prediction, predictor: Predictor, score: float) -> Any:
    """The picture with boxes of at least ``score``, uint8 (H, W, 3), small ones enlarged, see :data:`READABLE`."""
    from udalib.viz.detection.boxes import painted  # matplotlib loads slowly

    assert prediction.image is not None
    assert prediction.found is not None
    found, image = prediction.found, prediction.image.permute(1, 2, 0).numpy()
    times, kept = max(1, READABLE // max(image.shape[:2])), found["scores"] >= score
    large = np.ascontiguousarray(image.repeat(times, 0).repeat(times, 1))
    boxes, labels, scores = (found[key][kept] for key in ("boxes", "labels", "scores"))
    return painted(large, boxes * times, labels, scores, predictor.label_space)
