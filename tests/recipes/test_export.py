"""A run taken out: programs give the run's own logits, the card says what it is, and what is wrong is named."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from tiny_streets import TINY

from udalib.cli import main
from udalib.core.errors import ConfigError, UnknownNameError
from udalib.recipes import RunResult, run_recipe
from udalib.recipes.apply import export as exporting
from udalib.recipes.apply.export import export_run


@pytest.fixture(scope="module")
def run(cache: None, tmp_path_factory: pytest.TempPathFactory) -> RunResult:
    return run_recipe("streets/source-only", "quick", 0, "cpu", TINY, tmp_path_factory.mktemp("runs"))


@pytest.fixture(scope="module")
def exported(run: RunResult, tmp_path_factory: pytest.TempPathFactory) -> exporting.Export:
    return export_run(run.folder, tmp_path_factory.mktemp("export"))


def test_the_program_gives_the_runs_logits_for_any_batch_size(run: RunResult, exported: exporting.Export) -> None:
    assert run.method is not None
    program = torch.export.load(str(exported.files["torch"])).module()
    for batch in (1, 3):
        images = torch.rand(batch, 3, *exported.size)
        with torch.inference_mode():
            wanted = run.method.eval().predict(images)
        torch.testing.assert_close(program(images), wanted, rtol=1e-4, atol=1e-4)
    assert exported.difference["torch"] <= exporting.TOLERANCE


def test_weights_carry_the_names_of_the_method(run: RunResult, exported: exporting.Export) -> None:
    assert run.method is not None
    state = load_file(exported.files["safetensors"])
    assert state.keys() == run.method.state_dict().keys()
    assert exported.files["safetensors"].stat().st_mode & 0o044, "colleagues may read it"


def test_card_and_configuration_say_what_it_is(run: RunResult, exported: exporting.Export) -> None:
    card = exported.files["card"].read_text()
    assert card.startswith("# streets/source-only, seed 0")
    assert f"{100 * run.results['target/miou']:.1f}" in card
    assert "udalib run streets/source-only" in card
    known = json.loads(exported.files["config"].read_text())
    assert known["input"]["size"] == [32, 64]
    assert len(known["classes"]) == len(known["colors"]) == 19


def test_onnx(run: RunResult, tmp_path: Path) -> None:
    pytest.importorskip("onnx", reason="onnx is not installed (udalib[export])")
    pytest.importorskip("onnxscript", reason="onnxscript is not installed (udalib[export])")
    done = export_run(run.folder, tmp_path, ("onnx",))
    assert 0 <= done.difference["onnx"] <= exporting.TOLERANCE
    assert done.files["onnx"].is_file()


def test_a_program_with_other_logits_is_not_kept(
    run: RunResult, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = exporting._torch_program
    monkeypatch.setattr(exporting, "_torch_program", lambda *given: 1.01 * written(*given))
    with pytest.raises(ConfigError, match="gives other logits than the run"):
        export_run(run.folder, tmp_path, ("torch",))
    assert not (tmp_path / "model.pt2").exists()


def test_a_wrong_format_and_a_missing_size_are_named(
    run: RunResult, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(UnknownNameError, match="safetensors"):
        export_run(run.folder, tmp_path, ("safetensor",))
    monkeypatch.setattr("udalib.recipes.apply.predictor.evaluation_size", lambda _: None)
    with pytest.raises(ConfigError, match="--size HEIGHT WIDTH"):
        export_run(run.folder, tmp_path)


def test_the_command(run: RunResult, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert (
        main(["export", str(run.folder), "--out", str(tmp_path), "--formats", "safetensors", "--size", "64", "64"]) == 0
    )
    assert "images of 64 x 64" in capsys.readouterr().out
    assert sorted(path.name for path in tmp_path.iterdir()) == ["README.md", "config.json", "model.safetensors"]
