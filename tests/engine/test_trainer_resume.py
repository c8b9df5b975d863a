"""A run killed at any instant resumes to the numbers of an unbroken one, bit for bit on the CPU."""

from __future__ import annotations

import json
import random
import signal
import time
from pathlib import Path

import pytest
import torch

from udalib.core.errors import CheckpointError
from udalib.engine import Run, Trainer, load_checkpoint, load_weights, read_metrics, read_run

KINDS = ("iteration", "line", "torn", "saving", "saved", "best")


@pytest.fixture(scope="module")
def unbroken(toy, tmp_path_factory) -> Path:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("unbroken") / "run"
    toy.train(folder)
    torch.set_num_threads(threads)
    return folder


def assert_same_run(folder: Path, unbroken: Path) -> None:
    assert (folder / "metrics.jsonl").read_bytes() == (unbroken / "metrics.jsonl").read_bytes()
    got, want = load_checkpoint(folder / "last.ckpt"), load_checkpoint(unbroken / "last.ckpt")
    assert all(torch.equal(got.method[k], v) for k, v in want.method.items())
    moments, expected = got.optimizers["main"]["state"], want.optimizers["main"]["state"]
    assert all(torch.equal(moments[i][k], v) for i, state in expected.items() for k, v in state.items())
    assert (got.results, got.best, got.iteration) == (want.results, want.best, want.iteration)
    best, other = load_weights(folder / "best.safetensors"), load_weights(unbroken / "best.safetensors")
    assert all(torch.equal(best[k], v) for k, v in other.items())
    record, reference = read_run(folder), read_run(unbroken)
    assert record.status == "finished"
    assert record.results == reference.results
    assert not list(folder.glob(".*.tmp"))  # what a kill left of a write is cleared away


def test_the_unbroken_run_learns_and_logs(unbroken):
    lines = read_metrics(unbroken / "metrics.jsonl")
    assert [r["iteration"] for r in lines if r["kind"] == "train"] == list(range(4, 41, 4))
    assert [r["iteration"] for r in lines if r["kind"] == "evaluation"] == [10, 20, 30, 40]
    losses = [r["loss"] for r in lines if r["kind"] == "train"]
    assert losses[-1] < 0.8 * losses[0]
    assert {"loss", "root", "lr/main"} <= set(lines[0])
    assert read_run(unbroken).results["target/miou"] == lines[-1]["target/miou"]


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1])
def test_sigkill_at_random_instants(seed, tmp_path, start_child, unbroken):
    draw = random.Random(seed)
    folder, killed = tmp_path / "run", []
    kinds = draw.sample(KINDS, len(KINDS))
    for kind in kinds:
        instant = f"{kind}:{draw.randint(1, {'iteration': 9, 'saving': 2, 'best': 1}.get(kind, 3))}"
        child = start_child(str(folder), f"kill={instant}")
        child.join(60)
        assert child.exitcode in (-signal.SIGKILL, 0), instant
        if child.exitcode == 0:
            break
        killed.append(instant)
        assert read_run(folder).status == "interrupted"  # "running" in run.json, but the process is gone
    else:
        child = start_child(str(folder))
        child.join(60)
        assert child.exitcode == 0
    assert len(killed) >= 4, killed
    assert_same_run(folder, unbroken)


@pytest.mark.slow
def test_sigkill_from_outside_when_lines_appear(tmp_path, start_child, unbroken):
    folder = tmp_path / "run"
    for lines in (2, 5, 9):
        child = start_child(str(folder), "slow=0.01")
        path, deadline = folder / "metrics.jsonl", time.monotonic() + 60
        while (not path.exists() or path.read_bytes().count(b"\n") < lines) and time.monotonic() < deadline:
            assert child.exitcode is None
            time.sleep(0.001)
        child.kill()
        child.join(60)
        assert child.exitcode == -signal.SIGKILL
    child = start_child(str(folder))
    child.join(60)
    assert child.exitcode == 0
    assert_same_run(folder, unbroken)


def test_lines_after_the_checkpoint_and_a_torn_line_are_cut(toy, tmp_path, unbroken):
    with pytest.raises(KeyboardInterrupt):
        interrupt_at(toy, tmp_path / "run", 22)
    with (tmp_path / "run" / "metrics.jsonl").open("ab") as file:
        file.write(b'{"iteration": 24, "kind": "train", "loss": 9.0}\n{"iteration": 28, "lo')
    assert read_metrics(tmp_path / "run" / "metrics.jsonl")[-1]["loss"] == 9.0  # torn line left out
    toy.train(tmp_path / "run", threads=1)
    assert_same_run(tmp_path / "run", unbroken)


def interrupt_at(toy, folder, iteration, **changes):
    """Ctrl-C inside the step of ``iteration``."""
    original = toy.Rooted.step

    def step(self, batches, i):
        if i == iteration:
            signal.raise_signal(signal.SIGINT)
        return original(self, batches, i)

    toy.Rooted.step = step
    try:
        toy.train(folder, threads=1, **changes)
    finally:
        toy.Rooted.step = original


