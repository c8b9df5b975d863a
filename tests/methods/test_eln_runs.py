"""ELN and its baselines under the trainer: resume, precision, compilation, no waiting for the device."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from unittest.mock import patch

import pytest
import torch

from udalib.engine import TrainConfig, load_checkpoint
from udalib.engine.setup import prepare

NAMES = ("eln", "s-ecn", "confidence-threshold")


@pytest.fixture(scope="session")
def toy(load_script):
    return load_script(Path(__file__).with_name("eln_toy.py"))


@pytest.fixture(scope="session")
def reads_of(load_script):
    return load_script(Path(__file__).with_name("test_host_syncs.py")).reads_of


@pytest.mark.parametrize(("name", "official"), [("eln", True), ("eln", False), ("confidence-threshold", False)])
def test_a_broken_run_resumes_bit_for_bit(toy, tmp_path, name, official):
    """Through all stages: cut in stage 2, after the student's reset of iteration 4, behind the checkpoint of 4."""
    options = {"official": official}
    toy.train(tmp_path / "unbroken", name, options=options)
    kind = type(toy.method(name))
    step = kind.step

    def power_cut(self, data, iteration):
        if iteration == 5:
            raise RuntimeError("power cut")
        return step(self, data, iteration)

    with patch.object(kind, "step", power_cut), suppress(RuntimeError):
        toy.train(tmp_path / "broken", name, options=options)
    assert load_checkpoint(tmp_path / "broken" / "last.ckpt").iteration == 4
    toy.train(tmp_path / "broken", name, options=options)
    want, got = (load_checkpoint(tmp_path / run / "last.ckpt") for run in ("unbroken", "broken"))
    assert got.method.keys() == want.method.keys()
    assert all(torch.equal(got.method[key], value) for key, value in want.method.items())
    assert "teacher.network.encoder.norm1.running_mean" in want.method
    lines = [(tmp_path / run / "metrics.jsonl").read_bytes() for run in ("unbroken", "broken")]
    assert lines[0] == lines[1]


@pytest.mark.parametrize("name", NAMES)
def test_mixed_precision_and_channels_last(toy, name):
    plain, other = (
        toy.train(None, name, iterations=4, **changes)
        for changes in ({}, {"precision": "bf16-mixed", "channels_last": True})
    )
    assert all(p.dtype == torch.float32 and p.isfinite().all() for p in other.parameters())
    pairs = zip(other.network.parameters(), plain.network.parameters(), strict=True)
    assert any(not torch.equal(a, b) for a, b in pairs)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("official", [True, False])
def test_a_step_reads_nothing_back(toy, reads_of, name, official):
    """Forward, backward, update and EMA of each stage; copies between student and teacher included.

    Under SGD: AdamW makes its state in the first step, from numbers on the host.
    """
    method, data = toy.method(name, official=official), toy.batches()
    method.optimizer = torch.optim.SGD(method.optimizer.param_groups[0]["params"], 1e-3)
    if name != "confidence-threshold":
        method.judge_optimizer = torch.optim.SGD(method.parameters_of_judge(), 1e-3)
    state = [*method.parameters(), *method.buffers()]
    for i in range(5):
        assert reads_of(lambda i=i: method.step(data, i), state, data) == []


def test_draws_belong_to_iterations(toy):
    """A view drawn again for the same iteration is the same, for another one it is not."""
    method, images = toy.method(), torch.rand(2, 3, 8, 8)
    assert torch.equal(method.strong_view(images, 3), method.strong_view(images, 3))
    assert not torch.equal(method.strong_view(images, 3), method.strong_view(images, 4))
    label = torch.zeros(2, 16, 16)
    assert method.windows("plain", label, 3) == method.windows("plain", label, 3) != method.windows("strong", label, 3)


def test_parts_are_compiled(toy):
    method = toy.method()
    prepare(method, TrainConfig(iterations=1, compile=True), torch.device("cpu"), 1)
    for part in (method.network.encoder, method.teacher.network.encoder, method.eln, *method.auxiliary):
        assert part._compiled_call_impl is not None
