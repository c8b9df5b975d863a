"""``udalib embed`` on finished runs: what it writes, and its messages; two recipes from training to files."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tiny_streets import TINY

from udalib.analysis.features import Sampling, collect
from udalib.cli import main
from udalib.core.errors import CheckpointError, ConfigError, UnknownNameError
from udalib.recipes import run_recipe

SMALL = ["--per-class", "12", "--minimum", "8", "--cell", "4", "--perplexity", "5", "--iterations", "250"]
MORE = {**TINY, "evaluations.target.dataset.length": 4, "evaluations.source.dataset.length": 4}
LINES = ["run", "layer", "point", "domain", "image", "top", "bottom", "left", "right", "class", "predicted"]


@pytest.fixture(scope="module")
def runs(cache: None, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two finished runs of few iterations."""
    out = tmp_path_factory.mktemp("runs")
    names = ("streets/source-only", "streets/jitter")
    return [run_recipe(name, "quick", 0, "cpu", MORE, out).folder for name in names]


def test_two_recipes_are_trained_embedded_and_measured(
    runs: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    layers = ["--layer", "encoder.2", "decoder"]
    assert main(["embed", *map(str, runs), *layers, *SMALL, "--stable", "--out", str(out), "--device", "cpu"]) == 0
    shown = capsys.readouterr().out
    assert sorted(path.name for path in out.iterdir()) == ["figure.png", "measures.json", "points.csv"]
    record = json.loads((out / "measures.json").read_text())
    assert record["runs"] == ["streets/source-only", "streets/jitter"]
    assert record["layers"] == ["encoder.2", "decoder"]
    assert set(record["target_miou"]) == set(record["runs"])
    assert 0 <= record["measures"]["streets/jitter"]["decoder"]["a_distance"] <= 2
    assert len(record["stability"]["decoder"]["settings"]) == 9
    with (out / "points.csv").open() as file:
        rows = list(csv.DictReader(file))
    points = sum(sum(counts) for counts in record["points"].values())
    assert len(rows) == 2 * 2 * points
    assert list(rows[0])[:11] == LINES
    same = [{key: row[key] for key in LINES[2:10]} for row in rows]
    assert same[:points] == same[points : 2 * points] == same[-points:]  # the same pixels in every layer and run
    assert np.array(Image.open(out / "figure.png")).std() > 5
    assert f"{points} points of {len(record['points'])} classes in 8 images" in shown
    assert "proxy A-distance ↓" in shown
    assert "left out, too few pure cells (source/target): " in shown
    assert "of the neighbours stay over perplexity and seed" in shown
    assert f"written to {out}" in shown


def test_the_same_command_writes_the_same_points(runs: list[Path], tmp_path: Path) -> None:
    for name in ("a", "b"):
        arguments = ["embed", str(runs[0]), *SMALL, "--separate", "--color", "error", "--out", str(tmp_path / name)]
        assert main([*arguments, "--device", "cpu"]) == 0
    assert (tmp_path / "a/points.csv").read_bytes() == (tmp_path / "b/points.csv").read_bytes()
    record = json.loads((tmp_path / "a/measures.json").read_text())
    assert record["embedding"]["how"] == "separate"
    assert record["residual"][0]["residual"] == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "no run was given"),
        (["no/such/run"], "there is no checkpoint no/such/run"),
        (["RUN", "--layer", "decodr"], "unknown layer 'decodr'. Did you mean: decoder"),
        (["RUN", "--layer", "decoder", "decoder"], "name one or more, each once"),
        (["RUN", "--classes", "bycicle"], "unknown class of cityscapes19 'bycicle'. Did you mean: bicycle"),
        (["RUN", "--classes", "rider", "--cell", "16"], "fewer than 10 pure cells of rider (source "),
        (["RUN", "--domains", "source", "night"], "unknown evaluation of streets/source-only 'night'"),
        (["RUN", "--purity", "0.3"], "purity is 0.3"),
        (["RUN", "--cell", "0"], "cells of 0 pixels"),
        (["RUN", "--images", "0"], "limit is 0; at least one image"),
        (["RUN", "--perplexity", "5000"], "a perplexity of 5000 needs more than 15000 points"),
        (["RUN", "--device", "tpu"], "device 'tpu' cannot be used"),
        (["RUN", "--recipe", "streets/jiter"], "unknown recipe 'streets/jiter'"),
    ],
)
def test_a_user_s_error_is_one_line_and_nothing_is_written(
    arguments: list[str],
    message: str,
    runs: list[Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    words = [str(runs[0]) if word == "RUN" else word for word in arguments]
    assert main(["embed", *words]) == 2
    error = capsys.readouterr().err.strip()
    assert error.startswith("error: ")
    assert message in error
    assert "\n" not in error
    assert list(tmp_path.iterdir()) == []


def test_weights_that_diverged_are_named(runs: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    from udalib.methods import Supervised

    def nothing(self: Supervised, images: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.network(images * torch.nan)
        return torch.nn.functional.interpolate(logits, images.shape[-2:])

    monkeypatch.setattr(Supervised, "predict", nothing)
    with pytest.raises(Exception, match="of the layer 'decoder' of streets/source-only hold NaN or infinity"):
        collect(runs[:1], sampling=Sampling(per_class=4, minimum=2, cell=8), device="cpu")


def test_runs_are_told_apart_and_weights_are_checked(runs: list[Path], tmp_path: Path) -> None:
    sampling = Sampling(per_class=4, minimum=2, cell=8)
    twice = collect([runs[0], runs[0] / "best.safetensors"], sampling=sampling, device="cpu")
    assert twice.runs == ("streets/source-only", "streets/source-only-2")
    assert list(twice.scores) == ["streets/source-only"]  # what is recorded is the score of the last weights
    other = run_recipe("streets/source-only", "quick", 3, "cpu", MORE, tmp_path).folder
    named = collect([runs[0], other], sampling=sampling, device="cpu")
    assert named.runs == ("streets/source-only seed 0", "streets/source-only seed 3")
    assert named.scores["streets/source-only seed 3"] > 0
    with pytest.raises(CheckpointError, match="neither last.ckpt nor best.safetensors"):
        collect([tmp_path], device="cpu")
    with pytest.raises(UnknownNameError, match="unknown evaluation"):
        collect(runs, domains=("target", "sorce"), device="cpu")
    with pytest.raises(ConfigError, match="no run was given"):
        collect([], device="cpu")