@pytest.mark.parametrize("damage", ["truncated", "garbage", "empty"])
def test_a_damaged_checkpoint_says_how_to_mend_it(damage, toy, tmp_path):
    toy.train(tmp_path, iterations=4, evaluate_every=None)
    before = (tmp_path / "run.json").read_text()
    data = (tmp_path / "last.ckpt").read_bytes()
    (tmp_path / "last.ckpt").write_bytes(
        {"truncated": data[: len(data) // 2], "garbage": b"x" * 99, "empty": b""}[damage]
    )
    with pytest.raises(CheckpointError, match=r"last\.ckpt cannot be read .*delete it: the run then starts again"):
        toy.train(tmp_path, iterations=4, evaluate_every=None)
    assert (tmp_path / "run.json").read_text() == before
    (tmp_path / "last.ckpt").unlink()  # the remedy works
    toy.train(tmp_path, iterations=4, evaluate_every=None)
    assert load_checkpoint(tmp_path / "last.ckpt").iteration == 4


def test_a_checkpoint_that_needs_code_execution_is_refused(tmp_path):
    class Evil:
        def __reduce__(self):
            return print, ("executed",)

    torch.save({"format": 1, "method": Evil()}, tmp_path / "last.ckpt")
    with pytest.raises(CheckpointError, match="cannot be read"):
        load_checkpoint(tmp_path / "last.ckpt")


def test_other_files_are_refused(tmp_path):
    torch.save({"state_dict": {}}, tmp_path / "other.ckpt")
    with pytest.raises(CheckpointError, match="no udalib checkpoint"):
        load_checkpoint(tmp_path / "other.ckpt")
    torch.save({"format": 99, "method": {}}, tmp_path / "new.ckpt")
    with pytest.raises(CheckpointError, match="format 99, this version reads 1"):
        load_checkpoint(tmp_path / "new.ckpt")
    for name in ("none.ckpt", "none.safetensors"):
        with pytest.raises(CheckpointError, match="there is no"):
            load_weights(tmp_path / name)
    (tmp_path / "half.safetensors").write_bytes(b"\x08")
    with pytest.raises(CheckpointError, match=r"half\.safetensors cannot be read"):
        load_weights(tmp_path / "half.safetensors")


def test_removed_metrics_lines_are_noticed(toy, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        interrupt_at(toy, tmp_path, 10)
    (tmp_path / "metrics.jsonl").write_text("")
    with pytest.raises(CheckpointError, match="lines were removed"):
        toy.train(tmp_path)


def test_a_changed_recipe_seed_or_setting_is_refused_and_named(toy, tmp_path):
    toy.train(tmp_path, iterations=4)
    with pytest.raises(CheckpointError, match="changed recipe: batch_size was 4 and is now 2"):
        toy.train(tmp_path, iterations=4, batch_size=2)
    with pytest.raises(CheckpointError, match="changed setting: iterations was 4 and is now 5"):
        toy.train(tmp_path, iterations=5)
    recipe = {"net": "bn", "batch_size": 4}
    with pytest.raises(CheckpointError, match="changed seed: seed was 0 and is now 1"):
        Trainer(toy.config(), Run(tmp_path, recipe=recipe, seed=1)).fit(toy.method(), {"source": None})
    assert read_run(tmp_path).status == "finished"


def test_a_checkpoint_of_another_network_is_refused(toy, tmp_path):
    toy.train(tmp_path, iterations=4)
    other = toy.method("plain")
    run = Run(tmp_path, recipe={"net": "bn", "batch_size": 4})
    streams = {"source": toy.Stream("source", toy.ToyStreets(), 4)}
    with pytest.raises(CheckpointError, match="made for another network"):
        Trainer(toy.config(iterations=4), run).fit(other, streams)


def test_starting_again_without_resume(toy, tmp_path):
    toy.train(tmp_path, iterations=4)
    run = Run(tmp_path, recipe={"net": "bn", "batch_size": 2}, resume=False)
    streams = {"source": toy.Stream("source", toy.ToyStreets(), 2)}
    Trainer(toy.config(iterations=3, evaluate_every=None), run).fit(toy.method(), streams)
    assert [r["iteration"] for r in read_metrics(tmp_path / "metrics.jsonl")] == [3]
    assert json.loads((tmp_path / "run.json").read_text())["recipe"]["batch_size"] == 2
    assert not (tmp_path / "best.safetensors").exists()


def test_a_finished_run_is_not_trained_again(toy, tmp_path):
    first, results = toy.train(tmp_path, iterations=4)
    before = (tmp_path / "run.json").read_text()
    again, same = toy.train(tmp_path, iterations=4)
    assert same == results
    assert (tmp_path / "run.json").read_text() == before
    assert all(torch.equal(v, toy.weights(first)[k]) for k, v in toy.weights(again).items())
