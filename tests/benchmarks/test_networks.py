"""The network benchmark runs on this machine's CPU, compares within a round, and names what it could not run."""

import importlib.util
import json
import statistics

import pytest
import torch
from shapes import shapes_only

QUICK = ["--device", "cpu", "--rounds", "2", "--warmup", "1", "--batch-size", "2", "--size", "32", "32"]
PACKAGES = {"transformers": "transformers", "smp": "segmentation_models_pytorch"}


def run(networks, out, *extra):
    code = networks.main(["--out", str(out), *QUICK, *extra])
    return code, json.loads(out.read_text())


def test_record(networks, tmp_path, capsys):
    names = ["encoder resnet50_v1c", "streets"]
    code, record = run(networks, tmp_path / "networks.json", "--networks", *names, "--channels-last")
    assert code == 0
    assert record["skipped"] == {}
    assert "--channels-last" in record["command"]
    first, second = record["networks"]
    assert first["ours"]["parameters"] == first["peer"]["parameters"]
    for key, ratio in (("forward_ms", "forward_ratio"), ("forward_backward_ms", "forward_backward_ratio")):
        pairs = zip(first["ours"][key]["rounds"], first["peer"][key]["rounds"], strict=True)
        assert first[ratio] == pytest.approx(statistics.median(a / b for a, b in pairs))
    assert second["peer"] is None
    assert "of timm resnet50c" in capsys.readouterr().out


def test_failures_and_the_deadline_are_named(networks, tmp_path, monkeypatch, capsys):
    def fail(*_args):
        raise RuntimeError("out of memory\nmore")

    with monkeypatch.context() as patch:
        patch.setattr(networks, "benchmark", fail)
        code, record = run(networks, tmp_path / "a.json", "--networks", "streets")
    assert code == 1
    assert record["skipped"] == {"streets": "RuntimeError: out of memory"}
    code, record = run(networks, tmp_path / "b.json", "--networks", "streets", "--minutes", "-1")
    assert code == 1
    assert "no time left" in capsys.readouterr().out


def test_every_side_builds_one_map(networks):
    for pair in networks.PAIRS:
        for name in filter(None, (pair.ours, pair.peer)):
            package = PACKAGES.get(name.partition(" ")[0])
            if package is None:
                with shapes_only():
                    out = pair.build(name).eval()(torch.empty(2, 3, 64, 96, device="meta"))
            elif importlib.util.find_spec(package) is None:
                continue  # none of ours to install; `absent` of the record names them
            else:
                out = pair.build(name).eval()(torch.zeros(2, 3, 64, 96))
            assert out.ndim == 4, name
            assert len(out) == 2, name


def test_a_package_that_is_not_installed_is_named_and_no_failure(networks, tmp_path, monkeypatch):
    def fail(*_args):
        raise ModuleNotFoundError("no", name="transformers")

    monkeypatch.setattr(networks, "benchmark", fail)
    code, record = run(networks, tmp_path / "a.json", "--networks", "segformer-mit_b2")
    assert code == 0
    assert list(record["absent"]) == ["segformer-mit_b2 / transformers segformer-b2"]
