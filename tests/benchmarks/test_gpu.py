"""The one-call GPU script works; here on the CPU, with two of its modes and without the timings."""

import json


def test_the_record_has_a_line_a_mode_and_an_error_is_kept(gpu, tmp_path, monkeypatch):
    monkeypatch.setitem(gpu.MODES, "broken", {"train.precision": "nonsense"})
    modes = ["float32", "bfloat16", "broken"]
    options = ["--preset", "quick", "--device", "cpu", "--minutes", "0", "--out", str(tmp_path / "gpu.json")]
    assert gpu.main([*options, "--modes", *modes]) == 1
    runs = json.loads((tmp_path / "gpu.json").read_text())["runs"]
    assert [run["mode"] for run in runs] == modes
    assert abs(runs[0]["loss"] - runs[1]["loss"]) < 0.1 * runs[0]["loss"]  # bf16 rounds, it does not diverge
    assert "precision is 'nonsense'" in runs[2]["error"]
