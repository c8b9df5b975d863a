"""Videos as frames and back; what is no video, or breaks off, is named. Skipped without PyAV."""

import builtins
from fractions import Fraction

import numpy as np
import pytest

from udalib.core.errors import ConfigError, UdalibError
from udalib.data.sets.reading import FileError
from udalib.data.video import read_frames, upright, video_facts, video_writer

av = pytest.importorskip("av", reason="PyAV is not installed: pip install 'udalib[video]'")


def frames(count=6, size=(32, 48)):
    """Smooth pictures, which a codec keeps nearly as they are; each is brighter than the one before."""
    rows, columns = np.meshgrid(np.linspace(0, 60, size[0]), np.linspace(0, 60, size[1]), indexing="ij")
    return [np.stack([rows, columns, rows / 2], 2).astype(np.uint8) + np.uint8(6 * i) for i in range(count)]


def write(path, pictures, rate=Fraction(15), options=None, codec="libx264"):
    with av.open(str(path), "w", options=options or {}) as container:
        stream = container.add_stream(codec, rate=rate)
        stream.width, stream.height, stream.pix_fmt = pictures[0].shape[1], pictures[0].shape[0], "yuv420p"
        for picture in pictures:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode(None))
    return path


@pytest.mark.parametrize("rate", [Fraction(15), Fraction(30000, 1001)])
def test_what_is_written_is_read_in_order_and_at_its_rate(tmp_path, rate):
    pictures, path = frames(), tmp_path / "a.mp4"
    with video_writer(path, rate) as append:
        for picture in pictures:
            append(picture)
    facts = video_facts(path)
    assert (facts.rate, facts.size, facts.frames) == (rate, (32, 48), 6)
    back = list(read_frames(path))
    assert [tuple(frame.shape) for frame in back] == [(3, 32, 48)] * 6
    for frame, picture in zip(back, pictures, strict=True):  # 4:2:0 and a lossy codec: a few grey levels
        assert abs(frame.permute(1, 2, 0).numpy().astype(int) - picture).mean() < 6
    with av.open(str(path)) as container:
        assert container.streams.video[0].pix_fmt == "yuv420p"


def test_odd_sides_are_made_even(tmp_path):
    with video_writer(tmp_path / "a.mp4", Fraction(10)) as append:
        for picture in frames(2, (31, 47)):
            append(picture)
    assert video_facts(tmp_path / "a.mp4").size == (32, 48)


def test_nothing_is_left_of_a_video_that_failed(tmp_path):
    (tmp_path / "a.mp4").write_bytes(b"earlier")
    with pytest.raises(KeyError), video_writer(tmp_path / "a.mp4", Fraction(10)) as append:
        append(frames()[0])
        raise KeyError("stop")
    with pytest.raises(UdalibError, match="no frame to write"), video_writer(tmp_path / "a.mp4", Fraction(10)):
        pass
    with (
        pytest.raises(ConfigError, match="must have one size"),
        video_writer(tmp_path / "b.mp4", Fraction(10)) as append,
    ):
        append(frames()[0])
        append(frames(size=(16, 16))[0])
    assert [path.name for path in tmp_path.iterdir()] == ["a.mp4"]
    assert (tmp_path / "a.mp4").read_bytes() == b"earlier"


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv"])
def test_a_video_that_breaks_off_is_noticed(tmp_path, name):
    whole = write(tmp_path / name, frames(20), options={"movflags": "faststart"} if name == "a.mp4" else {})
    assert len(list(read_frames(whole))) == 20
    cut = tmp_path / f"cut{name}"
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    with pytest.raises(FileError, match="breaks off") as caught:
        list(read_frames(cut))
    assert caught.value.kind == "truncated"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "this video does not exist"),
        (b"", "this video file is empty"),
        (b"no video at all" * 50, "is no video that can be read"),
    ],
)
def test_no_video(tmp_path, content, message):
    path = tmp_path / "a.mp4"
    if content is not None:
        path.write_bytes(content)
    for read in (video_facts, lambda p: list(read_frames(p))):
        with pytest.raises(FileError, match=message):
            read(path)


def test_sound_alone_is_no_video(tmp_path):
    path = tmp_path / "a.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=8000)
        sound = av.AudioFrame.from_ndarray(np.zeros((1, 800), np.int16), format="s16", layout="mono")
        sound.sample_rate = 8000
        container.mux(stream.encode(sound))
        container.mux(stream.encode(None))
    with pytest.raises(FileError, match="has no video stream"):
        video_facts(path)


def test_a_rotated_frame_is_upright():
    frame = np.arange(2 * 3 * 3, dtype=np.uint8).reshape(2, 3, 3)
    assert upright(frame, 0).shape == (2, 3, 3)
    right = upright(frame, -90)  # a quarter with the clock: the lower left corner becomes the upper left one
    assert right.shape == (3, 2, 3)
    assert (right[0, 0] == frame[1, 0]).all()
    assert (upright(frame, 180) == frame[::-1, ::-1]).all()


def test_without_pyav_the_extra_is_named(tmp_path, monkeypatch):
    def missing(name, *arguments, **named):
        if name == "av":
            raise ImportError(name)
        return real(name, *arguments, **named)

    real = builtins.__import__
    monkeypatch.setattr(builtins, "__import__", missing)
    for start in (lambda: video_facts(tmp_path), lambda: video_writer(tmp_path / "a.mp4", Fraction(10)).__enter__()):
        with pytest.raises(ConfigError, match=r"videos need PyAV: pip install 'udalib\[video\]'"):
            start()
