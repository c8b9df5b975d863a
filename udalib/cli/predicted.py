"""What ``udalib predict`` leaves on the disk: three pictures beside each image, an overlay video beside each video."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Any

from numpy.typing import NDArray
from PIL import Image
from tqdm import tqdm

from udalib.core.files import atomic_folder, atomic_path
from udalib.data.video import read_frames, video_facts, video_writer
from udalib.recipes.apply.predictor import Prediction, Predictor, predict_images


def write_pictures(prediction: Prediction, predictor: Predictor, target: Path, alpha: float) -> None:
    """Write label, colours and overlay of one prediction beside each other."""
    from udalib.viz.pictures.labels import colorize, overlay  # matplotlib loads slowly

    assert prediction.label is not None
    space, label = predictor.label_space, prediction.label.numpy()
    save_png(target.with_name(f"{target.name}_label.png"), label)
    save_png(target.with_name(f"{target.name}_color.png"), colorize(label, space))
    save_png(target.with_name(f"{target.name}_overlay.png"), overlay(prediction.image, label, space, alpha))


def write_video(
    path: Path, predictor: Predictor, target: Path, *, batch_size: int, alpha: float, frame_labels: bool = False
) -> int:
    """Predict a video frame by frame; whatever it leaves appears when the video is through.

    Args:
        path: of the video.
        predictor: the trained run.
        target: ``target_overlay.mp4`` of the same rate is written and, with ``frame_labels``, the folder
            ``target_labels`` of ``000000.png``, ... with train ids.
        batch_size: frames predicted together.
        alpha: opacity of the classes.
        frame_labels: write label PNGs as well.

    Returns:
        The number of frames.

    Raises:
        DataError: the file is no video or breaks off; nothing is left of its prediction.
    """
    from udalib.viz.pictures.labels import overlay  # matplotlib loads slowly

    facts, count = video_facts(path), 0
    total = facts.frames or round(facts.duration * facts.rate) or None
    with ExitStack() as stack:
        append = stack.enter_context(video_writer(target.with_name(f"{target.name}_overlay.mp4"), facts.rate))
        labels = target.with_name(f"{target.name}_labels")
        folder = stack.enter_context(atomic_folder(labels)) if frame_labels else None
        predicted = predict_images(predictor, read_frames(path), batch_size)
        for image, label in tqdm(predicted, total=total, desc=path.name, unit="frame", disable=None):
            append(overlay(image, label.numpy(), predictor.label_space, alpha))
            if folder is not None:
                Image.fromarray(label.numpy()).save(folder / f"{count:06d}.png")
            count += 1
    return count


def save_png(path: Path, pixels: NDArray[Any]) -> None:
    """Write uint8 (H, W) or (H, W, 3) as PNG, atomically."""
    with atomic_path(path) as temporary:
        Image.fromarray(pixels).save(temporary, format="PNG")
