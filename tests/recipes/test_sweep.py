"""Workers are processes: killed ones are named, starts come before what starts from them, Ctrl-C reaches each once."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from udalib.recipes import get_recipe
from udalib.recipes.sweep.pool import Worker, run_all, start_run, terminated_like_interrupted
from udalib.recipes.sweep.tasks import Task, make_task, unfinished, with_starts

FINE, FAILS, KILLED = "pass", "print('x'); raise ValueError('no good')", "import os; os.kill(os.getpid(), 9)"


@pytest.fixture
def run():
    """Run tasks whose workers execute the given lines of Python instead of a recipe; what ended, in order."""

    def run(programs, starts=None, jobs=2, done=None):
        def launch(task):
            output = tempfile.TemporaryFile()  # noqa: SIM115
            words = [sys.executable, "-c", programs[task.folder.name]]
            process = subprocess.Popen(words, stdout=output, stderr=subprocess.STDOUT, start_new_session=True)
            return Worker(task, process, output)

        recipe, ended = get_recipe("streets/jitter"), {}
        starts = starts or {}
        tasks = [Task(recipe, Path(n), start=Path(starts[n]) if n in starts else None) for n in programs]
        done = done or (lambda task, failure: ended.update({task.folder.name: failure}))
        run_all(tasks, jobs, done, launch)
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


def test_the_worker_is_the_command_line_with_one_thread(monkeypatch, tmp_path):
    seen = {}
    monkeypatch.setattr(subprocess, "Popen", lambda words, **options: seen.update(words=words, **options))
    start_run(make_task("streets/jitter", 4, "quick", ("train.iterations=2",), device="cpu", out=tmp_path))
    expected = f"-m udalib.cli run streets/jitter --preset quick --seeds 4 --device cpu --out {tmp_path} --set"
    assert " ".join(seen["words"][1:]) == f"{expected} train.iterations=2 train.progress=no"
    assert seen["env"]["OMP_NUM_THREADS"] == "1"
    assert seen["start_new_session"]


def test_runs_that_others_start_from_come_first(tmp_path):
    work = [make_task("streets/advent", 3, "quick", out=tmp_path)]
    first, second = with_starts(work)
    assert (first.title, second.title) == ("streets/source-only seed 3", "streets/advent seed 3")
    assert second.start == first.folder
    assert with_starts([first, second]) == [first, second]
    assert unfinished([first]) == [first]


def test_sigterm_is_ctrl_c():
    import os
    import signal

    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(KeyboardInterrupt), terminated_like_interrupted():
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(1)
    assert signal.getsignal(signal.SIGTERM) == before
