"""``udalib predict`` on a run of detection: overlays, COCO results, pieces, ids of others, and what it refuses."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from udalib.cli import main
from udalib.data.labels import label_space
from udalib.methods.detection import Detection
from udalib.recipes import get_recipe
from udalib.recipes.apply.detecting import CocoIds, coco_results, detect
from udalib.recipes.apply.predictor import load_predictor
from udalib.recipes.runner import execute

SIZES = {f"{part}.dataset.{key}": value for part in ("streams.labelled", "evaluations.boxes")
         for key, value in (("size", (64, 64)), ("length", 2))}  # fmt: skip


@pytest.fixture(scope="module")
def run(cache: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of one iteration from scratch."""
    recipe = get_recipe("streets-boxes/fpn", "quick", {**SIZES, "train.iterations": 1, "train.progress": False})
    out = tmp_path_factory.mktemp("boxes")
    return execute(replace(recipe, start=None, train=replace(recipe.train, device="cpu")), out=out).folder


def bright(images: torch.Tensor) -> list[dict[str, torch.Tensor]]:
    """A detector that knows: one box around all bright pixels of a picture, a car."""
    found = []
    for image in images:
        rows, columns = (image[0] > 0.5).nonzero(as_tuple=True)
        box = [[columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]] if len(rows) else []
        boxes = torch.tensor(box, dtype=torch.float32).view(-1, 4)
        found.append({"boxes": boxes, "scores": torch.full((len(boxes),), 0.9), "labels": torch.full((len(boxes),), 4)})
    return found


@pytest.fixture
def knowing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Detection, "predict", lambda _self, images: bright(images))


@pytest.fixture
def photo(tmp_path: Path) -> Callable[[str], Path]:
    """Writes a black picture of 96 x 128 with a white rectangle: rows 24 to 48, columns 32 to 64."""

    def write(name: str) -> Path:
        pixels = np.zeros((96, 128, 3), np.uint8)
        pixels[24:48, 32:64] = 255
        (tmp_path / "photos").mkdir(exist_ok=True)
        Image.fromarray(pixels).save(tmp_path / "photos" / name)
        return tmp_path / "photos"

    return write


def read(out: Path) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    return tuple(json.loads((out / name).read_text()) for name in ("detections.json", "images.json"))  # type: ignore[return-value]


@pytest.mark.usefixtures("knowing")
@pytest.mark.parametrize("more", [[], ["--tile", "64", "64"], ["--size", "96", "128", "--tile", "200", "200"]])
def test_boxes_lie_in_the_pixels_of_the_picture(
    run: Path, photo: Any, tmp_path: Path, more: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    folder, out = photo("a.png"), tmp_path / "out"
    (folder / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n no")
    assert main(["predict", str(run), str(folder), "--out", str(out), "--device", "cpu", *more]) == 1
    shown = capsys.readouterr()
    assert "broken.png" in shown.err
    assert "1 of 2 images searched" in shown.out
    results, listed = read(out)
    assert listed["images"] == [{"id": 1, "file_name": "a.png", "height": 96, "width": 128}]
    assert [c["name"] for c in listed["categories"] if c["id"] == 5] == ["car"]
    if not more:  # scaled to the recipe's area: two pixels of a scaled box are three here
        (only,) = results
        assert only["bbox"] == pytest.approx([32, 24, 32, 24], abs=3)
    best = max(results, key=lambda each: each["bbox"][2] * each["bbox"][3])
    assert (best["image_id"], best["category_id"], best["score"]) == (1, 5, 0.9)
    if more:
        assert best["bbox"] == [32, 24, 32, 24]
    overlay = np.array(Image.open(out / "a_overlay.png"))
    assert overlay.shape == (480, 640, 3)  # enlarged five times, so that the names can be read
    assert {p.name for p in out.iterdir()} == {"a_overlay.png", "detections.json", "images.json"}


@pytest.mark.usefixtures("knowing")
def test_a_score_is_drawn_from_its_threshold_on(run: Path, photo: Any, tmp_path: Path) -> None:
    folder, pictures = photo("a.png"), []
    for score in ("0.8", "0.95"):
        out = tmp_path / score
        assert main(["predict", str(run), str(folder), "--out", str(out), "--score", score, "--device", "cpu"]) == 0
        assert len(read(out)[0]) == 1
        pictures.append(np.array(Image.open(out / "a_overlay.png")))
    plain = np.array(Image.open(folder / "a.png")).repeat(5, 0).repeat(5, 1)
    assert not np.array_equal(pictures[0], plain)
    assert np.array_equal(pictures[1], plain)


@pytest.mark.usefixtures("knowing")
def test_ids_of_a_coco_file_are_used_and_what_it_lacks_is_named(
    run: Path, photo: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names = list(reversed(label_space("cityscapes_things").names))
    data = {
        "images": [{"id": 77, "file_name": "a.png"}],
        "categories": [{"id": 100 + i, "name": name} for i, name in enumerate(names)],
    }
    file = tmp_path / "instances.json"
    words = ["predict", str(run), str(photo("a.png")), "--out", str(tmp_path / "o"), "--annotations", str(file)]
    file.write_text(json.dumps(data))
    assert main(words) == 0
    (only,) = read(tmp_path / "o")[0]
    assert (only["image_id"], only["category_id"]) == (77, 100 + names.index("car"))
    photo("b.png")
    assert main(words) == 2
    assert "does not list b.png; leave the picture out" in capsys.readouterr().err
    file.write_text(json.dumps({**data, "categories": data["categories"][1:]}))
    assert main(words) == 2
    assert "no category 'bicycle'" in capsys.readouterr().err
    file.write_text("{}")
    assert main(words) == 2
    assert "not in COCO's format" in capsys.readouterr().err


def test_videos_and_numbers_without_sense_are_refused(
    run: Path, photo: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("av")
    (tmp_path / "drive.mp4").write_bytes(b"no")
    assert main(["predict", str(run), str(tmp_path / "drive.mp4")]) == 2
    assert "give a video's frames" in capsys.readouterr().err
    assert main(["predict", str(run), str(photo("a.png")), "--score", "2"]) == 2
    assert "score 2.0 likewise" in capsys.readouterr().err


def test_an_untrained_detector_gives_the_same_boxes_alone_and_in_a_batch(run: Path) -> None:
    predictor = load_predictor(run, "cpu")
    head = predictor.method.network.head  # type: ignore[union-attr]
    head.selection = replace(head.selection, threshold=0.0, per_image=5)  # type: ignore[operator, union-attr]
    random = torch.Generator().manual_seed(0)
    images = [torch.randint(256, (3, 48, 80), generator=random, dtype=torch.uint8) for _ in range(2)]
    together, alone = detect(predictor, images), detect(predictor, images[1:])
    assert len(together[0]["boxes"]) == 5
    torch.testing.assert_close(together[1]["boxes"], alone[0]["boxes"], atol=1e-3, rtol=0)
    ids = CocoIds(predictor.label_space)
    rows = coco_results(alone[0], 3, predictor.label_space, ids)
    assert all(r["bbox"][2] >= 0 and 1 <= r["category_id"] <= 10 and r["image_id"] == 3 for r in rows)
