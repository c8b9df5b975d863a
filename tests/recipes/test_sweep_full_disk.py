"""A disk that is full for one run of a sweep: named, the others go on, and with room again nothing is lost."""

import json
import sys

import pytest
from tiny_streets import TINY

from udalib.recipes.sweep.pool import run_all, start_run
from udalib.recipes.sweep.tasks import make_task, unfinished

resource = pytest.importorskip("resource", reason="limits of file sizes are those of POSIX")
LIMIT = 200_000
"""Bytes: more than run.json and the metrics have, less than a checkpoint."""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="prlimit is Linux's")
def test_a_full_disk_under_one_run_of_a_sweep(cache, tmp_path):
    changes = {**TINY, "train.checkpoint_every": 1, "train.iterations": 3}
    words = tuple(f"{key}={json.dumps(value)}" for key, value in changes.items() if key != "train.progress")

    def tiny(seed, folder):
        return make_task("streets/source-only", seed, "quick", words, device="cpu", out=tmp_path / folder)

    full, fine, unbroken = tiny(0, "runs"), tiny(1, "runs"), tiny(0, "unbroken")

    def without_room(task):
        worker = start_run(task)
        if task == full:
            resource.prlimit(worker.process.pid, resource.RLIMIT_FSIZE, (LIMIT, LIMIT))
        return worker

    ended = {}
    run_all([full, fine], 2, lambda task, failure: ended.update({task: failure}), without_room)
    assert ended[fine] is None
    assert "could not write" in ended[full]
    assert "last.ckpt" in ended[full]
    assert "Free disk space" in ended[full]
    assert unfinished([full, fine]) == [full]
    assert json.loads((full.folder / "run.json").read_text())["status"] == "failed"
    assert not list(full.folder.glob("*.tmp*")), "a half-written file was left"

    run_all([full, unbroken], 2, lambda task, failure: ended.update({task: failure}))
    assert ended[full] is ended[unbroken] is None
    results = [json.loads((task.folder / "run.json").read_text())["results"] for task in (full, unbroken)]
    assert results[0] == results[1]
