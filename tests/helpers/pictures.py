"""Pictures on the disk."""

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image


def save(path: Path, pixels: np.ndarray[Any, Any]) -> None:
    """Write (H, W) or (H, W, 3) as 8 bits; folders are made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels.astype(np.uint8)).save(path)
