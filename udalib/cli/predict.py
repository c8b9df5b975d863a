"""``udalib predict``."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from tqdm import tqdm
from tyro.conf import Positional

from udalib.cli.predicted import write_pictures, write_video
from udalib.cli.predicted_boxes import write_boxes
from udalib.core.errors import ConfigError, DataError
from udalib.data.sets.folder import IMAGE_SUFFIXES
from udalib.data.video import VIDEO_SUFFIXES, require_av
from udalib.recipes.apply.predictor import Numbering, Predictor, find_images, load_predictor, predict_files


def predict(
    checkpoint: Positional[Path],
    images: Positional[tuple[Path, ...]],
    out: Path = Path("predictions"),
    size: tuple[int, int] | None = None,
    tile: tuple[int, int] | None = None,
    batch_size: int = 4,
    alpha: float = 0.5,
    frame_labels: bool = False,
    score: float = 0.3,
    annotations: Path | None = None,
    device: str = "auto",
) -> int:
    """Predict images (for each an overlay, a label PNG of train ids and a colour PNG) and videos (an overlay video).

    A run of detection gives an overlay with boxes for each image, and for all of them ``detections.json`` in COCO's
    result format beside ``images.json``, which lists images and categories under the same ids.

    Args:
        checkpoint: run folder (final weights), last.ckpt or best.safetensors with its run.json beside it.
        images: image and video files or folders of them, any size; videos need PyAV: pip install 'udalib[video]'.
        out: folder to write to.
        size: height and width whose area images are scaled to; default: the size the recipe evaluates at.
        tile: height and width of windows, overlapping by half (of boxes: by 30 %), in which images are predicted;
            without --size at their own size.
        batch_size: images predicted together, if they have one size.
        alpha: opacity of the classes in the overlay, 0 to 1.
        frame_labels: write a label PNG of each frame of a video as well.
        score: smallest score of a box that is drawn; detections.json has all that the run gives.
        annotations: a COCO-format file whose ids of images and categories detections.json uses.
        device: auto, cpu, cuda, cuda:N or mps.
    """
    _check(size, tile, batch_size, alpha, score)
    files = _files(images)
    predictor = load_predictor(checkpoint, device, size, tile)
    check_task(predictor, files, annotations)
    names = output_names([relative for _, relative in files])
    targets = {path: out / name for (path, _), name in zip(files, names, strict=True)}
    pictures = [file for file in files if not is_video(file)]
    if predictor.finds_boxes:
        broken = write_boxes(predictor, pictures, targets, out, batch_size=batch_size, score=score, file=annotations)
        print(f"{len(files) - broken} of {len(files)} images searched with {predictor.weights}, written to {out}")
        return 1 if broken else 0
    broken = predict_pictures(predictor, pictures, targets, batch_size, alpha)
    videos = [path for path, _ in filter(is_video, files)]
    broken += predict_videos(predictor, videos, targets, batch_size, alpha, frame_labels)
    kind = "images" if len(pictures) == len(files) else "images and videos" if pictures else "videos"
    print(f"{len(files) - broken} of {len(files)} {kind} predicted with {predictor.weights}, written to {out}")
    return 1 if broken else 0


def _files(images: Sequence[Path]) -> list[tuple[Path, Path]]:
    """Every image and video that was named, with its path relative to the folder it was found in."""
    if not images:
        raise ConfigError("no image was given; name files or folders after the checkpoint.")
    files = find_images(images, IMAGE_SUFFIXES + VIDEO_SUFFIXES)
    if any(map(is_video, files)):
        require_av()
    return files


def check_task(predictor: Predictor, files: Sequence[tuple[Path, Path]], annotations: Path | None) -> None:
    """Refuse what a run of detection cannot do, and what only such a run can."""
    if predictor.finds_boxes and any(map(is_video, files)):
        raise ConfigError(f"{predictor.weights} finds boxes, which are drawn on images alone; give a video's frames.")
    if annotations is not None and not predictor.finds_boxes:
        raise ConfigError(f"--annotations numbers boxes, and {predictor.weights} finds none; leave it out.")


def _check(
    size: tuple[int, int] | None, tile: tuple[int, int] | None, batch_size: int, alpha: float, score: float
) -> None:
    """Refuse numbers that make no sense."""
    sizes = [side for pair in (size, tile) if pair is not None for side in pair]
    if batch_size < 1 or min(sizes, default=1) < 1 or not (0 <= alpha <= 1 and 0 <= score <= 1):
        raise ConfigError(
            f"batch_size {batch_size}, size {size} and tile {tile} must be positive, alpha {alpha} within 0 and 1, "
            f"score {score} likewise."
        )


def is_video(file: tuple[Path, Path]) -> bool:
    """Whether a file that :func:`find_images` gave is a video, by its name."""
    return file[0].suffix.lower() in VIDEO_SUFFIXES


def predict_pictures(
    predictor: Predictor, files: Sequence[tuple[Path, Path]], targets: dict[Path, Path], batch_size: int, alpha: float
) -> int:
    """Predict image files, write their pictures to ``targets``, and return how many could not be read."""
    broken = 0
    predictions = predict_files(predictor, files, batch_size)
    for prediction in tqdm(predictions, total=len(files), desc="predict", disable=None if files else True):
        if prediction.label is None:
            broken += 1
            print(f"skipped: {prediction.error}", file=sys.stderr)
        else:
            write_pictures(prediction, predictor, targets[prediction.path], alpha)
    return broken


def predict_videos(
    predictor: Predictor,
    files: Sequence[Path],
    targets: dict[Path, Path],
    batch_size: int,
    alpha: float,
    frame_labels: bool,
) -> int:
    """Predict videos into ``targets``, and return how many could not be read."""
    broken = 0
    for path in files:
        target = targets[path]
        try:
            frames = write_video(path, predictor, target, batch_size=batch_size, alpha=alpha, frame_labels=frame_labels)
            print(f"{path}: {frames} frames, {target}_overlay.mp4")
        except DataError as error:
            broken += 1
            print(f"skipped: {error}", file=sys.stderr)
    return broken


def output_names(relative: Sequence[Path]) -> list[Path]:
    """Path without suffix for each image's outputs; images that differ in nothing else keep their suffix.

    >>> [str(p) for p in output_names([Path("a.png"), Path("b.jpg"), Path("b.png")])]
    ['a', 'b.jpg', 'b.png']
    """
    counts = Counter(path.with_suffix("") for path in relative)
    names = [path if counts[path.with_suffix("")] > 1 else path.with_suffix("") for path in relative]
    return list(map(Path, map(Numbering(), map(str, names))))  # two of the given folders may hold the same file name
