"""The adversarial methods under the trainer: accumulation, processes, resume, compilation."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path

import pytest
import torch

from udalib.core.errors import CheckpointError
from udalib.engine import TrainConfig, load_checkpoint, read_run
from udalib.engine.setup import prepare
from udalib.models.auxiliary import attach_auxiliary

METHODS = ("adaptsegnet", "advent", "minent")


@pytest.mark.parametrize("name", METHODS)
def test_micro_batches_equal_one_batch(toy, name):
    whole, halves, quarters = (toy.train(None, name, accumulate=n) for n in (1, 2, 4))
    start = toy.method(name)
    assert toy.largest_difference(start.state_dict(), whole.state_dict()) > 0.01
    # Adam's first updates are the sign of the gradient times the rate, so rounding near 0 grows
    assert toy.largest_difference(halves.state_dict(), whole.state_dict()) < 1e-4
    assert toy.largest_difference(quarters.state_dict(), whole.state_dict()) < 1e-4


@pytest.mark.slow
def test_two_processes_equal_one(toy, tmp_path, start_script, under_torchrun):
    names = ("adaptsegnet", "minent")
    under_torchrun(partial(start_script, Path(toy.__file__)), str(tmp_path), *names)
    for name in names:
        two = load_checkpoint(tmp_path / name / "last.ckpt")
        assert read_run(tmp_path / name).data["device"]["processes"] == 2
        assert toy.largest_difference(two.method, toy.train(None, name).state_dict()) < 1e-4


@pytest.mark.parametrize(("name", "options"), [("adaptsegnet", {}), ("advent", {"lambda_prior": 0.5}), ("minent", {})])
def test_a_broken_run_resumes_bit_for_bit(toy, name, options, tmp_path):
    """Network with BatchNorm, discriminators, the moments of every optimiser, the prior's counts."""
    want = toy.assert_equal_runs(*toy.train_unbroken_and_broken(tmp_path, name, options))
    assert ("prior.counts" in want.method) == (name != "adaptsegnet")
    assert set(want.optimizers) == set(toy.method(name, **options).optimizers())


def test_another_number_of_levels_is_another_method(toy, tmp_path):
    toy.train(tmp_path, "adaptsegnet", iterations=2)
    one_level = {"lambda_seg": 0.0, "lambda_adv_aux": 0.0}
    with pytest.raises(CheckpointError, match=r"holds optimisers .*discriminator_aux.*belongs to another recipe"):
        toy.train(tmp_path, "adaptsegnet", one_level, iterations=2)


def test_the_schedule_reaches_the_discriminators(toy):
    method = toy.train(None, "adaptsegnet", iterations=3)
    for optimizer in method.optimizers().values():
        (group,) = optimizer.param_groups
        assert group["lr"] == pytest.approx(group["initial_lr"] * (1 - 2 / 6) ** 0.9)


def test_every_part_that_a_step_calls_is_compiled(toy):
    method = toy.method("adaptsegnet", attach_auxiliary(toy.network(1), -2))
    prepare(method, TrainConfig(iterations=1, compile=True), torch.device("cpu"), 1)
    network = method.network
    for module in (network.encoder, network.decoder, network.auxiliary, *method.discriminators.values()):
        assert module._compiled_call_impl is not None


@pytest.mark.skipif(
    os.environ.get("UDALIB_TEST_COMPILE") != "1", reason="compiling takes minutes; set UDALIB_TEST_COMPILE=1"
)
@pytest.mark.slow
@pytest.mark.parametrize("name", METHODS)
def test_compiled_methods_train_like_the_others(toy, name):
    options = {} if name == "adaptsegnet" else {"lambda_prior": 0.5}
    plain, compiled = (toy.train(None, name, options, iterations=2, compile=c) for c in (False, True))
    assert set(compiled.state_dict()) == set(plain.state_dict())
    assert toy.largest_difference(compiled.state_dict(), plain.state_dict()) < 1e-3
