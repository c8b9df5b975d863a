"""The peer of ELN's benchmark computes what the method computes; the script times both."""

import argparse
import json

import pytest
import torch
from _steps import PEER

from udalib.ops.views import PhotometricView

TINY = argparse.Namespace(tiny=True, seed=3)


@pytest.mark.slow
def test_the_plain_step_is_the_method(eln):
    """Without recolouring and dropout, and with one contrast window as large as the map."""
    method = eln.new_method("eln", TINY)
    method.view = PhotometricView(0.0, 0.0, 0.0, 0.0, 0.0)
    with torch.no_grad():
        method.window, method.window_count = method.eval().network(torch.zeros(1, 3, 65, 65)).shape[-1], 1
    method.train()
    for module in method.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
    batches = eln.new_batches(TINY, torch.device("cpu"))
    plain = eln.plain_step("eln", method, batches)
    ours = [float(method.step(batches, t)["loss"]) for t in (0, 1)]
    theirs = [float(plain()) for _ in range(2)]
    assert ours == pytest.approx(theirs, rel=1e-3)  # float32 sums in another order
    assert abs(ours[1] - ours[0]) > 1e-2  # the update matters at this tolerance


@pytest.mark.slow
def test_record(eln, tmp_path, capsys):
    out = tmp_path / "eln.json"
    words = ["--tiny", "--device", "cpu", "--rounds", "1", "--steps", "1", "--warmup", "1", "--out", str(out)]
    assert eln.main([*words, "--variants", "fp32"]) == 0
    record = json.loads(out.read_text())
    assert record["sizes"] == {"labelled": [65, 65], "unlabelled": [65, 65]}
    (method,) = record["methods"]
    assert [r["variant"] for r in method["results"]] == [PEER, "fp32"]
    assert "of the peer" in capsys.readouterr().out
