"""The self-training methods under the trainer: micro-batches, processes, resume, precision, compilation."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path

import pytest
import torch

from udalib.engine import TrainConfig, load_checkpoint, read_metrics, read_run
from udalib.engine.setup import prepare

METHODS = ("dacs", "daformer", "hrda", "mic", "mic-hrda")


@pytest.mark.parametrize("name", METHODS)
def test_micro_batches_equal_one_batch(toy, name):
    """Each draws what its samples draw in the whole batch, and the teacher moves once: weights are the same."""
    options = toy.ALIKE[name]
    whole, halves, quarters = (toy.train(None, name, options, accumulate=n) for n in (1, 2, 4))
    assert toy.largest_difference(toy.method(name).state_dict(), whole.state_dict()) > 0.01
    for parts in (halves, quarters):
        assert toy.largest_difference(parts.state_dict(), whole.state_dict()) < 1e-5


def test_the_share_of_sure_pixels_is_that_of_a_micro_batch(toy):
    """What accumulation does change, so that the test above is known to be able to fail."""
    options = {**toy.ALIKE["dacs"], "weighting": "fraction"}
    whole, halves = (toy.train(None, "dacs", options, accumulate=n) for n in (1, 2))
    assert toy.largest_difference(halves.state_dict(), whole.state_dict()) > 1e-4


@pytest.mark.slow
def test_two_processes_equal_one(toy, tmp_path, start_script, under_torchrun):
    """With the numbers of the whole batch: the share of sure pixels, and the classes to choose from."""
    names = ("dacs", "mic")
    under_torchrun(partial(start_script, Path(toy.__file__)), str(tmp_path), *names)
    for name in names:
        one = toy.train(tmp_path / "one" / name, name, toy.TOGETHER[name])
        two = load_checkpoint(tmp_path / name / "last.ckpt")
        assert read_run(tmp_path / name).data["device"]["processes"] == 2
        assert toy.largest_difference(two.method, one.state_dict()) < 1e-5
        lines, expected = (read_metrics(tmp_path / at / name / "metrics.jsonl") for at in ("", "one"))
        for key in ("loss", "loss_mixed", "pseudo_weight"):
            if key in expected[0]:
                assert [line[key] for line in lines] == pytest.approx([line[key] for line in expected], rel=1e-5)
        assert 0.05 < expected[0]["pseudo_weight"] < 0.95


@pytest.mark.parametrize(
    ("name", "options"), [("dacs", {"mix": "cow"}), ("mic", {"mask_alpha": 0.5}), ("mic-hrda", {})]
)
def test_a_broken_run_resumes_bit_for_bit(toy, name, options, tmp_path):
    """Teachers with their own statistics, the frozen encoder, and what was drawn."""
    want = toy.assert_equal_runs(*toy.train_unbroken_and_broken(tmp_path, name, options))
    assert "teacher.network.encoder.norm.0.running_mean" in want.method
    assert ("reference.encoder.first.weight" in want.method) == (name != "dacs")
    assert ("mask_teacher.network.encoder.first.weight" in want.method) == ("mask_alpha" in options)


@pytest.mark.parametrize("name", METHODS)
def test_mixed_precision_and_channels_last(toy, name):
    plain, other = (
        toy.train(None, name, {"threshold": None}, iterations=3, **changes)
        for changes in ({}, {"precision": "bf16-mixed", "channels_last": True})
    )
    assert all(p.dtype == torch.float32 for p in other.parameters())
    difference = toy.largest_difference(dict(other.named_parameters()), dict(plain.named_parameters()))
    assert 0 < difference < 0.05  # 8 bits of mantissa, three updates


@pytest.mark.parametrize("name", METHODS)
def test_every_part_that_a_step_calls_is_compiled(toy, name):
    method = toy.method(name, **({"mask_alpha": 0.5} if name.startswith("mic") else {}))
    prepare(method, TrainConfig(iterations=1, compile=True), torch.device("cpu"), 1)
    parts = [method.network, method.teacher.network]
    parts += [method.mask_teacher.network] if name.startswith("mic") else []
    called = [part for network in parts for part in (network.encoder, network.decoder)]
    called += [method.reference] if name != "dacs" else []
    called += [network.decoder.scale_attention for network in parts] if name.endswith("hrda") else []
    assert all(module._compiled_call_impl is not None for module in called)


@pytest.mark.skipif(
    os.environ.get("UDALIB_TEST_COMPILE") != "1", reason="compiling takes minutes; set UDALIB_TEST_COMPILE=1"
)
@pytest.mark.slow
@pytest.mark.parametrize("name", METHODS)
def test_compiled_methods_train_like_the_others(toy, name):
    plain, compiled = (toy.train(None, name, iterations=2, compile=c) for c in (False, True))
    assert set(compiled.state_dict()) == set(plain.state_dict())
    assert toy.largest_difference(compiled.state_dict(), plain.state_dict()) < 1e-3
