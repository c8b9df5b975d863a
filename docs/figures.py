"""Draw the pictures of the README: ``python docs/figures.py``."""

from pathlib import Path

import numpy as np
from PIL import Image

from udalib.data import label_space
from udalib.viz import colorize
from udalib.world import render

FOLDER = Path(__file__).parent
SIZE = (128, 256)
SCENES = (10, 11, 14)
WEATHER = ("target", "fog", "rain", "night")


def picture(scene: int, style: str) -> np.ndarray:
    """One image, uint8 (H, W, 3)."""
    return render(scene, style=style, size=SIZE)["image"].permute(1, 2, 0).numpy()


def labels(scene: int, style: str) -> np.ndarray:
    """Its label map in the Cityscapes colours, uint8 (H, W, 3)."""
    return colorize(render(scene, style=style, size=SIZE)["label"], label_space("cityscapes19"))


def streets() -> None:
    """Source and target pictures with their labels; below, one scene in four weathers."""
    rows = [[draw(scene, style) for style in ("source", "target") for draw in (picture, labels)] for scene in SCENES]
    rows.append([picture(3, style) for style in WEATHER])
    Image.fromarray(np.vstack([np.hstack(row) for row in rows])).save(FOLDER / "streets.jpg", quality=90)


if __name__ == "__main__":
    streets()
