"""The benchmark of necks runs on this machine's CPU, compares within a round, and names what it could not run."""

import argparse
import json
import statistics

import pytest
import torch

WORDS = [
    "--device",
    "cpu",
    "--encoder",
    "streets",
    "--channels",
    "16",
    "--size",
    "64",
    "64",
    "--rounds",
    "2",
    "--batch-size",
    "2",
]


def test_record(detection, tmp_path, capsys):
    out = tmp_path / "detection.json"
    assert detection.main([*WORDS, "--warmup", "1", "--bf16", "--out", str(out)]) == 0
    record = json.loads(out.read_text())
    rows = {row["neck"]: row for row in record["necks"]}
    assert list(rows) == ["fpn", "none", "pafpn", "afpn", "cfpt"]
    assert record["skipped"] == {}
    peer = rows["fpn"]
    assert peer["over_peer"]["time"] == {"neck": 1, "forward": 1, "training": 1}
    for part in ("neck", "forward", "training"):
        pairs = zip(*(rows[n]["milliseconds"][part]["rounds"] for n in ("cfpt", "fpn")), strict=True)
        assert rows["cfpt"]["over_peer"]["time"][part] == pytest.approx(statistics.median(a / b for a, b in pairs))
    heads = {row["parameters"]["detector"] - row["parameters"]["neck"] for row in rows.values()}
    assert len(heads) == 1, "necks must be compared in one detector"
    assert (
        rows["none"]["multiply_adds"]["neck"] < peer["multiply_adds"]["neck"] < rows["pafpn"]["multiply_adds"]["neck"]
    )
    assert "time over fpn: neck x1.00" in capsys.readouterr().out


def test_sizes_are_the_published_ones(detection):
    """Numbers of the facts sheet (cfpt, 2.6): neck of ResNet-18, and RetinaNet with ten classes around it."""
    options = argparse.Namespace(encoder="resnet18", channels=256, seed=0)
    necks = {name: detection.build(name, options, torch.device("cpu")).detector for name in ("cfpt", "fpn", "pafpn")}
    counts = {name: sum(p.numel() for p in each.neck.parameters()) for name, each in necks.items()}
    assert counts == {"cfpt": 4_749_480, "fpn": 3_770_368, "pafpn": 6_130_688}
    assert sum(p.numel() for p in necks["cfpt"].parameters()) == 20_937_062


def test_a_neck_that_fails_is_named(detection, tmp_path, monkeypatch, capsys):
    build = detection.build

    def fail(name, *rest):
        if name == "cfpt":
            raise RuntimeError("out of memory\nmore")
        return build(name, *rest)

    monkeypatch.setattr(detection, "build", fail)
    monkeypatch.setattr(detection, "NECKS", ("fpn", "cfpt"))
    out = tmp_path / "a.json"
    assert detection.main([*WORDS, "--warmup", "0", "--rounds", "1", "--out", str(out)]) == 1
    assert json.loads(out.read_text())["skipped"] == {"cfpt": "RuntimeError: out of memory"}
    assert "skipped: RuntimeError" in capsys.readouterr().out
