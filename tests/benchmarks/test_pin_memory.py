"""The peer of Pin the Memory's benchmark computes what the method computes; the script times both."""

import argparse
import json

import pytest
import torch
from _steps import PEER

from udalib.methods.pin_memory import Split

TINY = argparse.Namespace(tiny=True, seed=3)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["joined", "first-order", "second-order"])
def test_the_plain_step_is_the_method(pin_memory, kind):
    """Without recolouring and dropout, with the first domain in meta-train, in float64: batches are small."""
    method = pin_memory.new_method(kind, TINY).double().train()
    method.augmentation = None
    method.split = lambda iteration: Split(("gta",), ("synthia",))
    for module in method.modules():
        if isinstance(module, torch.nn.Dropout2d):
            module.p = 0.0
    batches = pin_memory.new_batches(TINY, torch.device("cpu"))
    for batch in batches.values():
        batch["image"] = batch["image"].double()
    plain = pin_memory.plain_step(kind, method, batches)
    ours = [float(method.step(batches, t)["loss"]) for t in range(3)]
    theirs = [float(plain()) for _ in range(3)]
    assert ours == pytest.approx(theirs, rel=1e-6)  # one-hot labels are float32 in both
    assert abs(ours[2] - ours[0]) > 1e-3  # the update matters at this tolerance


@pytest.mark.slow
def test_record(pin_memory, tmp_path, capsys):
    out = tmp_path / "pin_memory.json"
    words = ["--tiny", "--device", "cpu", "--rounds", "1", "--steps", "1", "--warmup", "1", "--out", str(out)]
    assert pin_memory.main([*words, "--variants", "fp32", "--methods", "second-order"]) == 0
    record = json.loads(out.read_text())
    assert record["sizes"] == {"gta": [64, 64], "synthia": [64, 64]}
    (method,) = record["methods"]
    assert [r["variant"] for r in method["results"]] == [PEER, "fp32"]
    assert "of the peer" in capsys.readouterr().out
