"""The trainer's other promises: interruption, NaN guard, precision, errors that say how to mend them."""

from __future__ import annotations

import json
import os
import signal

import pytest
import torch

from udalib.core.errors import ConfigError, UdalibError, UnknownNameError
from udalib.engine import (
    NonFiniteError,
    Run,
    RunInterrupted,
    TrainConfig,
    Trainer,
    load_checkpoint,
    read_metrics,
    read_run,
)
from udalib.engine.stop import StopSignal


def fit(toy, run=None, *, method=None, evaluators=None, schedules=None, **changes):
    streams = {"source": toy.Stream("source", toy.ToyStreets(), 4)}
    trainer = Trainer(toy.config(**changes), run)
    return trainer.fit(method or toy.method(), streams, evaluators, schedules)


class Hooked:
    """A method whose step first calls ``hook(iteration)`` and may change the logs."""

    @staticmethod
    def make(toy, hook):
        class Method(toy.Rooted):
            def step(self, batches, iteration):
                logs = super().step(batches, iteration)
                return hook(iteration, logs) or logs

        net = toy.network()
        return Method(net, torch.optim.AdamW(net.parameters(), 1e-2))


@pytest.mark.parametrize(
    ("number", "code", "cause"), [(signal.SIGINT, 130, "Ctrl-C"), (signal.SIGTERM, 143, "SIGTERM")]
)
def test_a_signal_saves_and_says_how_to_resume(number, code, cause, toy, tmp_path):
    run = Run(tmp_path / "run", resume_command="run `udalib run toy` again")
    method = Hooked.make(toy, lambda i, logs: signal.raise_signal(number) if i == 8 else None)
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    with pytest.raises(RunInterrupted) as stopped:
        fit(toy, run, method=method)
    assert stopped.value.exit_code == code
    message = f"Stopped by {cause} after iteration 9 of 40; saved in .*last.ckpt. To go on .*run `udalib run toy` again"
    assert stopped.match(message)
    assert load_checkpoint(run.checkpoint).iteration == 9
    assert read_run(run.folder).status == "interrupted"
    assert read_run(run.folder).data["iteration"] == 9
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before


@pytest.mark.slow
def test_ctrl_c_to_a_process_ends_it_with_130(toy, tmp_path, start_child):
    child = start_child(str(tmp_path), "slow=0.02")
    while child.exitcode is None and not (tmp_path / "metrics.jsonl").exists():
        child.join(0.005)
    os.kill(child.pid, signal.SIGINT)
    child.join(60)
    assert child.exitcode == 130
    assert "To go on from there, repeat the same command." in (tmp_path / "message.txt").read_text()
    assert read_run(tmp_path).status == "interrupted"


def test_a_signal_during_evaluation_stops_it_and_resume_evaluates_first(toy, tmp_path):
    reference = tmp_path / "reference"
    toy.train(reference, threads=1)

    class Interrupted(toy.Accuracy):
        def evaluate(self, predict, device, fabric=None):
            signal.raise_signal(signal.SIGINT)
            return super().evaluate(predict, device, fabric)

    toy_accuracy, toy.Accuracy = toy.Accuracy, Interrupted
    try:
        with pytest.raises(RunInterrupted, match="after iteration 10"):
            toy.train(tmp_path / "run", threads=1)
    finally:
        toy.Accuracy = toy_accuracy
    assert [r["kind"] for r in read_metrics(tmp_path / "run" / "metrics.jsonl")] == ["train", "train"]
    toy.train(tmp_path / "run", threads=1)
    assert (tmp_path / "run" / "metrics.jsonl").read_bytes() == (reference / "metrics.jsonl").read_bytes()


def test_a_second_signal_stops_at_once():
    with StopSignal() as stop:
        signal.raise_signal(signal.SIGINT)
        assert stop.received == signal.SIGINT
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)


def test_without_a_run_nothing_is_saved_and_the_message_says_so(toy):
    method = Hooked.make(toy, lambda i, logs: signal.raise_signal(signal.SIGINT))
    with pytest.raises(RunInterrupted, match="Nothing was saved"):
        fit(toy, method=method)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_nan_stops_the_run_and_names_term_and_iteration(value, toy, tmp_path):
    method = Hooked.make(toy, lambda i, logs: {**logs, "loss_mixed": torch.tensor(value if i >= 9 else 1.0)})
    with pytest.raises(NonFiniteError, match=f"loss_mixed became {value} in iteration 9; training stopped"):
        fit(toy, Run(tmp_path), method=method)
    record = read_run(tmp_path)
    assert record.status == "failed"
    assert record.data["error"]["type"] == "NonFiniteError"
    with pytest.raises(UdalibError, match="has no result: the run is failed: loss_mixed became"):
        _ = record.results
    assert load_checkpoint(tmp_path / "last.ckpt").iteration == 6  # from before


