"""Decoding of one image or label file, with errors that say what is wrong with which file and what to do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError
from torch import Tensor

from udalib.core.errors import ConfigError, DataError
from udalib.core.lazy import LazyModule
from udalib.core.types import IGNORE_INDEX
from udalib.data.labels import LabelSpace

io = LazyModule("torchvision.io")

DECODERS = ("ids", "first16", "color", "viper", "ids16")
ORIENTATION = 0x0112
"""Number of EXIF's rotation tag."""
AGAIN = "Copy or download it again."


class FileError(DataError):
    """A :class:`DataError` about one file: ``kind`` is a short word for reports, ``remedy`` what to do."""

    def __init__(self, kind: str, path: Path, what: str, remedy: str) -> None:
        super().__init__(f"{path}: {what}. {remedy}")
        self.kind, self.path, self.what, self.remedy = kind, path, what, remedy

    def __reduce__(self) -> tuple[type[FileError], tuple[str, Path, str, str]]:
        return FileError, (self.kind, self.path, self.what, self.remedy)


def require_file(path: Path, role: str) -> None:
    """Raise :class:`FileError` unless ``path`` is a file with content; ``role`` is "image" or "label"."""
    if path.is_symlink() and not path.exists():
        raise FileError(
            "broken-symlink", path, f"this {role} is a link to a file that does not exist", "Mend the link."
        )
    if not path.is_file():
        remedy = "Complete the download" + (", run the converter" if role == "label" else "") + " or check the root."
        raise FileError(f"missing-{role}", path, f"this {role} does not exist", remedy)
    if path.stat().st_size == 0:
        raise FileError("zero-byte", path, f"this {role} file is empty", AGAIN)


@contextmanager
def opened(path: Path, role: str) -> Iterator[Image.Image]:
    """Open and fully decode an image file with Pillow."""
    require_file(path, role)
    try:
        with Image.open(path) as image:
            image.load()
            yield image
    except (UnidentifiedImageError, Image.DecompressionBombError) as error:
        if path.read_bytes()[:8].startswith((b"\x89PNG", b"\xff\xd8")):
            raise FileError("truncated", path, f"this {role} file breaks off in its header", AGAIN) from error
        raise FileError("unreadable", path, f"this {role} is not an image that can be opened", AGAIN) from error
    except (OSError, SyntaxError, ValueError, EOFError) as error:
        kind = "permission" if isinstance(error, PermissionError) else "truncated"
        what = f"this {role} file is truncated or damaged ({error})"
        if kind == "permission":
            raise FileError(kind, path, f"this {role} may not be read", "Change its permissions.") from error
        raise FileError(kind, path, what, AGAIN) from error


def read_image(path: Path) -> Tensor:
    """Image as uint8 (3, H, W) RGB; grey and palette images are converted, a camera's rotation tag is honoured."""
    with opened(path, "image") as image:
        if image.mode.startswith(("I", "F")):
            what = f"this image has more than 8 bits a channel (mode {image.mode})"
            raise FileError("bit-depth", path, what, "Convert it to 8-bit RGB.")
        upright = ImageOps.exif_transpose(image)
        pixels = np.array(upright if upright.mode == "RGB" else upright.convert("RGB"))
    return torch.from_numpy(pixels).permute(2, 0, 1).contiguous()


def picture_size(path: Path) -> tuple[int, int]:
    """(height, width) of the image that :func:`read_image` gives, from the file's head alone."""
    with opened(path, "image") as image:
        width, height = image.size
        turned = image.getexif().get(ORIENTATION, 1) >= 5  # lying on its side
    return (width, height) if turned else (height, width)


def require_end(path: Path, role: str) -> None:
    """Raise :class:`FileError` if a PNG lacks its end marker: it may decode without a complaint all the same."""
    data = path.read_bytes()
    if data.startswith(b"\x89PNG") and b"IEND" not in data[-64:]:
        raise FileError("truncated", path, f"this {role} file ends before its end marker", AGAIN)


