"""Readers of run folders never show a run without an end as a result."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys

import pytest
import torch

from udalib.core.errors import UdalibError
from udalib.engine import Run, find_runs, read_metrics, read_run
from udalib.engine.record.checkpoint import differences
from udalib.engine.record.logs import LogWindow


def make(folder, end=None):
    run = Run(folder, name="toy", recipe={"lr": 1.0}, overrides={"lr": 1.0}, seed=3)
    run.open({"type": "cpu"}, {"iterations": 1})
    if end is not None:
        end(run)
    return folder


def test_only_finished_runs_have_results(tmp_path):
    make(tmp_path / "a", lambda run: run.finish({"target/miou": 0.5}))
    make(tmp_path / "b", lambda run: run.fail(ValueError("bad data")))
    make(tmp_path / "c", lambda run: run.interrupt(7))
    make(tmp_path / "d")
    records = find_runs(tmp_path)
    assert [r.status for r in records] == ["finished", "failed", "interrupted", "running"]
    assert records[0].results == {"target/miou": 0.5}
    assert (records[0].data["name"], records[0].data["seed"], records[0].data["overrides"]) == ("toy", 3, {"lr": 1.0})
    for record, reason in zip(records[1:], ("failed: bad data", "interrupted", "running"), strict=True):
        with pytest.raises(UdalibError, match=f"has no result: the run is {reason}"):
            _ = record.results
    assert [r.folder.name for r in find_runs(tmp_path, finished_only=True)] == ["a"]


def test_a_run_whose_process_is_gone_counts_as_interrupted(tmp_path):
    folder = make(tmp_path)
    gone = subprocess.Popen([sys.executable, "-S", "-c", ""])
    gone.wait()
    data = json.loads((folder / "run.json").read_text())
    assert data["pid"] == os.getpid()
    for host, status in ((socket.gethostname(), "interrupted"), ("elsewhere", "running")):
        (folder / "run.json").write_text(json.dumps({**data, "pid": gone.pid, "host": host}))
        assert read_run(folder).status == status


def test_a_failure_before_training_is_recorded_but_hides_no_earlier_record(tmp_path):
    Run(tmp_path / "new", recipe={"lr": 1.0}).fail(FileNotFoundError("no images"))
    assert read_run(tmp_path / "new").data["error"]["message"] == "no images"
    make(tmp_path / "old", lambda run: run.finish({"target/miou": 0.5}))
    Run(tmp_path / "old", recipe={"lr": 1.0}).fail(FileNotFoundError("no images"))
    assert read_run(tmp_path / "old").results == {"target/miou": 0.5}


def test_a_folder_that_is_no_run_is_named(tmp_path):
    with pytest.raises(UdalibError, match="is no run folder"):
        read_run(tmp_path)
    for text, message in (("{", "cannot be read"), ("[]", "not the record of a run"), ("{}", "has status None")):
        (tmp_path / "run.json").write_text(text)
        with pytest.raises(UdalibError, match=message):
            read_run(tmp_path)


def test_metrics_leave_a_torn_last_line_out_and_name_a_broken_one(tmp_path):
    path = tmp_path / "metrics.jsonl"
    assert read_metrics(path) == []
    path.write_text('{"iteration": 1}\n{"itera')
    assert read_metrics(path) == [{"iteration": 1}]
    path.write_text('{"iteration": 1}\n{"itera\n{"iteration": 3}\n')
    with pytest.raises(UdalibError, match="line 2 is not JSON"):
        read_metrics(path)


def test_differences_name_every_leaf():
    before = {"lr": 1.0, "network": {"name": "a", "depth": 3}, "crop": [64, 128], "gone": 1}
    now = {"lr": 1.0, "network": {"name": "b", "depth": 3}, "crop": (64, 128), "new": None}
    assert differences(before, now) == [("network.name", "a", "b"), ("gone", 1, "(absent)"), ("new", "(absent)", None)]


def test_log_window_averages_each_term_over_the_iterations_that_have_it():
    window = LogWindow()
    window.add(0, {"loss": torch.tensor(1.0), "lr": 0.5})
    window.add(1, {"loss": torch.tensor(3.0, dtype=torch.bfloat16), "late": torch.tensor(7.0)})
    assert window.problem() is None
    assert window.flush() == {"loss": 2.0, "lr": 0.5, "late": 7.0}
    assert window.flush() == {}


def test_float16_tolerates_an_overflow_that_the_scaler_skips_but_not_a_dead_term():
    nan = torch.tensor(float("nan"))
    for lenient, entries, bad in (
        (True, [1.0, nan, 3.0], False), (False, [1.0, nan, 3.0], True), (True, [nan, nan], True),
    ):  # fmt: skip
        window = LogWindow(lenient=lenient)
        for i, value in enumerate(entries):
            window.add(i, {"loss": value})
        assert (window.problem() is not None) == bad
        if not bad:
            assert window.flush() == {"loss": 2.0}
