"""The peer of the self-training benchmark computes what DAFormer computes; the script times both."""

import argparse
import json

import pytest
import torch
from _steps import PEER

from udalib.ops.augmentation import StrongAugmentation


def tiny(**more):
    return argparse.Namespace(tiny=True, encoder="mit_b0", size=64, seed=3, **more)


@pytest.mark.slow
def test_the_plain_step_is_the_method(self_training):
    """With one class in the labels there is nothing to choose for the mix; two losses, one update between them."""
    method = self_training.new_method("daformer", tiny())
    for module in method.modules():
        if type(module).__name__ in ("DropPath", "Dropout2d"):
            module.p = module.drop_prob = 0.0
    method.train()
    method.augmentation = StrongAugmentation(0.0, 0.0, 0.0)
    method.ignored_rows = (0, 0)
    batches = self_training.new_batches(tiny(), torch.device("cpu"))
    batches["source"]["label"][:] = 13
    plain = self_training.plain_step("daformer", method, batches)
    for optimizer in method.optimizers().values():
        for group in optimizer.param_groups:
            group["weight_decay"] = 0.01
    ours = [float(method.step(batches, t)["loss"]) for t in (5000, 5001)]
    theirs = [float(plain()) for _ in range(2)]
    assert ours == pytest.approx(theirs, rel=1e-4)  # float32 sums in another order
    assert abs(ours[1] - ours[0]) > 1e-3  # the update matters at this tolerance


@pytest.mark.slow
def test_record(self_training, tmp_path, capsys):
    out = tmp_path / "self-training.json"
    words = ["--tiny", "--device", "cpu", "--rounds", "1", "--steps", "1", "--warmup", "1", "--out", str(out)]
    assert self_training.main([*words, "--methods", "dacs", "--variants", "fp32"]) == 0
    record = json.loads(out.read_text())
    assert record["sizes"] == {"source": [64, 64], "target": [64, 64]}
    (method,) = record["methods"]
    assert method["recipe"] == "gta2cityscapes/dacs-segformer-mit_b5"
    assert [r["variant"] for r in method["results"]] == [PEER, "fp32"]
    assert "of the peer" in capsys.readouterr().out