def test_a_nan_weight_is_never_saved(toy, tmp_path):
    method = toy.method()

    def poison(iteration, logs):
        if iteration == 11:
            with torch.no_grad():
                poisoned.network[0].bias.fill_(float("nan"))

    poisoned = Hooked.make(toy, poison)
    with pytest.raises(NonFiniteError, match=r"the weight network\.0\.bias became NaN or infinite in iteration 11"):
        fit(toy, Run(tmp_path), method=poisoned)
    assert load_checkpoint(tmp_path / "last.ckpt").iteration == 6
    assert set(load_checkpoint(tmp_path / "last.ckpt").method) == set(method.state_dict())


def test_any_other_error_marks_the_run_failed_and_resume_goes_on(toy, tmp_path):
    def fail(iteration, logs):
        if iteration == 13:
            raise ValueError("boom")

    with pytest.raises(ValueError, match="boom"):
        fit(toy, Run(tmp_path), method=Hooked.make(toy, fail))
    assert read_run(tmp_path).status == "failed"
    fit(toy, Run(tmp_path))
    record = read_run(tmp_path)
    assert record.status == "finished"
    assert "error" not in record.data


def test_best_weights_follow_the_monitor(toy, tmp_path):
    class Falling:
        asks = "predict"
        score = "miou"

        def __init__(self):
            self.calls = 0

        def evaluate(self, predict, device, fabric=None):
            self.calls += 1
            return {"miou": -self.calls, "other": [0.1, 0.7, 0.3, None][self.calls - 1]}

    run = Run(tmp_path)
    fit(toy, run, evaluators={"target": Falling()}, monitor="target/other")
    best = json.loads((tmp_path / "run.json").read_text())["best"]
    assert best == {"metric": "target/other", "value": 0.7, "iteration": 20}
    run = Run(tmp_path / "default")
    fit(toy, run, evaluators={"target": Falling()})
    assert json.loads((tmp_path / "default" / "run.json").read_text())["best"]["iteration"] == 10
    assert read_run(tmp_path).results["target/miou"] == -4  # the last, not the best


def test_evaluation_keeps_modes_and_random_state_out_of_training(toy):
    def frozen_is_frozen(iteration, logs):
        assert not method.network[1].training
        assert method.network[2].training

    method = Hooked.make(toy, frozen_is_frozen)
    method.train = lambda mode=True: [torch.nn.Module.train(method, mode), method.network[1].eval()][0]
    fit(toy, method=method, evaluators={"target": toy.Accuracy()}, evaluate_every=3)
    often, rarely = toy.method(), toy.method()
    fit(toy, method=often, evaluators={"target": toy.Accuracy()}, evaluate_every=1)
    fit(toy, method=rarely, evaluators={"target": toy.Accuracy()}, evaluate_every=None)
    assert all(torch.equal(v, rarely.state_dict()[k]) for k, v in often.state_dict().items())


def test_rates_follow_the_schedule_from_the_initial_rate(toy):
    seen = []
    method = Hooked.make(toy, lambda i, logs: seen.append(method.optimizer.param_groups[0]["lr"]))
    fit(toy, method=method, iterations=4, schedules={"main": lambda base, i: base * (i + 1)})
    assert seen == pytest.approx([0.01, 0.02, 0.03, 0.04])


@pytest.mark.parametrize(
    "changes", [{"precision": "bf16-mixed"}, {"channels_last": True}, {"deterministic": True, "clip": 1.0}]
)
def test_settings_that_a_cpu_can_run(changes, toy, tmp_path):
    method = toy.method()
    dtypes = []
    method.network[0].register_forward_hook(
        lambda m, i, o: dtypes.append((o.dtype, o.is_contiguous(memory_format=torch.channels_last)))
    )
    fit(toy, Run(tmp_path), method=method, evaluators={"t": toy.Accuracy()}, iterations=12, **changes)
    want = torch.bfloat16 if "precision" in changes else torch.float32
    assert dtypes[0] == (want, "channels_last" in changes)
    losses = [r["loss"] for r in read_metrics(tmp_path / "metrics.jsonl") if r["kind"] == "train"]
    assert losses[-1] < losses[0]
    assert all(p.dtype == torch.float32 for p in method.parameters())
    assert not torch.are_deterministic_algorithms_enabled()


def test_clipping_bounds_the_gradient(toy):
    norms = []

    class Watched(torch.optim.SGD):
        def step(self, closure=None):
            norms.append(torch.stack([p.grad.norm() for g in self.param_groups for p in g["params"]]).norm())

    net = toy.network()
    fit(toy, method=toy.Rooted(net, Watched(net.parameters(), 0.1)), iterations=3, clip=1e-3)
    assert torch.stack(norms) == pytest.approx(torch.full((3,), 1e-3).numpy(), rel=1e-3)


