"""The one-call GPU script works; here on the CPU, with two of its modes and the adversarial parts at tiny size."""

import json

import pytest
from tiny_streets import TINY


def test_the_record_has_a_line_a_mode_and_an_error_is_kept(gpu, tmp_path, monkeypatch):
    modes = ["float32", "bfloat16", "broken"]
    every = {**gpu.MODES, "broken": {"train.precision": "nonsense"}}
    tiny = {**TINY, "train.iterations": 10}
    monkeypatch.setattr(gpu, "MODES", {mode: {**tiny, **settings} for mode, settings in every.items()})
    options = ["--preset", "quick", "--device", "cpu", "--parts", "modes", "--out", str(tmp_path / "gpu.json")]
    assert gpu.main([*options, "--modes", *modes]) == 1
    runs = json.loads((tmp_path / "gpu.json").read_text())["runs"]
    assert [run["mode"] for run in runs] == modes
    assert abs(runs[0]["loss"] - runs[1]["loss"]) < 0.1 * runs[0]["loss"]  # bf16 rounds, it does not diverge
    assert "precision is 'nonsense'" in runs[2]["error"]


@pytest.mark.slow
def test_the_published_setting_runs_end_to_end_on_streets(gpu, tmp_path):
    out = tmp_path / "gpu.json"
    assert gpu.main(["--parts", "end-to-end", "--tiny", "--device", "cpu", "--out", str(out)]) == 0
    run = json.loads(out.read_text())["end-to-end"]
    assert run["iterations"] == 2
    assert run["precision"] == "bf16-mixed"
    assert run["iterations_per_second"] > 0
    assert {"loss_seg_main", "loss_seg_aux", "loss_adv_main", "loss_d_aux_target", "target/miou"} <= set(run)


def test_the_sizes_are_the_published_ones_unless_tiny(gpu):
    recipe = gpu.on_streets(200, tiny=False)
    sizes = {stream.name: (stream.dataset.name, stream.dataset.options["size"]) for stream in recipe.streams}
    assert sizes == {"source": ("streets/source", (720, 1280)), "target": ("streets/target", (512, 1024))}
    assert recipe.train.iterations == 200
    assert recipe.network.name == "adaptsegnet_resnet101"
    assert recipe.network.weights is None


def test_a_part_that_fails_is_kept_and_told(gpu, tmp_path, monkeypatch):
    monkeypatch.setattr(gpu, "execute", lambda *_, **__: 1 / 0)
    monkeypatch.setattr(gpu, "timed", lambda *words: {"asked": words[2:]})
    out = tmp_path / "gpu.json"
    parts = ["--parts", "networks", "adversarial", "end-to-end"]
    assert gpu.main([*parts, "--tiny", "--device", "cpu", "--minutes", "2", "--out", str(out)]) == 1
    record = json.loads(out.read_text())
    assert record["end-to-end"]["error"] == "ZeroDivisionError: division by zero"
    assert record["networks"]["asked"] == ["--minutes", "2.0", "--device", "cpu", "--bf16", "--channels-last"]
    assert record["adversarial"]["asked"][-1] == "--tiny"
