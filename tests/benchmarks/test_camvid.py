"""The CamVid benchmark writes its summary, goes on past a failing recipe, and repeats nothing that has finished."""

from __future__ import annotations

import json
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]


def test_the_summary_holds_seeds_classes_and_machine(
    camvid: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("UDALIB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("UDALIB_DATA", str(tmp_path / "no-data"))
    sizes = [f"{place}.dataset.size=32,64" for place in ("streams.source", "evaluations.target", "evaluations.source")]
    settings = ["train.iterations=1", "train.progress=no", *sizes, "streams.source.dataset.length=4"]
    arguments = ["--preset", "quick", "--seeds", "0", "1", "--runs", str(tmp_path / "runs"), "--device", "cpu"]
    arguments += ["--out", str(tmp_path / "out.json"), "--recipes", "streets/jitter", "camvid-day2dusk/source-only"]
    arguments += ["--set", *settings]
    overrides = settings[:2]
    assert camvid.main([*arguments, *overrides]) == 1  # CamVid is not there, and its stream has no size
    text = (tmp_path / "out.json").read_text()
    record = json.loads(text)
    (group,) = record["groups"]
    assert group["seeds"] == [0, 1]
    assert group["ours"]["target/miou"]["std"] is not None
    assert "road" in group["classes"]["target"]
    assert {run["device"]["type"] for run in record["runs"]} == {"cpu"}
    assert set(record["failed"]) == {f"camvid-day2dusk/source-only seed {seed}" for seed in (0, 1)}
    assert str(tmp_path) not in text
    capsys.readouterr()
    monkeypatch.setattr("udalib.recipes.runner.build_method", lambda *_: pytest.fail("trained again"))
    assert camvid.main([*arguments[: arguments.index("camvid-day2dusk/source-only")], "--set", *settings]) == 0
