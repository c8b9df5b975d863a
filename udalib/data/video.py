"""Videos as frames, decoded in order, and frames as a video; needs PyAV, the extra ``video``."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from udalib.core.errors import ConfigError, UdalibError
from udalib.core.files import atomic_path
from udalib.data.sets.reading import AGAIN, FileError, require_file

VIDEO_SUFFIXES = (".mp4", ".m4v", ".mov", ".mkv", ".avi", ".webm", ".mpg", ".mpeg")
CODECS = ("libx264", "mpeg4")
"""Encoders of written videos, the first that PyAV was built with."""
SLACK = 0.25
"""Seconds by which the frames of a whole video may fall short of the duration in its header."""


def require_av() -> Any:
    """The module ``av``.

    Raises:
        ConfigError: PyAV is not installed.
    """
    try:
        import av
    except ImportError as error:
        raise ConfigError("videos need PyAV: pip install 'udalib[video]'.") from error
    return av


@dataclass(frozen=True)
class VideoFacts:
    """What a video's header says.

    Attributes:
        rate: frames a second, the mean where it varies.
        size: (h, w) as it is stored, before a camera's rotation.
        frames: how many there are, 0 where the file does not say.
        duration: in seconds, 0 where the file does not say.
    """

    rate: Fraction
    size: tuple[int, int]
    frames: int
    duration: float


@contextmanager
def _opened(path: Path) -> Iterator[tuple[Any, Any]]:
    """The container and its first video stream; what PyAV cannot do becomes a :class:`FileError`."""
    av = require_av()
    require_file(path, "video")
    try:
        with av.open(str(path)) as container:
            if not container.streams.video:
                raise FileError("unreadable", path, "this file has no video stream", "Give a video.")
            stream = container.streams.video[0]
            stream.thread_type = "AUTO"
            yield container, stream
    except (av.error.FFmpegError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or error
        what = f"this file is no video that can be read, or breaks off ({reason})"
        raise FileError("truncated", path, what, AGAIN) from error


def video_facts(path: Path) -> VideoFacts:
    """Read a video's header.

    Raises:
        ConfigError: PyAV is not installed.
        FileError: the file is missing, empty, broken or no video.
    """
    with _opened(path) as (_, stream):
        return _facts(stream)


def _facts(stream: Any) -> VideoFacts:
    rate = stream.average_rate or stream.guessed_rate or Fraction(25)
    seconds = float(stream.duration * stream.time_base) if stream.duration else _tagged(stream.metadata)
    return VideoFacts(Fraction(rate), (stream.height, stream.width), int(stream.frames), seconds)


def _tagged(metadata: dict[str, str]) -> float:
    """Duration that Matroska files carry as a text, HH:MM:SS.fraction; 0 without one."""
    parts = metadata.get("DURATION", "").split(":")
    try:
        hours, minutes, seconds = map(float, parts)
    except ValueError:
        return 0.0
    return 3600 * hours + 60 * minutes + seconds


def read_frames(path: Path) -> Iterator[Tensor]:
    """Every frame in the order of display, uint8 (3, H, W) RGB, upright.

    Raises:
        ConfigError: PyAV is not installed.
        FileError: the file is no video, is damaged, or ends before the end that its header names.
    """
    with _opened(path) as (container, stream):
        facts, count, end = _facts(stream), 0, 0.0
        height, width = facts.size
        for frame in container.decode(stream):
            pixels = frame.to_ndarray(format="rgb24", width=width, height=height)
            count, end = count + 1, float(frame.time or 0) + 1 / float(facts.rate)
            yield torch.from_numpy(upright(pixels, int(frame.rotation))).permute(2, 0, 1)
    if count < facts.frames or end < facts.duration - SLACK or count == 0:
        of = f" of {facts.frames} frames" if facts.frames else f" frames, of {facts.duration:.1f} s"
        raise FileError("truncated", path, f"this video breaks off after {count}{of}", AGAIN)


def upright(pixels: NDArray[np.uint8], rotation: int) -> NDArray[np.uint8]:
    """A frame (H, W, 3) turned as its camera says, ``rotation`` in degrees against the clock."""
    return np.ascontiguousarray(np.rot90(pixels, round(rotation / 90)))


@contextmanager
def video_writer(path: Path, rate: Fraction) -> Iterator[Callable[[NDArray[np.uint8]], None]]:
    """Yield the function that appends a frame, uint8 (H, W, 3) RGB; the file appears when all are written.

    H.264 (else MPEG-4) in an MP4 file, yuv420p. A side of odd length is made even by repeating the last row or column:
    the chroma of yuv420p has half the size. Sound is not carried over.

    Args:
        path: of the file.
        rate: frames a second.

    Raises:
        ConfigError: PyAV is not installed or has no encoder, or two frames differ in size.
        UdalibError: no frame was written, or the disk is full; an earlier file stays as it was.
    """
    av = require_av()
    with atomic_path(path) as temporary, av.open(str(temporary), "w", format="mp4") as container:
        encoder = _Encoder(container, rate)
        yield encoder.write
        encoder.finish(path)


class _Encoder:
    """The video stream of a container; it begins with the first frame, which gives its size."""

    def __init__(self, container: Any, rate: Fraction) -> None:
        self.av, self.container, self.rate = require_av(), container, rate
        self.stream: Any = None

    def write(self, pixels: NDArray[np.uint8]) -> None:
        even = np.pad(pixels, ((0, pixels.shape[0] % 2), (0, pixels.shape[1] % 2), (0, 0)), mode="edge")
        if self.stream is None:
            self.stream = self._begin(even.shape[0], even.shape[1])
        if even.shape[:2] != (self.stream.height, self.stream.width):
            size, first = even.shape[:2], (self.stream.height, self.stream.width)
            raise ConfigError(f"frames of one video must have one size; one has {size}, the first {first}.")
        frame = self.av.VideoFrame.from_ndarray(np.ascontiguousarray(even), format="rgb24")
        self.container.mux(self.stream.encode(frame))

    def _begin(self, height: int, width: int) -> Any:
        codec = next((name for name in CODECS if name in self.av.codecs_available), None)
        if codec is None:
            raise ConfigError(f"this PyAV has no encoder {' or '.join(CODECS)}; install one of PyPI's wheels of av.")
        options = {"crf": "18"} if codec == "libx264" else {"qscale": "3"}
        stream = self.container.add_stream(codec, rate=self.rate, options=options)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        return stream

    def finish(self, path: Path) -> None:
        if self.stream is None:
            raise UdalibError(f"{path}: there was no frame to write.")
        self.container.mux(self.stream.encode(None))