def read_ids(path: Path, decode: str, space: LabelSpace) -> NDArray[np.unsignedinteger]:
    """Raw ids of a label file, (H, W), before any id map: uint8, of "ids16" uint16.

    ``decode``: "ids", an 8-bit (or less) grey or palette image whose values are the ids; "ids16", the same with up to
    16 bits; "first16", the first channel, in RGB order, of a 16-bit PNG (SYNTHIA; ids above 255 become 255); "color",
    an RGB image in the colours of ``space`` (other colours become 255); "viper", ids without the ego vehicle
    (:func:`without_ego_vehicle`).
    """
    if decode not in DECODERS:
        raise ConfigError(f"unknown label decoding {decode!r}; choose one of {', '.join(DECODERS)}.")
    if decode == "first16":
        return _first_channel_16(path)
    with opened(path, "label") as image:
        if decode == "color":
            return _color_ids(np.array(image.convert("RGB")), space)
        if decode == "ids16" and image.mode.startswith("I"):
            return _wide_ids(np.array(image), path)
        if image.mode in ("L", "P", "1"):
            ids = np.array(image).astype(np.uint8)
            if decode == "ids16":
                return ids.astype(np.uint16)
            return without_ego_vehicle(ids) if decode == "viper" else ids
        if image.mode.startswith(("I", "F")):
            bits = "16-bit" if decode == "ids16" else "8-bit"
            what = f"this label has more than {bits[:-4]} bits a pixel (mode {image.mode}); expected {bits} class ids"
            remedy = "Convert it, or read it with decode='ids16' (grey) or decode='first16' (colour)."
            raise FileError("bit-depth", path, what, remedy)
        what = f"this label is a colour image (mode {image.mode}); expected one channel of class ids"
        raise FileError("color-label", path, what, "Use the id file instead, or read it with decode='color'.")


def _wide_ids(pixels: NDArray[np.integer], path: Path) -> NDArray[np.uint16]:
    if pixels.min() < 0 or pixels.max() > np.iinfo(np.uint16).max:
        what = f"this label has the ids {pixels.min()} to {pixels.max()}; expected 0 to 65535"
        raise FileError("bit-depth", path, what, "Renumber its classes.")
    return pixels.astype(np.uint16)


def _first_channel_16(path: Path) -> NDArray[np.uint8]:
    """Pillow keeps only the high byte of 16-bit colour PNGs, so torchvision's decoder reads these."""
    require_file(path, "label")
    try:
        data = torch.frombuffer(bytearray(path.read_bytes()), dtype=torch.uint8)
        pixels = io.decode_png(data, mode=io.ImageReadMode.UNCHANGED)
    except RuntimeError as error:
        what = f"this label cannot be decoded as PNG ({str(error).splitlines()[0]})"
        raise FileError("truncated", path, what, AGAIN) from error
    if pixels.dtype != torch.uint16:
        what = f"this label has 8 bits a channel and {pixels.shape[0]} channel(s); the original files have 16 bits"
        raise FileError("bit-depth", path, what, "Use the original files, or decode='ids' for converted ones.")
    first: NDArray[np.uint16] = pixels[0].numpy()
    return np.minimum(first, IGNORE_INDEX).astype(np.uint8)


def without_ego_vehicle(ids: NDArray[np.uint8], vehicle: int = 24) -> NDArray[np.uint8]:
    """Raw ids (H, W) of VIPER in which the car that carries the camera is 0: the part of class ``vehicle`` that touches
    the middle of the bottom row, neighbours by side (quadmix sheet, section 4.3).
    """
    here = ids == vehicle
    part = np.zeros_like(here)
    part[-1, ids.shape[1] // 2] = here[-1, ids.shape[1] // 2]
    size = -1
    while size != part.sum():
        size = int(part.sum())
        for turned, mask in ((part, here), (part.T, here.T)):
            turned[:] = _along_rows(turned, mask) | _along_rows(turned[:, ::-1], mask[:, ::-1])[:, ::-1]
    return np.where(part, 0, ids).astype(np.uint8)


def _along_rows(part: NDArray[np.bool_], mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """``part`` spread to the right inside ``mask``: a pixel is reached if the last start lies behind the last gap."""
    columns = np.arange(1, part.shape[1] + 1)
    start = np.maximum.accumulate(np.where(part & mask, columns, 0), axis=1)
    gap = np.maximum.accumulate(np.where(mask, 0, columns), axis=1)
    return (start > gap) & mask


def _color_ids(pixels: NDArray[np.uint8], space: LabelSpace) -> NDArray[np.uint8]:
    weights = np.array([65536, 256, 1], dtype=np.int64)
    known = space.palette.astype(np.int64) @ weights
    order = np.argsort(known, kind="stable")
    codes = pixels.astype(np.int64) @ weights
    place = np.minimum(np.searchsorted(known[order], codes), len(known) - 1)
    ids = np.where(known[order][place] == codes, order[place], IGNORE_INDEX)
    return ids.astype(np.uint8)
