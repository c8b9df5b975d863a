"""The peer of the adversarial benchmark computes what the methods compute; the script times both and names failures."""

import argparse
import json

import pytest
import torch
from _steps import PEER

from udalib.engine import OptimizerSpec, build_optimizer
from udalib.engine.optim.build import Rule

TINY = ["--tiny", "--device", "cpu", "--rounds", "1", "--steps", "1", "--warmup", "1"]


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["adaptsegnet", "advent"])
def test_the_plain_step_is_the_method_without_repeated_updates(adversarial, kind, monkeypatch):
    weights = {"main": 1.0, "aux": 0.5}  # so large that the discriminators and their training show in the loss
    monkeypatch.setattr(adversarial, "LEVELS", tuple(weights.items()))
    options = argparse.Namespace(tiny=True, seed=3)
    method = adversarial.new_method(kind, options).train()
    batches = adversarial.new_batches(options, torch.device("cpu"))
    method.lambda_adv = weights
    plain = adversarial.plain_step(kind, method, batches)
    spec = OptimizerSpec(
        kind="sgd", lr=2.5e-4, momentum=0.9, weight_decay=5e-4, rules=(Rule("decoder.", lr_mult=10.0),)
    )
    method.optimizer = build_optimizer(spec, method.network.named_parameters())
    ours = [float(method.step(batches, i)["loss"]) for i in range(3)]
    theirs = [float(plain()) for _ in range(3)]
    assert ours == pytest.approx(theirs, rel=1e-4)  # float32 sums in another order, three updates deep
    assert abs(ours[2] - ours[0]) > 1e-2  # the updates matter at this tolerance


@pytest.mark.slow
def test_record(adversarial, tmp_path, capsys):
    out = tmp_path / "deeper" / "adversarial.json"
    words = ["--out", str(out), *TINY, "--methods", "advent", "--variants", "bf16-channels_last", "fp32"]
    assert adversarial.main(words) == 0
    record = json.loads(out.read_text())
    assert record["sizes"] == {"source": [32, 64], "target": [32, 48]}
    (method,) = record["methods"]
    assert method["recipe"] == "gta2cityscapes/advent"
    peer, half, full = method["results"]
    assert [r["variant"] for r in method["results"]] == [PEER, "bf16-channels_last", "fp32"]
    assert peer["speed_over_peer"]["median"] == 1.0
    assert full["first_loss"] == pytest.approx(peer["first_loss"], rel=1e-5)
    assert half["first_loss"] == pytest.approx(peer["first_loss"], rel=0.01)  # bfloat16 keeps 8 bits
    assert half["first_loss"] != full["first_loss"]
    assert "of the peer" in capsys.readouterr().out


def test_published_sizes(adversarial):
    batches = adversarial.new_batches(argparse.Namespace(tiny=False, seed=0), torch.device("cpu"))
    assert batches["source"]["image"].shape == (1, 3, 720, 1280)
    assert batches["source"]["label"].shape == (1, 720, 1280)
    assert batches["target"]["image"].shape == (1, 3, 512, 1024)


def test_what_cannot_run_is_named(adversarial, tmp_path, capsys, monkeypatch):
    def broken(*_):
        raise RuntimeError("out of memory\nlong trace")

    monkeypatch.setattr("_steps.build", broken)
    words = ["--out", str(tmp_path / "a.json"), *TINY, "--methods", "advent", "--variants", "bf16"]
    assert adversarial.main(words) == 1
    (method,) = json.loads((tmp_path / "a.json").read_text())["methods"]
    assert method["skipped"] == {PEER: "RuntimeError: out of memory", "bf16": "RuntimeError: out of memory"}
    assert adversarial.main([*words, "--minutes", "-1"]) == 1
    assert "skipped: no time left" in capsys.readouterr().out
