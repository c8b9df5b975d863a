"""``udalib evaluate`` on runs, what it writes, and its messages."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from udalib.cli import main
from udalib.core.errors import ConfigError
from udalib.methods import Supervised
from udalib.recipes import RunResult
from udalib.recipes.apply.evaluate import choose_evaluation
from udalib.recipes.apply.evaluation_text import render_evaluation
from udalib.recipes.apply.loading import is_run
from udalib.recipes.apply.model import Model, load_model

CPU = torch.device("cpu")


def test_a_run_gets_exactly_its_own_numbers(trained: RunResult, record: Any, capsys: Any) -> None:
    assert main(["evaluate", str(trained.folder), "--device", "cpu"]) == 0
    shown = capsys.readouterr().out
    found = record(trained.folder / "evaluation/target")
    for key in ("miou", "iou", "confusion", "accuracy"):
        assert found["scores"][key] == trained.results[f"target/{key}"]
    assert f"mIoU, all 19 classes  {100 * trained.results['target/miou']:.2f}" in shown
    assert found["protocol"]["images"] == 5
    assert len(list((trained.folder / "evaluation/target").glob("*_color.png"))) == 5


def test_best_weights_and_another_evaluation(trained: RunResult, record: Any) -> None:
    data = json.loads((trained.folder / "run.json").read_text())
    best = trained.folder / "best.safetensors"
    assert main(["evaluate", str(best), "--device", "cpu", "--no-images"]) == 0
    found = record(trained.folder / "evaluation/target-best")
    assert found["scores"]["miou"] == data["best"]["value"]
    assert found["protocol"]["checkpoints"][0]["file"] == str(best)
    assert not list((trained.folder / "evaluation/target-best").glob("*.png"))
    assert main(["evaluate", str(trained.folder), "--evaluation", "source", "--device", "cpu", "--no-images"]) == 0
    assert record(trained.folder / "evaluation/source")["scores"]["miou"] == trained.results["source/miou"]


def test_limit_and_set_change_what_is_evaluated_and_are_stated(trained: RunResult, record: Any) -> None:
    for words, statement in (
        (["--limit", "2"], "2 images of streets/target, split val (the first 2 at most)"),
        (["--set", "evaluations.target.dataset.length=3"], "--set evaluations.target.dataset.length=3"),
    ):
        assert main(["evaluate", str(trained.folder), *words, "--no-images", "--device", "cpu", "--out", "o"]) == 0
        assert statement in Path("o/evaluation.md").read_text()
        assert record("o")["protocol"]["images"] == (2 if "--limit" in words else 3)
        assert record("o")["scores"]["miou"] != trained.results["target/miou"]


def test_settings_of_the_run_are_used(trained: RunResult, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[bool, bool]] = []
    predict = Supervised.predict

    def watched(self: Supervised, images: torch.Tensor) -> torch.Tensor:
        nhwc = images.is_contiguous(memory_format=torch.channels_last)
        seen.append((nhwc, torch.is_autocast_enabled("cpu")))
        return predict(self, images)

    monkeypatch.setattr(Supervised, "predict", watched)
    model = load_model(trained.folder, CPU)
    assert model.channels_last
    seen.clear()
    images = torch.rand(2, 3, 64, 128)
    model.member(True, 1.0).predict(images)
    half = Model(**{**vars(model), "precision": "bf16-mixed", "channels_last": False})
    assert half.member(True, 1.0).predict(images).dtype == torch.float32
    assert seen == [(True, False), (False, True)]


def test_a_repeated_or_interrupted_evaluation_leaves_no_half(
    trained: RunResult, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ["evaluate", str(trained.folder), "--device", "cpu", "--out", "o"]
    assert main(words) == 0
    before = {path.name: path.read_bytes() for path in Path("o").iterdir()}
    save, calls = Image.Image.save, []

    def stop_in_the_middle(self: Image.Image, path: Any, **options: Any) -> None:
        calls.append(path)
        if len(calls) == 4:
            Path(path).write_bytes(b"half")
            raise KeyboardInterrupt
        save(self, path, **options)

    monkeypatch.setattr(Image.Image, "save", stop_in_the_middle)
    assert main(words) == 130
    left = {path.name: path.read_bytes() for path in Path("o").iterdir()}
    assert "evaluation.json" not in left, "the record of the earlier pictures would stand beside newer ones"
    assert all(before[name] == data for name, data in left.items())
    monkeypatch.setattr(Image.Image, "save", save)
    assert main(words) == 0
    assert {path.name: path.read_bytes() for path in Path("o").iterdir()} == before


def test_the_three_records_say_the_same(trained: RunResult, record: Any) -> None:
    assert main(["evaluate", str(trained.folder), "--device", "cpu", "--out", "o", "--no-images"]) == 0
    scores = record("o")["scores"]
    road = f"{100 * scores['iou']['road']:.2f}"
    assert f"| road | {road} |" in Path("o/evaluation.md").read_text()
    rows = Path("o/evaluation.csv").read_text().splitlines()
    assert rows[0] == "metric,name,percent"
    assert f"iou,road,{100 * scores['iou']['road']:.4f}" in rows
    absent = [name for name, value in scores["iou"].items() if value is None]
    for name in absent:
        assert f"iou,{name},nan" in rows
    assert any(row.startswith("protocol,") and "last.ckpt" in row for row in rows)
    assert re.search(r"^- predicted at 64 x 128", Path("o/evaluation.md").read_text(), re.MULTILINE)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "give checkpoints to evaluate, or a folder of label PNGs"),
        (["x.pth", "--predictions", "d"], "and not both"),
        (["--predictions", "d"], "--predictions needs --recipe NAME"),
        (["--predictions", "d", "--recipe", "streets/jitter"], "there is no folder d"),
        (["--predictions", "d", "--recipe", "streets/jitter", "--weights", "1"], "--weights are those of checkpoints"),
        (["x.pth", "--skip-mismatched"], "--skip-mismatched goes with --predictions"),
        (["no/run"], "there is no checkpoint no/run"),
        (["here.pth"], "here.pth has no run.json beside it that says its network and data; give --recipe NAME"),
        (["no.pth", "--recipe", "streets/jitter"], "no weights file at no.pth"),
        (["here.pth", "--recipe", "streets/jiter"], "unknown recipe 'streets/jiter'. Did you mean: streets/jitter"),
        (["here.pth", "--recipe", "streets/jitter"], "here.pth is truncated or not a file of torch.save"),
        (
            ["RUN", "--evaluation", "tarket"],
            "unknown evaluation of streets/source-only 'tarket'. Did you mean: target?",
        ),
        (["RUN", "--limit", "0"], "limit is 0; at least one image must be left"),
        (["RUN", "--weights", "1", "2"], "weights are 1.0 2.0 for 1 checkpoint; give one for each"),
        (["RUN", "--weights", "-1"], "none of them negative"),
        (["RUN", "--device", "quantum"], "device 'quantum' cannot be used"),
    ],
)
def test_messages(trained: RunResult, arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path("here.pth").write_bytes(b"no weights")
    words = [str(trained.folder) if word == "RUN" else word for word in arguments]
    assert main(["evaluate", *words]) == 2
    error = capsys.readouterr().err.strip()
    assert error.startswith("error: ")
    assert message in error
    assert "\n" not in error


def test_messages_of_the_library(trained: RunResult) -> None:
    bare = replace(trained.recipe, evaluations=())
    with pytest.raises(ConfigError, match="evaluates no segmentation"):
        choose_evaluation(bare, None)
    with pytest.raises(Exception, match="unknown evaluation format 'tabel'. Did you mean: table"):
        render_evaluation(None, "tabel")  # type: ignore[arg-type]
    assert is_run(trained.folder / "last.ckpt")
    assert not is_run(trained.folder / "other.pth")