@pytest.mark.skipif(
    os.environ.get("UDALIB_TEST_COMPILE") != "1", reason="compiling takes a minute; set UDALIB_TEST_COMPILE=1"
)
@pytest.mark.slow
def test_compiled_networks_train_and_keep_their_parameter_names(toy, tmp_path):
    plain, _ = toy.train(None, net="plain", iterations=4)
    compiled, _ = toy.train(tmp_path, net="plain", iterations=4, compile=True)
    assert set(load_checkpoint(tmp_path / "last.ckpt").method) == set(plain.state_dict())
    assert all(torch.allclose(v, plain.state_dict()[k], atol=1e-5) for k, v in compiled.state_dict().items())


def test_run_record_and_scalars(toy, tmp_path):
    pytest.importorskip("tensorboard")
    toy.train(tmp_path, iterations=8)
    data = json.loads((tmp_path / "run.json").read_text())
    assert data["recipe"] == {"net": "bn", "batch_size": 4}
    assert (data["status"], data["iteration"], data["seed"], data["device"]["type"]) == ("finished", 8, 0, "cpu")
    assert data["wall_time_s"] > 0
    assert data["peak_memory_mib"] > 10
    assert data["versions"]["torch"] == torch.__version__.partition("+")[0]
    assert list((tmp_path / "tensorboard").glob("events.*"))


def test_two_processes_cannot_train_in_one_folder(toy, tmp_path, start_child):
    child = start_child(str(tmp_path), "slow=0.5")
    while child.exitcode is None and not (tmp_path / "run.json").exists():
        child.join(0.005)
    with pytest.raises(ConfigError, match="another process is training in"):
        toy.train(tmp_path)
    child.kill()
    child.join(60)


def test_a_read_only_folder_and_a_full_disk_name_the_file(toy, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    with pytest.raises(UdalibError, match="could not write the run folder .*Choose a folder you may write to"):
        toy.train(tmp_path / "file" / "run")

    def full(value, path):
        raise RuntimeError("[enforce fail at inline_container.cc:820] . PytorchStreamWriter failed writing file")

    monkeypatch.setattr(torch, "save", full)
    with pytest.raises(UdalibError, match=r"could not write .*last\.ckpt: .*Free disk space"):
        toy.train(tmp_path / "run")
    assert read_run(tmp_path / "run").status == "failed"
    monkeypatch.undo()
    toy.train(tmp_path / "run")
    assert read_run(tmp_path / "run").status == "finished"


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_a_full_disk_under_the_metrics_names_the_file(tmp_path):
    from udalib.engine.record.logs import MetricsFile

    (tmp_path / "metrics.jsonl").symlink_to("/dev/full")
    with pytest.raises(
        UdalibError, match=r"could not write .*metrics\.jsonl: No space left on device.*the same command resumes"
    ):
        MetricsFile(tmp_path / "metrics.jsonl").write({"loss": 1.0})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"iterations": 0}, "iterations is 0; give a whole number of at least 1"),
        ({"iterations": 2.5}, "iterations is 2.5"),
        ({"precision": "fp16"}, "precision is 'fp16'; choose one of 32-true, bf16-mixed, 16-mixed"),
        ({"clip": 0.0}, "clip is 0.0; give a positive gradient norm"),
        ({"checkpoint_every": -1}, "checkpoint_every is -1"),
    ],
)
def test_settings_are_checked_at_the_door(changes, message):
    with pytest.raises(ConfigError, match=message):
        TrainConfig(**{"iterations": 1, **changes})


def test_devices_are_checked(toy):
    with pytest.raises(ConfigError, match="device is 'tpu'; choose auto, cpu, cuda"):
        fit(toy, device="tpu")
    if not torch.cuda.is_available():
        with pytest.raises(ConfigError, match="torch sees no GPU"):
            fit(toy, device="cuda:0")
        with pytest.raises(ConfigError, match="16-mixed needs a GPU; on the CPU choose bf16-mixed"):
            fit(toy, precision="16-mixed")
        with pytest.raises(ConfigError, match="sync_batchnorm needs GPUs"):
            fit(toy, sync_batchnorm=True)


def test_missing_streams_and_unknown_names_fail_before_anything_is_loaded(toy, tmp_path):
    trainer = Trainer(toy.config(), Run(tmp_path / "run"))
    with pytest.raises(ConfigError, match="Rooted needs a stream 'source'; given: target"):
        trainer.fit(toy.method(), {"target": None})
    with pytest.raises(UnknownNameError, match=r"unknown optimiser .*'mian'. Did you mean: main"):
        trainer.fit(toy.method(), {"source": None}, schedules={"mian": None})
    with pytest.raises(UnknownNameError, match=r"unknown evaluation .*'taget'. Did you mean: target"):
        Trainer(toy.config(monitor="taget/miou")).fit(toy.method(), {"source": None}, {"target": None})
    assert not (tmp_path / "run").exists()
