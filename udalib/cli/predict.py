"""``udalib predict``."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from numpy.typing import NDArray
from PIL import Image
from tqdm import tqdm
from tyro.conf import Positional

from udalib.core.errors import ConfigError
from udalib.core.files import atomic_path
from udalib.recipes.apply.predictor import Numbering, Prediction, Predictor, find_images, load_predictor, predict_files


def predict(
    checkpoint: Positional[Path],
    images: Positional[tuple[Path, ...]],
    out: Path = Path("predictions"),
    size: tuple[int, int] | None = None,
    batch_size: int = 4,
    alpha: float = 0.5,
    device: str = "auto",
) -> int:
    """Predict images: for each an overlay, a label PNG (train ids) and a colour PNG.

    Args:
        checkpoint: run folder (final weights), last.ckpt or best.safetensors with its run.json beside it.
        images: image files or folders of them, any size.
        out: folder to write to.
        size: height and width whose area images are scaled to; default: the size the recipe evaluates at.
        batch_size: images predicted together, if they have one size.
        alpha: opacity of the classes in the overlay, 0 to 1.
        device: auto, cpu, cuda, cuda:N or mps.
    """
    if batch_size < 1 or not 0 <= alpha <= 1 or (size is not None and min(size) < 1):
        raise ConfigError(f"batch_size {batch_size} and size {size} must be positive, alpha {alpha} within 0 and 1.")
    if not images:
        raise ConfigError("no image was given; name files or folders after the checkpoint.")
    files = find_images(images)
    predictor = load_predictor(checkpoint, device, size)
    names = output_names([relative for _, relative in files])
    broken = 0
    bar = tqdm(predict_files(predictor, files, batch_size), total=len(files), desc="predict", disable=None)
    targets = {path: out / name for (path, _), name in zip(files, names, strict=True)}
    for prediction in bar:
        if prediction.label is None:
            broken += 1
            print(f"skipped: {prediction.error}", file=sys.stderr)
        else:
            write(prediction, predictor, targets[prediction.path], alpha)
    done = len(files) - broken
    print(f"{done} of {len(files)} images predicted with {predictor.weights}, written to {out}")
    return 1 if broken else 0


def output_names(relative: Sequence[Path]) -> list[Path]:
    """Path without suffix for each image's outputs; images that differ in nothing else keep their suffix.

    >>> [str(p) for p in output_names([Path("a.png"), Path("b.jpg"), Path("b.png")])]
    ['a', 'b.jpg', 'b.png']
    """
    counts = Counter(path.with_suffix("") for path in relative)
    names = [path if counts[path.with_suffix("")] > 1 else path.with_suffix("") for path in relative]
    return list(map(Path, map(Numbering(), map(str, names))))  # two of the given folders may hold the same file name


def write(prediction: Prediction, predictor: Predictor, target: Path, alpha: float) -> None:
    """Write the three pictures of one prediction beside each other."""
    from udalib.viz.pictures.labels import colorize, overlay  # matplotlib loads slowly

    assert prediction.label is not None
    space, label = predictor.label_space, prediction.label.numpy()
    save_png(target.with_name(f"{target.name}_label.png"), label)
    save_png(target.with_name(f"{target.name}_color.png"), colorize(label, space))
    save_png(target.with_name(f"{target.name}_overlay.png"), overlay(prediction.image, label, space, alpha))


def save_png(path: Path, pixels: NDArray[Any]) -> None:
    """Write uint8 (H, W) or (H, W, 3) as PNG, atomically."""
    with atomic_path(path) as temporary:
        Image.fromarray(pixels).save(temporary, format="PNG")
