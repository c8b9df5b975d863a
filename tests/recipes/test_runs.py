"""Recipes run end to end on miniature data: run folders, resume, failures on record, real-data recipes, predictions."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from pictures import save
from tiny_streets import TINY

from udalib.core.errors import CheckpointError, ConfigError, DataError
from udalib.engine.stop import RunInterrupted
from udalib.recipes import RunResult, read_entries, render, run_recipe, summarise
from udalib.recipes.apply.predictor import find_images, load_predictor, predict_files


@pytest.fixture(scope="module")
def trained(cache: None, tmp_path_factory: pytest.TempPathFactory) -> RunResult:
    """One finished run on tiny streets."""
    out = tmp_path_factory.mktemp("runs")
    return run_recipe("streets/source-only", "quick", 3, "cpu", TINY, out)


def test_a_run_leaves_a_complete_record(trained: RunResult) -> None:
    names = {path.name for path in trained.folder.iterdir()}
    assert {"run.json", "metrics.jsonl", "last.ckpt", "best.safetensors"} <= names
    data = json.loads((trained.folder / "run.json").read_text())
    assert (data["status"], data["name"], data["seed"]) == ("finished", "streets/source-only", 3)
    assert data["recipe"]["preset"] == "quick"
    assert data["recipe"]["world"].startswith("streets-")
    assert data["results"]["target/miou"] == trained.results["target/miou"]
    (group,) = summarise(read_entries([trained.folder])).groups
    assert group.spread("target/miou") is not None
    assert "train.progress" not in group.label
    assert "train.iterations=2" in group.label


@pytest.mark.parametrize("format", ["table", "markdown"])
def test_overrides_stand_below_the_table_under_a_number(trained: RunResult, format: str) -> None:
    text = render(summarise(read_entries([trained.folder])), format)
    assert re.search(r"streets/source-only \[1\]", text)
    (line,) = re.findall(r"^.*\[1\] --set .*$", text, re.MULTILINE)
    assert "train.iterations=2" in line
    assert "train.iterations" not in text.replace(line, "")


def test_a_finished_run_is_read_and_not_repeated(trained: RunResult, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("udalib.recipes.runner.build_method", lambda *_: pytest.fail("trained again"))
    again = run_recipe("streets/source-only", "quick", 3, "cpu", TINY, trained.folder.parents[3])
    assert again.method is None
    assert again.results == trained.results


def test_the_seed_decides_the_numbers_and_nothing_else_does(trained: RunResult, tmp_path: Path) -> None:
    torch.manual_seed(99)  # whatever happened before
    state = torch.random.get_rng_state()
    again = run_recipe("streets/source-only", "quick", 3, "cpu", TINY, tmp_path, resume=False)
    assert again.results == trained.results
    other = run_recipe("streets/source-only", "quick", 4, "cpu", TINY, tmp_path)
    assert other.results != trained.results
    assert other.folder.name == "seed4"
    assert torch.random.get_rng_state().shape == state.shape


def test_a_stopped_run_resumes_to_the_same_numbers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from udalib.methods import Supervised

    overrides = {**TINY, "train.iterations": 4, "train.checkpoint_every": 2}
    whole = run_recipe("streets/source-only", "quick", 0, "cpu", overrides, tmp_path / "whole")
    step = Supervised.step

    def stop_late(self: Supervised, batches: Any, iteration: int) -> Any:
        if iteration == 3:
            raise RuntimeError("power cut")
        return step(self, batches, iteration)

    monkeypatch.setattr(Supervised, "step", stop_late)
    with pytest.raises(RuntimeError, match="power cut"):
        run_recipe("streets/source-only", "quick", 0, "cpu", overrides, tmp_path / "cut")
    assert not read_entries([tmp_path / "cut"])[0].finished
    monkeypatch.setattr(Supervised, "step", step)
    resumed = run_recipe("streets/source-only", "quick", 0, "cpu", overrides, tmp_path / "cut")
    assert resumed.results == whole.results


def test_ctrl_c_says_which_command_resumes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import os
    import signal

    from udalib.methods import Supervised

    step = Supervised.step

    def interrupted(self: Supervised, batches: Any, iteration: int) -> Any:
        os.kill(os.getpid(), signal.SIGINT)
        return step(self, batches, iteration)

    monkeypatch.setattr(Supervised, "step", interrupted)
    with pytest.raises(RunInterrupted, match="udalib run streets/source-only --preset quick --seeds 0 --device cpu"):
        run_recipe("streets/source-only", "quick", 0, "cpu", TINY, tmp_path)


def test_missing_data_is_an_error_and_on_record_as_a_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UDALIB_DATA", str(tmp_path / "empty"))
    overrides = {"network.encoder.name": "mit_b0"}
    with pytest.raises(DataError, match="GTA5 .* was not found"):
        run_recipe("gta2cityscapes/source-only-daformer", "quick", 0, "cpu", overrides, tmp_path / "runs")
    (entry,) = read_entries([tmp_path / "runs"])
    assert not entry.finished
    assert entry.reason.startswith("failed: DataError: GTA5")


def test_missing_weights_are_an_error_that_names_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UDALIB_WEIGHTS", str(tmp_path))
    overrides = {"network.encoder.name": "mit_b0", "network.weights": {"file": "nothing.pth"}}
    with pytest.raises(CheckpointError, match="nothing.pth"):
        run_recipe("gta2cityscapes/source-only-daformer", "quick", 0, "cpu", overrides, tmp_path / "runs")


@pytest.mark.parametrize(("key", "flag"), [("train.seed", "--seeds"), ("train.device", "--device")])
def test_seed_and_device_are_arguments(key: str, flag: str) -> None:
    with pytest.raises(ConfigError, match=f"{key} is not an override.*{flag}"):
        run_recipe("streets/source-only", "quick", overrides={key: "1"})


@pytest.mark.parametrize(
    ("name", "overrides"),
    [
        (
            "gta2cityscapes/source-only-daformer",
            {"network.encoder.name": "mit_b0", "network.decoder.channels": 16, "network.decoder.embed_dims": 16},
        ),
        (
            "gta2cityscapes/source-only-deeplabv2",
            {"network.encoder.name": "timm:mobilenetv2_100", "evaluations.target.subsets": ("cityscapes13",)},
        ),
        ("camvid-day2dusk/source-only", {"network.encoder.pretrained": False}),
        ("camvid-day2dusk/oracle", {"network.encoder.pretrained": False}),
        ("streets2camvid/source-only", {"network.encoder.pretrained": False}),
    ],
)
def test_recipes_on_real_data_run(real_data: Path, tmp_path: Path, name: str, overrides: dict[str, Any]) -> None:
    overrides = {"train.iterations": 2, "train.progress": False, **overrides}
    result = run_recipe(name, "quick", 0, "cpu", overrides, tmp_path / "runs")
    assert 0 <= result.miou <= 1
    if "evaluations.target.subsets" in overrides:
        assert set(result.results["target/subsets"]) == {"cityscapes13"}
    if name.startswith("streets2camvid"):
        assert set(result.results["target/iou"]) == set(result.results["source/iou"])
        assert len(result.results["target/iou"]) == 11


def test_the_adaptsegnet_setting_runs(real_data: Path, tmp_path: Path) -> None:
    overrides = {"train.iterations": 1, "train.progress": False, "network.depth": 50}
    small = {
        f"{place}.sample_transforms.pil_resize.size": (32, 64) for place in ("streams.source", "evaluations.target")
    }
    result = run_recipe(
        "gta2cityscapes/source-only-adaptsegnet", "quick", 0, "cpu", {**overrides, **small}, tmp_path / "runs"
    )
    assert result.recipe.schedule.options["total"] == 250_000
    assert 0 <= result.miou <= 1


def test_a_predictor_gives_back_the_evaluated_predictions(trained: RunResult) -> None:
    assert trained.method is not None
    predictor = load_predictor(trained.folder, "cpu")
    assert predictor.size == (32, 64)
    image = torch.randint(0, 255, (3, 32, 64), dtype=torch.uint8)
    with torch.no_grad():
        want = trained.method.eval().predict(image[None] / 255).argmax(1)[0]
    assert torch.equal(predictor.labels([image])[0].long(), want)


def test_predictions_do_not_depend_on_the_batch(trained: RunResult, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for i, size in enumerate([(40, 60), (40, 60), (50, 30), (40, 60)]):
        save(tmp_path / f"{i}.png", rng.integers(0, 255, (*size, 3)))
    predictor = load_predictor(trained.folder / "best.safetensors", "cpu")
    files = find_images([tmp_path])
    together = list(predict_files(predictor, files, batch_size=4))
    alone = list(predict_files(predictor, files, batch_size=1))
    assert [p.path.name for p in together] == ["0.png", "1.png", "2.png", "3.png"]
    for a, b in zip(together, alone, strict=True):
        assert a.label is not None
        assert b.label is not None
        assert a.image is not None
        assert a.label.shape == a.image.shape[-2:]
        assert (a.label == b.label).float().mean() > 0.99


def test_the_working_size_keeps_area_and_shape(trained: RunResult) -> None:
    predictor = load_predictor(trained.folder, "cpu", size=(30, 120))
    assert predictor.working_size(600, 600) == (60, 60)


def test_what_cannot_be_loaded_says_why(trained: RunResult, tmp_path: Path) -> None:
    weights = (trained.folder / "best.safetensors").read_bytes()
    (tmp_path / "best.safetensors").write_bytes(weights)
    record = json.loads((trained.folder / "run.json").read_text())
    cases = [
        (tmp_path / "none", "there is no checkpoint"),
        (tmp_path / "best.safetensors", "has no run.json beside it"),
    ]
    for path, message in cases:
        with pytest.raises(CheckpointError, match=message):
            load_predictor(path)
    record["recipe"]["network"]["options"]["width"] = 24
    (tmp_path / "run.json").write_text(json.dumps(record))
    with pytest.raises(CheckpointError, match="does not fit the recipe in its run.json"):
        load_predictor(tmp_path, "cpu")
    (tmp_path / "best.safetensors").unlink()
    with pytest.raises(CheckpointError, match="holds neither last.ckpt nor best.safetensors"):
        load_predictor(tmp_path)
    with pytest.raises(ConfigError, match="device 'quantum' cannot be used"):
        load_predictor(trained.folder, "quantum")
