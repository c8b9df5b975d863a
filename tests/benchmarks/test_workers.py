"""Workers are processes: killed ones are named, starts come before what starts from them, Ctrl-C reaches each once."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
import tempfile
import time
from argparse import Namespace
from pathlib import Path

import pytest

from udalib.recipes import get_recipe

OPTIONS = Namespace(jobs=2, preset="quick", device="cpu", runs=None)
FINE, FAILS, KILLED = "pass", "print('x'); raise ValueError('no good')", "import os; os.kill(os.getpid(), 9)"


@pytest.fixture
def workers(effect):
    return sys.modules["_workers"]


@pytest.fixture
def run(workers, monkeypatch):
    """Run tasks whose workers execute the given lines of Python instead of a recipe; what ended, in order."""

    def run(programs, starts=None, jobs=2, done=None):
        def start(task, options):
            output = tempfile.TemporaryFile()  # noqa: SIM115
            words = [sys.executable, "-c", programs[task.folder.name]]
            process = subprocess.Popen(words, stdout=output, stderr=subprocess.STDOUT, start_new_session=True)
            return workers.Worker(task, process, output)

        monkeypatch.setattr(workers, "start", start)
        recipe, ended = get_recipe("streets/jitter"), {}
        starts = starts or {}
        tasks = [workers.Task(recipe, Path(n), (), Path(starts[n]) if n in starts else None) for n in programs]
        done = done or (lambda task, failure: ended.update({task.folder.name: failure}))
        workers.run_all(tasks, Namespace(jobs=jobs), done)
        return ended

    return run


def test_failures_are_named_and_the_others_go_on(run):
    ended = run({"fine": FINE, "fails": FAILS, "killed": KILLED, "silent": "raise SystemExit(3)", "last": FINE})
    assert ended["fine"] is ended["last"] is None
    assert ended["fails"] == "ValueError: no good"
    assert ended["killed"].startswith("killed by SIGKILL; the same command goes on")
    assert ended["silent"] == "exit code 3"


def test_a_task_waits_for_the_run_it_starts_from_and_fails_with_it(run):
    ended = run({"child": FINE, "parent": "import time; time.sleep(0.4)"}, {"child": "parent"})
    assert list(ended) == ["parent", "child"]
    ended = run({"child": FINE, "grandchild": FINE, "parent": FAILS}, {"child": "parent", "grandchild": "child"})
    assert ended["child"] == ended["grandchild"] == "the run that it starts from failed"


def test_no_more_than_jobs_run_at_a_time(run, tmp_path):
    program = f"import time, pathlib; p = pathlib.Path({str(tmp_path)!r}); f = p / str(time.time_ns()); f.touch(); " + (
        "time.sleep(0.3); (p / 'most').open('a').write(f'{len(list(p.glob(\"1*\")))} '); f.unlink()"
    )
    run(dict.fromkeys("abcd", program), jobs=2)
    assert set((tmp_path / "most").read_text().split()) <= {"1", "2"}


def test_whatever_stops_the_loop_interrupts_the_workers_and_waits_for_them(run, tmp_path):
    program = (
        "import time, pathlib, signal\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"  # a shell's background job inherits "ignored"
        f"try:\n  pathlib.Path({str(tmp_path / 'up')!r}).touch(); time.sleep(60)\n"
        f"except KeyboardInterrupt:\n  time.sleep(0.2); pathlib.Path({str(tmp_path / 'saved')!r}).touch()"
    )

    def stop(task, failure):
        raise KeyboardInterrupt

    quick = f"import time, pathlib\nwhile not pathlib.Path({str(tmp_path / 'up')!r}).exists(): time.sleep(0.05)"
    start = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        run({"long": program, "quick": quick}, done=stop)
    assert (tmp_path / "saved").exists()
    assert time.monotonic() - start < 30


def test_the_worker_is_the_command_line_with_one_thread(workers, monkeypatch, tmp_path):
    seen = {}
    monkeypatch.setattr(subprocess, "Popen", lambda words, **options: seen.update(words=words, **options))
    recipe = get_recipe("streets/jitter", "quick")
    recipe = dataclasses.replace(recipe, train=dataclasses.replace(recipe.train, seed=4))
    options = Namespace(preset="quick", device="cpu", runs=tmp_path)
    workers.start(workers.Task(recipe, tmp_path, ("a=1",)), options)
    expected = f"-m udalib.cli run streets/jitter --preset quick --seeds 4 --device cpu --out {tmp_path} --set a=1"
    assert " ".join(seen["words"][1:]) == f"{expected} train.progress=no"
    assert seen["env"]["OMP_NUM_THREADS"] == "1"
    assert seen["start_new_session"]


def test_sigterm_is_ctrl_c(workers):
    import os
    import signal

    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(KeyboardInterrupt), workers.terminated_like_interrupted():
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(1)
    assert signal.getsignal(signal.SIGTERM) == before
