"""Gradients over micro-batches and processes are those of one big batch."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
import torch
from torch import nn

from udalib.core.errors import ConfigError
from udalib.engine import Poly, Trainer, load_checkpoint, read_metrics, read_run
from udalib.engine.runtime import process_layout
from udalib.engine.setup import split_batch
from udalib.methods import Method, Runtime


class Adversarial(Method):
    """Two networks, two optimisers, interleaved passes, as adversarial methods run them.

    The generator's pass leaves gradients in the discriminator, which are thrown away before its own pass.
    """

    streams = ("source", "target")

    def __init__(self, toy) -> None:
        super().__init__()
        self.generator, self.discriminator = toy.network("plain"), nn.Conv2d(toy.CLASSES, 1, 3)
        self.g = torch.optim.AdamW(self.generator.parameters(), 1e-2)
        self.d = torch.optim.SGD(self.discriminator.parameters(), 1e-1, momentum=0.9)
        self.updates = 0

    def optimizers(self):
        return {"g": self.g, "d": self.d}

    def step(self, batches: Mapping, iteration: int):
        source, target = batches["source"], batches["target"]
        self.runtime.zero_grad(self.g)
        logits = self.generator(source["image"])
        loss = nn.functional.cross_entropy(logits, source["label"])
        self.runtime.backward(loss)
        fooled = self.discriminator(self.generator(target["image"])).square().mean()
        self.runtime.backward(0.1 * fooled)
        self.runtime.zero_grad(self.d)
        real = (self.discriminator(logits.detach()) - 1).square().mean()
        self.runtime.backward(real)
        self.runtime.optimizer_step(self.g)
        self.runtime.optimizer_step(self.d)
        self.updates += not self.runtime.is_accumulating
        return {"loss": loss.detach(), "real": real.detach()}

    def predict(self, images):
        return self.generator(images)


def adversarial(toy, **changes):
    torch.manual_seed(0)
    method = Adversarial(toy)
    streams = {name: toy.Stream(name, toy.ToyStreets(), 8) for name in ("source", "target")}
    Trainer(toy.config(iterations=6, **changes)).fit(method, streams, schedules={"g": Poly(6)})
    return method


def largest_difference(got, want) -> float:
    return max(float((value - want[k]).abs().max() / want[k].abs().max()) for k, value in got.items())


@pytest.mark.parametrize("clip", [None, 0.05])
def test_two_micro_batches_equal_one_batch(clip, toy):
    whole, halves = adversarial(toy, clip=clip), adversarial(toy, clip=clip, accumulate=2)
    assert largest_difference(halves.state_dict(), whole.state_dict()) < 1e-5
    assert whole.updates == halves.updates == 6


def test_accumulation_of_four_with_one_optimiser(toy, tmp_path):
    whole, _ = toy.train(None, net="plain", batch_size=8)
    quarters, _ = toy.train(tmp_path, net="plain", batch_size=8, accumulate=4)
    assert largest_difference(quarters.state_dict(), whole.state_dict()) < 1e-4  # Adam amplifies rounding over 40 steps


def test_the_order_of_micro_batches_is_kept_and_ragged_entries_are_cut():
    batch = {"image": torch.arange(4.0).view(4, 1, 1, 1), "boxes": [torch.zeros(n, 4) for n in range(4)], "scale": 2.0}
    first, second = split_batch({"source": batch}, 2)
    assert first["source"]["image"].flatten().tolist() == [0, 1]
    assert [len(b) for b in second["source"]["boxes"]] == [2, 3]
    assert second["source"]["scale"] == 2.0
    with pytest.raises(ConfigError, match="stream 'source' brings 4 samples .* accumulate=3 cannot cut"):
        split_batch({"source": batch}, 3)


def test_a_method_that_steps_twice_cannot_be_accumulated(toy):
    class Twice(toy.Rooted):
        def step(self, batches, iteration):
            super().step(batches, iteration)
            return super().step(batches, iteration)

    def train(accumulate):
        net = toy.network("plain")
        streams = {"source": toy.Stream("source", toy.ToyStreets(), 4)}
        config = toy.config(iterations=2, accumulate=accumulate)
        Trainer(config).fit(Twice(net, torch.optim.SGD(net.parameters(), 0.1)), streams)

    train(1)
    with pytest.raises(ConfigError, match="more than once an iteration"):
        train(2)


def test_the_trainer_hands_over_a_runtime(toy):
    method = adversarial(toy)
    assert isinstance(method.runtime, Runtime)
    value = torch.ones(2)
    assert torch.equal(method.runtime.average(value), value)


def assert_equal_runs(folder: Path, one: nn.Module, one_folder: Path) -> None:
    two, want = load_checkpoint(folder / "last.ckpt"), load_checkpoint(one_folder / "last.ckpt")
    assert largest_difference(two.method, one.state_dict()) < 1e-5
    assert two.results["target/miou"] == pytest.approx(want.results["target/miou"], abs=2e-3)  # a pixel of 2048: 5e-4
    lines, expected = read_metrics(folder / "metrics.jsonl"), read_metrics(one_folder / "metrics.jsonl")
    assert [line["iteration"] for line in lines] == [line["iteration"] for line in expected]
    losses, wanted = ([line["loss"] for line in side if "loss" in line] for side in (lines, expected))
    assert losses == pytest.approx(wanted, rel=1e-5)
    assert read_run(folder).status == "finished"
    assert read_run(folder).data["device"]["processes"] == 2


SETTINGS = {"net": "plain", "batch_size": 8, "iterations": 20}
ARGUMENTS = [f"{key}={value}" for key, value in SETTINGS.items()]


@pytest.mark.slow
def test_two_processes_of_fabric_give_the_numbers_of_one(toy, tmp_path, start_child):
    one, _ = toy.train(tmp_path / "one", **SETTINGS)
    child = start_child(str(tmp_path / "two"), *ARGUMENTS, "devices=2")
    child.join(300)
    assert child.exitcode == 0
    assert_equal_runs(tmp_path / "two", one, tmp_path / "one")


@pytest.mark.slow
def test_two_processes_of_torchrun_stop_together_and_resume(toy, tmp_path, start_child, under_torchrun):
    one, _ = toy.train(tmp_path / "one", **SETTINGS)
    folder = tmp_path / "two"
    under_torchrun(start_child, str(folder), *ARGUMENTS, "stop=9")
    assert read_run(folder).status == "interrupted"
    assert load_checkpoint(folder / "last.ckpt").iteration == 12  # one got the signal; agreed at a line of the log
    under_torchrun(start_child, str(folder), *ARGUMENTS)
    assert_equal_runs(folder, one, tmp_path / "one")


@pytest.mark.slow
def test_two_processes_resume_exactly_with_batch_norm_and_dropout(tmp_path, start_child, under_torchrun):
    """Statistics and dropout differ between processes; a stop in the middle of a log window must not show."""
    settings = ["batch_size=8", "iterations=20", "log_every=5"]
    under_torchrun(start_child, str(tmp_path / "unbroken"), *settings)
    under_torchrun(start_child, str(tmp_path / "broken"), *settings, "fail=8")
    assert load_checkpoint(tmp_path / "broken" / "last.ckpt").iteration == 6
    under_torchrun(start_child, str(tmp_path / "broken"), *settings)
    files = [tmp_path / name / "metrics.jsonl" for name in ("broken", "unbroken")]
    assert files[0].read_bytes() == files[1].read_bytes()
    broken, unbroken = (load_checkpoint(tmp_path / name / "last.ckpt").method for name in ("broken", "unbroken"))
    assert all(torch.equal(broken[k], v) for k, v in unbroken.items())


def test_process_layout_under_torchrun_and_slurm():
    assert process_layout({}, 3) == (1, 3)
    assert process_layout({"TORCHELASTIC_RUN_ID": "1", "WORLD_SIZE": "16", "LOCAL_WORLD_SIZE": "8"}, 1) == (2, 8)
    slurm = {"SLURM_NTASKS": "8", "SLURM_NNODES": "2", "SLURM_PROCID": "0", "SLURM_JOB_NAME": "train"}
    assert process_layout(slurm, 1) == (2, 4)
    assert process_layout({**slurm, "SLURM_JOB_NAME": "interactive"}, 1) == (1, 1)
