"""What run.json says of where a run comes from: code, command, energy."""

from __future__ import annotations

import subprocess
from types import SimpleNamespace

import pytest
import torch

from udalib.engine import Run, read_run
from udalib.engine.record.energy import EnergyMeter
from udalib.engine.record.machine import cpu_model, describe_device
from udalib.engine.record.provenance import git_state, read_git_state
from udalib.engine.record.recorder import Recorder


def git(folder, *words):
    identity = ["-c", "user.name=x", "-c", "user.email=x@x"]
    subprocess.run(["git", "-C", str(folder), *identity, *words], check=True, capture_output=True)


def test_commit_and_changes_of_a_checkout(tmp_path):
    package = tmp_path / "package"
    package.mkdir()
    (package / "__init__.py").write_text("")
    assert read_git_state(package) == {}
    git(tmp_path, "init")
    git(tmp_path, "commit", "--allow-empty", "-m", "empty")
    assert read_git_state(package) == {}, "a package that lies untracked in another project's repository"
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-m", "package")
    state = read_git_state(package)
    assert len(state["commit"]) == 40
    assert state["changed"] is False
    (package / "__init__.py").write_text("changed = True")
    assert read_git_state(package) == {**state, "changed": True}


def test_the_card_of_a_run(tmp_path):
    run = Run(tmp_path, name="toy", resume_command="udalib run toy")
    run.describe(data={"streams": {"source": {"items": 3}}})
    run.open({"type": "cpu"}, {"iterations": 1})
    data = read_run(tmp_path).data
    assert data["command"] == "udalib run toy"
    assert data["git"] == git_state()
    assert data["data"] == {"streams": {"source": {"items": 3}}}


@pytest.fixture
def counter(tmp_path):
    """A CPU with one package that has a part of its own, as Linux shows it."""
    for name in ("intel-rapl:0", "intel-rapl:0:0"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "max_energy_range_uj").write_text("5000000\n")
        (tmp_path / name / "energy_uj").write_text("4000000\n")
    return tmp_path


def test_energy_is_what_was_used_since_and_a_full_counter_starts_again(counter):
    meter = EnergyMeter(torch.device("cpu"), counter)
    assert (meter.joules(), meter.source) == (0.0, "RAPL")
    for reading, joules in ((4_500_000, 0.5), (500_000, 1.5), (600_000, 1.6)):
        (counter / "intel-rapl:0" / "energy_uj").write_text(str(reading))
        assert meter.joules() == pytest.approx(joules)


def test_energy_that_nobody_reports_is_none(counter, tmp_path):
    assert EnergyMeter(torch.device("cpu"), tmp_path / "nothing").joules() is None
    (counter / "intel-rapl:0" / "energy_uj").write_text("not a number")
    assert EnergyMeter(torch.device("cpu"), counter).joules() is None


def test_the_processor_says_who_it_is():
    assert describe_device(torch.device("cpu"), 1)["cpu"] == cpu_model()
    assert isinstance(cpu_model(), str)


def test_a_counter_that_fills_up_is_read_between_checkpoints_too():
    reads = []
    recorder = Recorder(None, torch.device("cpu"))
    recorder._meter = SimpleNamespace(joules=lambda: reads.append(1))
    recorder.write(1, "train", {"loss": 1.0})
    assert reads == [1]
