"""The training benchmark runs on this machine's CPU, compares within a round, and names what it could not run."""

import json
import statistics

import pytest

QUICK = ["--device", "cpu", "--networks", "streets", "--rounds", "2", "--steps", "1", "--warmup", "1"]
QUICK += ["--batch-size", "2", "--size", "32", "32"]


def run(training, out, *extra):
    code = training.main(["--out", str(out), *QUICK, *extra])
    return code, json.loads(out.read_text())


def test_record(training, tmp_path, capsys):
    code, record = run(training, tmp_path / "deeper" / "training.json", "--variants", "bf16-channels_last")
    assert code == 0
    assert record["device"]["type"] == "cpu"
    assert "torch" in record["versions"]
    (network,) = record["networks"]
    assert network["parameters"] == 508_435
    assert network["skipped"] == {}
    base, other = network["results"]
    assert (base["variant"], other["variant"]) == ("fp32", "bf16-channels_last")
    assert base["speed_over_fp32"] == {"median": 1.0, "lowest": 1.0, "highest": 1.0}
    rounds = zip(base["seconds_per_step"]["rounds"], other["seconds_per_step"]["rounds"], strict=True)
    assert other["speed_over_fp32"]["median"] == pytest.approx(statistics.median(b / o for b, o in rounds))
    # The same weights and batch: bfloat16's 8 bits move the first loss by well under a per cent.
    assert other["first_loss"] == pytest.approx(base["first_loss"], rel=0.01)
    assert "images/s" in capsys.readouterr().out


def test_a_variant_that_cannot_run_is_named(training, tmp_path, capsys, monkeypatch):
    def broken(*_):
        raise RuntimeError("no compiler\nlong trace")

    code, record = run(training, tmp_path / "a.json", "--variants", "bf16", "--minutes", "0")
    assert code == 1, "without any time not even fp32 is measured"
    assert record["networks"][0]["skipped"] == {"fp32": "no time left", "bf16": "no time left"}
    monkeypatch.setattr(training, "build", broken)
    code, record = run(training, tmp_path / "b.json", "--variants", "bf16")
    assert code == 1
    assert record["networks"][0]["skipped"]["bf16"] == "RuntimeError: no compiler"
    assert "skipped: RuntimeError: no compiler" in capsys.readouterr().out
