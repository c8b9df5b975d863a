"""`udalib adapt`, and `udalib predict` on videos and in windows: from a terminal's words to files."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from udalib.cli import main
from udalib.data.sets.writing import write_folders
from udalib.engine.evaluation.inference import Sliding
from udalib.recipes.apply.predictor import load_predictor
from udalib.world import Streets, render_clip

CODES = {train: 255 * (train == 0) for train in range(19)}
SHORT = ["train.iterations=2", "train.progress=false", "schedule.warmup=1", "streams.source.batch_size=2"]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folders of a source and a target, and a video."""
    place = tmp_path_factory.mktemp("own")
    for style in ("source", "target"):
        drawn = Streets(style, length=4, size=(64, 96), cache=False)
        write_folders(drawn, place / style, place / f"{style}_labels", codes=CODES)
    return place


@pytest.fixture(scope="module")
def run(home: Path) -> Path:
    """Folder of a run that `udalib adapt` made."""
    words = ["adapt", *(str(home / name) for name in ("source", "source_labels", "target"))]
    words += ["--classes", "0=other", "255=road", "--recipe", "own/source-only", "--preset", "quick", "--device", "cpu"]
    assert main([*words, "--set", *SHORT, "--out", str(home / "runs")]) == 0
    (folder,) = home.glob("runs/own/source-only/quick-*/seed0")
    return folder


def test_adapt_says_what_it_found_and_leaves_a_run(home: Path, run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    kept = json.loads((run / "run.json").read_text())
    assert kept["status"] == "finished"
    assert kept["recipe"]["label_space"] == "classes:other,road"
    assert kept["recipe"]["streams"][0]["dataset"]["options"]["ids"] == {"0": 0, "255": 1, "65535": 255}
    words = ["adapt", *(str(home / name) for name in ("source", "source_labels", "target"))]
    assert main([*words, "--look"]) == 0
    shown = capsys.readouterr().out
    assert "source: 4 images of 96 x 64" in shown
    assert "class 1 id 255: id 255, " in shown


def test_the_command_in_the_run_resumes_it(run: Path, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = json.loads((run / "run.json").read_text())
    command = next(value for key, value in words.items() if "command" in key and "udalib run" in str(value))
    import shlex

    assert main(shlex.split(command)[1:]) == 0
    assert "had finished before" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (
            ["--classes", "0=other", "road"],
            "--classes takes ID=NAME, as in 0=other 255=road, or names alone; got 'road'",
        ),
        (["--classes", "x=other"], "got 'x=other'"),
        (["--classes", "a", "b", "c"], "3 names were given (a, b, c), but the labels hold 2 classes, ids 0, 255"),
        (["--recipe", "streets/dacs"], "recipe 'streets/dacs' has data of its own"),
        (["--recipe", "own/dax"], "unknown recipe 'own/dax'. Did you mean: own/dacs"),
        (["--hold-out", "1", "--preset", "quick", "--device", "cpu"], "hold_out is 1; 5 keeps every fifth image"),
    ],
)
def test_what_adapt_refuses(
    home: Path, tmp_path: Path, more: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["adapt", *(str(home / name) for name in ("source", "source_labels", "target"))]
    assert main([*words, *more, "--out", str(tmp_path)]) != 0
    assert message in " ".join(capsys.readouterr().err.split())


def test_predict_in_windows_at_the_images_own_size(home: Path, run: Path, tmp_path: Path) -> None:
    words = ["predict", str(run), str(home / "target"), "--out", str(tmp_path), "--tile", "32", "48", "--device", "cpu"]
    assert main(words) == 0
    assert Image.open(tmp_path / "0000_label.png").size == (96, 64)
    predictor = load_predictor(run, "cpu", tile=(32, 48))
    assert (predictor.size, predictor.inference) == (None, Sliding((32, 48), (16, 24)))
    assert load_predictor(run, "cpu", (64, 64), (32, 48)).size == (64, 64)
    assert load_predictor(run, "cpu").size == (64, 128)


def test_predict_refuses_a_window_without_area(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["predict", str(run), ".", "--tile", "0", "8"]) != 0
    assert "tile (0, 8) must be positive" in capsys.readouterr().err


@pytest.fixture(scope="module")
def drive(home: Path) -> Path:
    """A video of five frames in a folder beside an image and a file that is no video."""
    pytest.importorskip("av", reason="PyAV is not installed: pip install 'udalib[video]'")
    from udalib.data.video import video_writer

    place = home / "drive"
    with video_writer(place / "a.mp4", Fraction(12)) as append:
        for frame in render_clip(3, length=5, style="target", size=(48, 80))["image"]:
            append(frame.permute(1, 2, 0).numpy())
    (place / "broken.mp4").write_bytes((place / "a.mp4").read_bytes()[:300])
    Image.open(home / "target" / "0001.png").save(place / "still.png")
    return place


def test_predict_takes_videos_beside_images(
    drive: Path, run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from udalib.data.video import read_frames, video_facts

    words = ["predict", str(run), str(drive), "--out", str(tmp_path), "--frame-labels", "--device", "cpu"]
    assert main([*words, "--batch-size", "2"]) == 1
    shown = capsys.readouterr()
    assert "2 of 3 images and videos predicted" in shown.out
    assert "skipped: " in shown.err
    assert "broken.mp4: this file is no video that can be read, or breaks off" in shown.err
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["a_labels", "a_overlay.mp4", "still_color.png", "still_label.png", "still_overlay.png"]
    facts = video_facts(tmp_path / "a_overlay.mp4")
    assert (facts.rate, facts.size, facts.frames) == (Fraction(12), (48, 80), 5)
    assert len(list(read_frames(tmp_path / "a_overlay.mp4"))) == 5
    labels = [np.asarray(Image.open(path)) for path in sorted((tmp_path / "a_labels").iterdir())]
    assert [path.name for path in sorted((tmp_path / "a_labels").iterdir())] == [f"{i:06d}.png" for i in range(5)]
    predictor = load_predictor(run, "cpu")
    for frame, label in zip(read_frames(drive / "a.mp4"), labels, strict=True):
        assert np.mean(predictor.labels([frame])[0].numpy() == label) > 0.999  # batches of another size sum otherwise


def test_label_pngs_are_written_on_request_only_and_replaced(drive: Path, run: Path, tmp_path: Path) -> None:
    words = ["predict", str(run), str(drive / "a.mp4"), "--out", str(tmp_path), "--device", "cpu"]
    assert main(words) == 0
    assert [path.name for path in tmp_path.iterdir()] == ["a_overlay.mp4"]
    (tmp_path / "a_labels").mkdir()
    (tmp_path / "a_labels" / "000099.png").write_bytes(b"of an earlier call")
    assert main([*words, "--frame-labels"]) == 0
    assert len(list((tmp_path / "a_labels").iterdir())) == 5


def test_predict_needs_pyav_for_videos_before_anything_is_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.mp4").write_bytes(b"x")
    monkeypatch.setitem(__import__("sys").modules, "av", None)
    assert main(["predict", "no/checkpoint", str(tmp_path / "a.mp4")]) != 0
    assert "videos need PyAV: pip install 'udalib[video]'" in capsys.readouterr().err
