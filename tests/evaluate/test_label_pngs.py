"""``udalib evaluate --predictions``: label PNGs that anybody wrote, found by name and scored."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from udalib.cli import main
from udalib.models import create_network
from udalib.recipes import RunResult, get_recipe
from udalib.recipes.apply.predictions import core_name
from udalib.recipes.spec.options import Options
from udalib.recipes.spec.specs import DatasetSpec


def write(town: Any, pattern: str = "{}_leftImg8bit.png", size: tuple[int, int] | None = None) -> Path:
    """A folder of predictions: the labels' train ids with noise."""
    rng = np.random.default_rng(7)
    for name, label in zip(town.names, town.labels, strict=True):
        path = Path("predicted", pattern.format(name))
        path.parent.mkdir(parents=True, exist_ok=True)
        ids = np.where((rng.random(label.shape) < 0.7) & (label < 19), label, 13)
        Image.fromarray(np.resize(ids, size or town.size).astype(np.uint8)).save(path)
    return Path("predicted")


SCORE = ["evaluate", "--recipe", "gta2cityscapes/source-only-adaptsegnet", "--out", "out", "--predictions", "predicted"]


@pytest.mark.parametrize(
    "pattern",
    [
        "{}_leftImg8bit.png",
        "{}.png",
        "{}_gtFine_labelTrainIds.png",
        "town/{}_leftImg8bit_label.png",
        "{}_leftImg8bit_pred.png",
    ],
)
def test_label_pngs_of_any_usual_name(town: Any, record: Any, pattern: str) -> None:
    folder = write(town, pattern)
    Image.new("RGB", (4, 4)).save(folder / "town_000000_000019_leftImg8bit_color.png")
    Image.new("L", (4, 4)).save(folder / "stray.png")
    assert main(SCORE) == 0
    files = [path for path in sorted(folder.rglob("*town_*19*.png")) if "color" not in path.name]
    iou = town.iou([np.asarray(Image.open(path)) for path in files])
    assert 0.3 < np.nanmean(iou) < 0.95
    assert record("out")["scores"]["miou"] == pytest.approx(np.nanmean(iou))
    assert "label PNGs in predicted" in Path("out/evaluation.md").read_text()


def test_what_evaluate_writes_scores_the_same(trained: RunResult, record: Any) -> None:
    assert main(["evaluate", str(trained.folder), "--device", "cpu", "--out", "maps"]) == 0
    sets = ["--set", "evaluations.target.dataset.length=5"]
    words = ["--recipe", "streets/source-only", "--preset", "quick", *sets]
    assert main(["evaluate", "--predictions", "maps", "--out", "again", *words]) == 0
    assert record("again")["scores"] == record("maps")["scores"]


def test_missing_and_double_files_are_named(town: Any, record: Any, capsys: Any) -> None:
    folder = write(town, "{}_gtFine_labelIds.png")
    assert main(SCORE) == 2
    error = capsys.readouterr().err
    assert "5 of 5 images have no prediction in predicted: town_000000_000019_leftImg8bit, " in error
    assert error.count("town_00000") == 4, "three of the five, and one in the example of a name"
    write(town)
    (folder / "town_000003_000019_leftImg8bit.png").rename(folder / "away.png")
    assert main(SCORE) == 2
    assert (
        "1 of 5 images have no prediction in predicted: town_000003_000019_leftImg8bit. Put" in capsys.readouterr().err
    )
    write(town)
    write(town, "{}_leftImg8bit_label.png")
    assert main(SCORE) == 2
    assert "both belong to the image town_000000_000019_leftImg8bit" in capsys.readouterr().err
    assert not Path("out").exists()


def test_another_size_is_an_error_or_is_left_out_and_counted(town: Any, record: Any, capsys: Any) -> None:
    folder = write(town)
    odd = folder / "town_000002_000019_leftImg8bit.png"
    Image.fromarray(np.asarray(Image.open(odd)).T).save(odd)  # as many pixels, another shape
    assert main(SCORE) == 2
    error = capsys.readouterr().err
    assert f"{Path('predicted') / odd.name}: this prediction is 64 x 128 pixels, its label 128 x 64" in error
    assert "--skip-mismatched" in error
    assert main([*SCORE, "--skip-mismatched"]) == 0
    shown = capsys.readouterr().out
    assert "1 images left out, their predictions have another size than the label: town_000002_000019" in shown
    assert "4 images of cityscapes" in shown
    assert "published" not in shown, "a part of the set is no counterpart of a published number"
    found = record("out")
    assert found["protocol"]["skipped"] == [odd.stem]
    assert sum(map(sum, found["scores"]["confusion"])) < 4 * 64 * 128
    write(town, size=(8, 8))
    assert main([*SCORE, "--skip-mismatched"]) == 2
    assert "none of the 5 predictions in predicted has the size of its label" in capsys.readouterr().err


def test_ids_outside_the_classes_are_misses_and_counted(town: Any, record: Any, capsys: Any) -> None:
    folder = write(town)
    for path in folder.glob("*.png"):
        Image.fromarray(np.full(town.size, 200, np.uint8)).save(path)
    assert main(SCORE) == 0
    found = record("out")["scores"]
    assert found["outside"] > 0
    assert found["miou"] == 0
    assert f"{found['outside']} labelled pixels are predicted as none of the classes" in capsys.readouterr().out
    Image.new("RGB", town.size[::-1]).save(folder / "town_000000_000019_leftImg8bit.png")
    assert main(SCORE) == 2
    assert "this label is a colour image" in capsys.readouterr().err


def test_names_of_a_flat_folder_are_unique_and_found_again(
    record: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng, root = np.random.default_rng(0), tmp_path / "set"
    for city in ("a", "b"):
        for kind, pixels in (("images", rng.integers(0, 255, (32, 64, 3))), ("labels", rng.integers(0, 19, (32, 64)))):
            (root / kind / city).mkdir(parents=True)
            Image.fromarray(pixels.astype(np.uint8)).save(root / kind / city / "one.png")
    base = get_recipe("streets/source-only", "quick")
    spec = base.evaluations[0]
    own = replace(base, evaluations=(replace(spec, dataset=DatasetSpec("folder", Options(root=str(root)), split="x")),))
    monkeypatch.setattr("udalib.cli.evaluate.get_recipe", lambda *_: own)
    network = create_network("streets", 19)
    torch.save(network.state_dict(), "own.pth")
    assert main(["evaluate", "own.pth", "--recipe", "own", "--out", "maps", "--device", "cpu"]) == 0
    assert {p.name for p in Path("maps").glob("*.png")} == {"one.png", "one_color.png", "one-2.png", "one-2_color.png"}
    assert main(["evaluate", "--predictions", "maps", "--recipe", "own", "--out", "again"]) == 0
    assert record("again")["scores"] == record("maps")["scores"]


@pytest.mark.parametrize(
    ("stem", "core"),
    [("a_label", "a"), ("a_pred", "a"), ("a_leftImg8bit", "a"), ("a_labelIds", "a_labelIds"), ("label", "label")],
)
def test_core_names(stem: str, core: str) -> None:
    assert core_name(stem) == core
