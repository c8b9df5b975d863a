"""The command line: every command, every exit code, and errors as one line without a traceback."""

from __future__ import annotations

import builtins
import json
import runpy
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from udalib.cli import main
from udalib.engine.record.checkpoint import load_weights
from udalib.engine.stop import RunInterrupted
from udalib.recipes import RECIPES, Options, apply_overrides, get_recipe

SIZES = [f"{place}.dataset.size=32,64" for place in ("streams.source", "evaluations.target", "evaluations.source")]
LENGTHS = ["streams.source.dataset.length=4", *(f"evaluations.{e}.dataset.length=2" for e in ("target", "source"))]
TINY = ["--preset", "quick", "--device", "cpu", "--set", "train.iterations=2", "train.progress=no", *SIZES, *LENGTHS]
RUN = ["run", "streets/source-only", *TINY]


@pytest.fixture(autouse=True, scope="module")
def default_runs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep runs out of the working tree."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("UDALIB_RUNS", str(tmp_path_factory.mktemp("default_runs")))
        yield


@pytest.fixture(scope="module")
def runs(cache: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with two finished runs, seeds 0 and 1."""
    out = tmp_path_factory.mktemp("runs")
    assert main([*RUN, "--seeds", "0", "1", "--out", str(out)]) == 0
    return out


def folder_of(runs: Path, seed: int = 0) -> Path:
    (folder,) = runs.rglob(f"seed{seed}")
    return folder


def test_list_shows_all_recipes_or_those_of_a_pattern(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list"]) == 0
    everything = capsys.readouterr().out
    assert "camvid-day2dusk/oracle" in everything
    assert "Presets: quick" in everything
    assert main(["list", "streets/*"]) == 0
    some = capsys.readouterr().out
    assert "streets/adabn" in some
    assert "camvid-day2dusk" not in some
    assert main(["list", "segformer"]) == 0
    assert "gta2cityscapes/source-only-segformer-mit_b5" in capsys.readouterr().out


def test_show_lists_what_can_be_set_and_the_published_numbers(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["show", "gta2cityscapes/source-only-deeplabv2", "--preset", "paper", "--set", "optimizer.lr=1e-3"]
    assert main(arguments) == 0
    text = capsys.readouterr().out
    assert "optimizer.lr = 0.001" in text
    assert "method.auxiliary_weight = 0.0" in text
    assert "train.iterations = 40000" in text
    assert "published target/miou: 34.3" in text
    assert "method.network =" not in text


def test_run_trains_each_seed_and_reports(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*RUN, "--seeds", "0", "1", "--out", str(runs)]) == 0
    text = capsys.readouterr().out
    assert text.count("had finished before") == 2
    assert "ours: target mIoU" in text
    assert " ± " in text


def test_a_repeated_set_adds_up(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["show", "streets/jitter", "--set", "train.iterations=7", "--set", "optimizer.lr=0.5"]
    assert main(arguments) == 0
    text = capsys.readouterr().out
    assert "train.iterations = 7" in text
    assert "optimizer.lr = 0.5" in text


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["run", "streets/sorce-only"], "unknown recipe 'streets/sorce-only'. Did you mean: streets/source-only"),
        (["run", "streets/jitter", "--preset", "quik"], "unknown preset 'quik'. Did you mean: quick?"),
        (
            ["run", "streets/jitter", "--set", "train.iteration=3"],
            "unknown parameter 'train.iteration'. Did you mean: train.iterations",
        ),
        (["run", "streets/jitter", "--set", "train.iterations=many"], "train.iterations must be int, got 'many'"),
        (["run", "streets/jitter", "--set", "train.iterations"], "an override is written key=value"),
        (["run", "streets/jitter", "--set", "train.seed=3"], "use the argument seed (--seeds)"),
        (["run", "streets/jitter", "--seeds"], "--seeds is empty"),
        (["run", "streets/jitter", "--preset", "quick", "--device", "tpu"], "device is 'tpu'"),
        (["list", "nothing-like-it"], "unknown recipe 'nothing-like-it'"),
        (["report", "no/such/folder"], "there is no folder no/such/folder"),
        (["report", "--format", "tabel"], "unknown report format 'tabel'. Did you mean: table?"),
        (["predict", "no/checkpoint", "."], "there is no checkpoint no/checkpoint"),
        (["predict", "no/checkpoint", "no.png"], "there is no image or folder no.png"),
        (["predict", "no/checkpoint"], "no image was given"),
        (["predict", "no/checkpoint", ".", "--alpha", "3"], "alpha 3.0 within 0 and 1"),
        (["pretrain", "street-things"], "unknown pretraining 'street-things'. Did you mean: streets-things"),
        (["data", "check"], "`udalib data check` needs the name of a data set"),
        (["data", "check", "camwid"], "unknown data set 'camwid'. Did you mean: camvid"),
        (["data", "stats", "camvid", "--split", "train", "val"], "class statistics are of one split"),
    ],
)
def test_a_user_s_error_is_one_line_and_exit_code_2(
    arguments: list[str],
    message: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("UDALIB_RUNS", str(tmp_path))
    Image.new("RGB", (8, 8)).save(tmp_path / "one.png")
    assert main(arguments) == 2
    error = capsys.readouterr().err.strip()
    assert error.startswith("error: ")
    assert message in error
    assert "\n" not in error


@pytest.mark.parametrize("arguments", [["rn"], ["run"], ["run", "x", "--prest", "quick"], ["data", "chek"]])
def test_an_argument_that_does_not_parse_is_exit_code_2(arguments: list[str]) -> None:
    assert main(arguments) == 2


def test_help_is_exit_code_0(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    assert "notebooks" in capsys.readouterr().out
    assert main([]) == 0


def test_a_failing_seed_does_not_stop_the_others(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from udalib.methods import Supervised

    calls: list[int] = []
    step = Supervised.step

    def first_run_diverges(self: Supervised, batches: Any, iteration: int) -> Any:
        calls.append(iteration)
        logs = step(self, batches, iteration)
        return {**logs, "loss": logs["loss"] * float("nan")} if len(calls) <= 2 else logs

    monkeypatch.setattr(Supervised, "step", first_run_diverges)
    assert main([*RUN, "--seeds", "0", "1", "--out", str(tmp_path)]) == 1
    shown = capsys.readouterr()
    assert "error: seed 0: loss became nan" in shown.err
    assert "seed 1: trained" in shown.out
    assert main(["report", str(tmp_path), "--no-classes"]) == 0
    report = capsys.readouterr().out
    assert "No result: " in report
    assert "seed 0): failed: NonFiniteError" in report


def test_pretrain_says_the_accuracy_and_where_the_encoder_is(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = get_recipe("pretrain/streets-things", "quick")
    small = apply_overrides(
        recipe,
        {
            "train.iterations": 2,
            "streams.labelled.dataset.length": 10,
            "streams.labelled.batch_size": 4,
            "evaluations.things.dataset.length": 10,
        },
    )
    monkeypatch.setitem(RECIPES._values, recipe.name, replace(small, presets=Options(quick={}, laptop={}), preset=""))
    arguments = ["pretrain", "streets-things", "--preset", "quick", "--device", "cpu", "--out", str(tmp_path)]
    assert main(arguments) == 0
    shown = capsys.readouterr().out
    weights = tmp_path / "pretrain/streets-things/quick/seed0/last.ckpt"
    results = json.loads((weights.parent / "run.json").read_text())["results"]
    assert f"trained, accuracy {results['things/accuracy']:.1%}" in shown
    assert f"network.encoder.* of {weights}" in shown
    assert 'StartSpec("pretrain/streets-things", part="encoder")' in shown
    assert any(name.startswith("network.encoder.") for name in load_weights(weights))
    assert main(["report", str(tmp_path)]) == 0
    report = capsys.readouterr().out
    assert "ours: things accuracy" in report
    assert "Ours: accuracy by class on things, percent" in report
    assert main(["report", str(tmp_path), "--format", "csv"]) == 0
    assert ",things/class_accuracy,rider," in capsys.readouterr().out
    assert main(["evaluate", str(weights), "--device", "cpu"]) == 2
    assert "a recipe of classification; `udalib predict` and `udalib evaluate` are for seg" in capsys.readouterr().err


def test_an_interrupted_run_says_how_to_resume(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped(*_: Any) -> int:
        raise RunInterrupted("Stopped by SIGTERM; to go on, repeat it.", 15)

    monkeypatch.setattr("udalib.cli.app.run_command", stopped)
    assert main(["run", "x"]) == 143
    assert "to go on, repeat it" in capsys.readouterr().err


def test_without_tyro_the_command_line_says_what_to_install(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    real_import = builtins.__import__

    def no_tyro(name: str, *arguments: Any, **named: Any) -> Any:
        if name.startswith("tyro"):
            raise ModuleNotFoundError("No module named 'tyro'", name="tyro")
        return real_import(name, *arguments, **named)

    for module in [m for m in sys.modules if m.startswith("udalib.cli.")]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setattr(builtins, "__import__", no_tyro)
    assert main(["list"]) == 2
    assert "pip install tyro" in capsys.readouterr().err


@pytest.mark.parametrize(("format", "start"), [("table", "recipe"), ("markdown", "| recipe"), ("csv", "whose,recipe")])
def test_report_formats(runs: Path, format: str, start: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", str(runs), "--format", format]) == 0
    assert capsys.readouterr().out.startswith(start)


def test_report_writes_a_file(runs: Path, tmp_path: Path) -> None:
    assert main(["report", str(runs), "--format", "json", "--out", str(tmp_path / "report.json")]) == 0
    (group,) = json.loads((tmp_path / "report.json").read_text())["groups"]
    assert group["seeds"] == [0, 1]


def test_predict_writes_three_pictures_for_each_image_and_names_broken_ones(
    runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rng = np.random.default_rng(0)
    images = tmp_path / "images"
    (images / "deep").mkdir(parents=True)
    Image.fromarray(rng.integers(0, 255, (37, 91, 3), dtype=np.uint8)).save(images / "a.png")
    Image.fromarray(rng.integers(0, 255, (20, 31), dtype=np.uint8)).save(images / "deep/grey.jpg")
    Image.fromarray(rng.integers(0, 255, (16, 16, 3), dtype=np.uint8)).save(images / "a.jpg")
    (images / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n no")
    out = tmp_path / "out"
    assert main(["predict", str(folder_of(runs)), str(images), "--out", str(out), "--device", "cpu"]) == 1
    shown = capsys.readouterr()
    assert "broken.png" in shown.err
    assert "3 of 4 images predicted" in shown.out
    names = {str(p.relative_to(out)) for p in out.rglob("*.png")}
    stems = ("a.png", "a.jpg", "deep/grey")
    assert names == {f"{stem}_{kind}.png" for stem in stems for kind in ("label", "color", "overlay")}
    label = np.array(Image.open(out / "a.png_label.png"))
    assert (label.shape, label.dtype) == ((37, 91), np.uint8)
    assert label.max() < 19
    assert np.array(Image.open(out / "deep/grey_overlay.png")).shape == (20, 31, 3)


def test_predict_takes_one_image_and_the_best_weights(runs: Path, tmp_path: Path) -> None:
    Image.new("RGB", (50, 40), "grey").save(tmp_path / "x.png")
    weights = folder_of(runs, 1) / "best.safetensors"
    arguments = ["predict", str(weights), str(tmp_path / "x.png"), "--out", str(tmp_path / "o"), "--size", "32", "32"]
    assert main(arguments) == 0
    assert (tmp_path / "o/x_color.png").is_file()


def make_camvid(root: Path) -> None:
    for split, sequence in (("train", "0016E5"), ("val", "0016E5"), ("test", "0001TP")):
        for kind in ("images", "labels"):
            (root / kind / split).mkdir(parents=True)
        number = {"train": 100, "val": 200, "test": 300}[split]
        name = f"{sequence}_{number:05d}.png"
        Image.new("RGB", (480, 360)).save(root / "images" / split / name)
        Image.fromarray(np.full((360, 480), 3, dtype=np.uint8)).save(root / "labels" / split / name)


def test_data_commands(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UDALIB_DATA", str(tmp_path))
    make_camvid(tmp_path / "camvid")
    assert main(["data", "list"]) == 0
    listing = capsys.readouterr().out
    assert f"found at {tmp_path / 'camvid'}" in listing
    assert "Cityscapes: not found" in listing
    assert main(["data", "check", "camvid"]) == 1
    assert "count: " in capsys.readouterr().out
    assert main(["data", "stats", "camvid", "--out", str(tmp_path / "statistics")]) == 0
    assert "Road             100.00 %" in capsys.readouterr().out
    assert (tmp_path / "statistics/samples_with_class.json").is_file()


def test_doctor_shows_what_is_there_and_what_is_missing(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert main(["doctor"]) == 0
    text = capsys.readouterr().out
    assert "torch" in text
    assert "GiB free" in text
    assert "data set cityscapes" in text
    monkeypatch.setattr("udalib.cli.doctor.CORE", ("udalib", "no-such-package"))
    monkeypatch.setattr("udalib.cli.doctor.LOW_DISK_GIB", 1e9)
    assert main(["doctor"]) == 1
    text = capsys.readouterr().out
    assert "problem: the package no-such-package is missing" in text
    assert "problem: only " in text


def test_notebooks_and_bench_parse_their_own_arguments(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Any] = []
    monkeypatch.setattr("udalib.notebooks.main", lambda arguments: seen.append(list(arguments)) or 0)
    assert main(["notebooks", "--preset", "quick"]) == 0
    assert seen == [["--preset", "quick"]]
    monkeypatch.setattr(
        subprocess, "run", lambda command, check: seen.append(command) or subprocess.CompletedProcess(command, 3)
    )
    assert main(["bench", "--quick"]) == 3
    assert seen[1][1:] == ["-m", "benchmarks", "--quick"]


def test_the_package_is_a_program(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "argv", ["udalib", "list", "adabn"])
    with pytest.raises(SystemExit) as end:
        runpy.run_module("udalib.cli", run_name="__main__", alter_sys=True)
    assert end.value.code == 0
    assert capsys.readouterr().out.startswith("streets/adabn")


def test_run_remarks_on_batches_without_a_label(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "run.json").write_text(json.dumps({"name": "streets/advent", "status": "failed", "seed": 0}))
    lines = [{"iteration": 10 * i, "kind": "train", "unlabelled_batches": share} for i, share in enumerate((0.5, 0.0))]
    (folder / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    done = SimpleNamespace(folder=folder, method=None)
    monkeypatch.setattr("udalib.cli.run.run_recipe", lambda *_: done)
    assert main(["run", "streets/advent", "--preset", "quick"]) == 0
    assert "25.0% of the source batches had no labelled pixel" in capsys.readouterr().out
