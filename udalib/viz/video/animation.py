"""Figures as a short loop: a GIF that shows itself in a notebook and in the page that is made of it."""

from __future__ import annotations

import base64
import html
import io
import os
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image

from udalib.core.errors import ConfigError
from udalib.core.files import atomic_path
from udalib.viz.theme import to_array

COLORS, PAPER = 128, 248
"""Colours of a loop; the least grey level of paper."""


@dataclass(frozen=True)
class Animation:
    """A GIF that loops without end.

    Attributes:
        data: the file's bytes.
        alt: what it shows, in words.
    """

    data: bytes = field(repr=False)
    alt: str

    def _repr_html_(self) -> str:
        """As an HTML image: nbconvert drops ``image/gif``, a page keeps this."""
        text = base64.b64encode(self.data).decode("ascii")
        return f'<img src="data:image/gif;base64,{text}" alt="{html.escape(self.alt, quote=True)}"/>'

    @property
    def frames(self) -> list[NDArray[np.uint8]]:
        """The pictures, uint8 (H, W, 3) each, as a reader of the file sees them."""
        with Image.open(io.BytesIO(self.data)) as file:
            pictures = []
            for index in range(getattr(file, "n_frames", 1)):
                file.seek(index)
                pictures.append(np.asarray(file.convert("RGB")))
        return pictures

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the file, atomically."""
        with atomic_path(path) as temporary:
            temporary.write_bytes(self.data)


def animate(figures: Iterable[Figure], *, milliseconds: int = 500, alt: str = "") -> Animation:
    """Make a loop of figures of one size; all share one palette, so that what stands still does not flicker.

    Args:
        figures: drawn one after the other, so a generator holds one at a time.
        milliseconds: each is shown.
        alt: for those who do not see it.

    Raises:
        ConfigError: no figure, figures of unlike size, or a time below 20 ms, which browsers do not keep.
    """
    arrays = [to_array(figure) for figure in figures]
    sizes = {array.shape[:2] for array in arrays}
    if len(sizes) != 1 or milliseconds < 20:
        raise ConfigError(
            f"give figures of one size and 20 ms or more for each; got sizes {sorted(sizes)} and {milliseconds} ms."
        )
    palette = _palette(np.concatenate([array[::3, ::3] for array in arrays]))
    plain = Image.Dither.NONE
    first, *rest = (Image.fromarray(array).quantize(palette=palette, dither=plain) for array in arrays)
    buffer = io.BytesIO()
    first.save(buffer, "GIF", save_all=True, append_images=rest, duration=milliseconds, loop=0)
    return Animation(buffer.getvalue(), alt)


def _palette(pixels: NDArray[np.uint8]) -> Image.Image:
    """Colours of ``pixels`` (H, W, 3) as a picture's palette; what is nearly white becomes white: it is paper."""
    found = Image.fromarray(pixels).quantize(COLORS)
    colors = np.asarray(found.getpalette(), dtype=np.uint8).reshape(-1, 3)
    colors = np.where(colors.min(1, keepdims=True) >= PAPER, 255, colors)
    found.putpalette(colors.astype(np.uint8).tobytes())
    return found
