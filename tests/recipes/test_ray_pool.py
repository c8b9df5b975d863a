"""A real Ray cluster on this machine: machines die in mid-run, and the runs go on elsewhere to the same numbers."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tiny_streets import TINY

from udalib.cli import main
from udalib.core.errors import ConfigError
from udalib.core.files import take_lock
from udalib.engine.record.reading import read_run
from udalib.recipes import get_recipe
from udalib.recipes.spec.overrides import as_typed
from udalib.recipes.sweep.ray_pool import RayOptions, run_all_on_ray, wait_for_lock
from udalib.recipes.sweep.tasks import Task, make_task

ray = pytest.importorskip("ray", reason="Ray is not installed (udalib[sweeps])")

WORDS = [f"{key}={as_typed(value)}" for key, value in TINY.items()]
LIMIT_S = 180.0


@pytest.fixture
def cluster() -> Iterator[Any]:
    """A cluster whose head does no work."""
    from ray.cluster_utils import Cluster

    made = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
    yield made
    ray.shutdown()
    made.shutdown()


def wait_until(true: Callable[[], bool]) -> None:
    limit = time.monotonic() + LIMIT_S
    while not true() and time.monotonic() < limit:
        time.sleep(0.1)
    assert true()


@pytest.mark.slow
def test_a_run_whose_machine_dies_goes_on_on_another_one(cache: None, cluster: Any, tmp_path: Path) -> None:
    import threading

    words = [*WORDS, "train.iterations=300", "train.log_every=1", "train.checkpoint_every=20"]
    task = make_task("streets/source-only", 3, "quick", words, device="cpu", out=tmp_path)
    machine = cluster.add_node(num_cpus=1)
    ended: dict[str, str | None] = {}

    def sweep() -> None:
        run_all_on_ray(
            [task],
            1,
            lambda each: ["udalib.cli", "run", *each.arguments],
            lambda each, failure: ended.update({each.title: failure}),
            RayOptions(cluster.address),
        )

    thread = threading.Thread(target=sweep)
    thread.start()
    wait_until((task.folder / "last.ckpt").exists)
    cluster.remove_node(machine, allow_graceful=False)
    before = read_run(task.folder).data["pid"]
    cluster.add_node(num_cpus=1)
    thread.join(LIMIT_S)
    assert ended == {task.title: None}
    again = read_run(task.folder)
    assert again.status == "finished"
    assert again.data["pid"] != before
    whole = make_task("streets/source-only", 3, "quick", words, device="cpu", out=tmp_path / "whole")
    assert main(["run", *whole.arguments]) == 0
    assert read_run(whole.folder).results == again.results


@pytest.mark.slow
def test_failures_are_named_starts_come_first_and_a_cluster_is_started_when_there_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    (tmp_path / "toy.py").write_text(
        "import sys; print('x'); sys.exit(f'error: no {sys.argv[1]}' if 'bad' in sys.argv[1] else 0)"
    )
    recipe = get_recipe("streets/jitter", "quick")
    starts = {"child": "parent", "lost": "bad"}
    names = ("child", "lost", "parent", "bad")
    tasks = [Task(recipe, tmp_path / n, start=tmp_path / starts[n] if n in starts else None) for n in names]
    ended: dict[str, str | None] = {}
    run_all_on_ray(
        tasks,
        2,
        lambda task: ["toy", task.folder.name],
        lambda task, failure: ended.update({task.folder.name: failure}),
    )
    assert ended == {"parent": None, "child": None, "bad": "no bad", "lost": "the run that it starts from failed"}
    assert list(ended).index("parent") < list(ended).index("child")


def test_a_cluster_that_is_not_there_is_named() -> None:
    with pytest.raises(ConfigError, match="there is no Ray cluster at 'nonsense'"):
        run_all_on_ray([], 1, lambda _: [], lambda *_: None, RayOptions("nonsense"))


def test_a_restarted_run_waits_for_the_lock_of_the_one_that_died(tmp_path: Path) -> None:
    wait_for_lock(tmp_path, 0.0)  # no lock, no waiting
    take_lock(tmp_path / ".lock", "").close()
    start = time.monotonic()
    wait_for_lock(tmp_path, 10.0)  # a lock that nobody holds
    assert time.monotonic() - start < 5.0
