"""Runs on a Ray cluster: as many at a time as its resources allow; a run whose machine dies goes on on another one.

The run folders must lie where every machine of the cluster sees them. Ray is an extra (``udalib[sweeps]``).
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from udalib.core.errors import ConfigError
from udalib.core.files import take_lock
from udalib.recipes.sweep.pool import Backlog, Done, failure_of, worker_environment
from udalib.recipes.sweep.tasks import Task

RETRIES = 5
"""How often a run is started again after its machine or worker died."""
LOCK_LIMIT_S = 60.0
"""How long a restarted run waits for what is left of the one that died."""


@dataclass(frozen=True)
class RayOptions:
    """Where runs go and what each asks for.

    Attributes:
        address: of a cluster ("auto", or HOST:PORT); None starts one on this machine.
        cpus: of a run, also its number of threads.
        gpus: of a run; a fraction lets several runs share one.
        memory_gib: of a run; None = not asked for.
    """

    address: str | None = None
    cpus: float = 1.0
    gpus: float = 0.0
    memory_gib: float | None = None


def run_all_on_ray(
    tasks: Sequence[Task],
    jobs: int,
    words: Callable[[Task], list[str]],
    done: Done,
    options: RayOptions = RayOptions(),  # frozen
) -> None:
    """Work ``tasks`` off on a cluster, each as ``python -m WORDS``; like :func:`~udalib.recipes.sweep.pool.run_all`.

    The cluster's resources bound the runs at a time; one that is started here has ``jobs`` processors.

    Raises:
        ConfigError: Ray is not installed, or there is no cluster at the address.
    """
    ray = _connect(options, jobs)
    work = ray.remote(_work).options(
        num_cpus=options.cpus,
        num_gpus=options.gpus,
        memory=None if options.memory_gib is None else int(options.memory_gib * 2**30),
        max_retries=RETRIES,
    )
    backlog, running = Backlog(tasks, done), dict[Any, Task]()
    try:
        while backlog.waiting or running:
            for task in backlog.ready(list(running.values())):
                backlog.waiting.remove(task)
                running[work.remote(words(task), str(task.folder), os.getcwd(), _environment(options))] = task
            for reference in ray.wait(list(running), timeout=0.5)[0] if running else ():
                backlog.end(running.pop(reference), _failure(ray, reference))
    finally:
        for reference in running:
            ray.cancel(reference, force=False)
        if running:
            ray.wait(list(running), num_returns=len(running), timeout=LOCK_LIMIT_S)
        ray.shutdown()


def _connect(options: RayOptions, jobs: int) -> Any:
    try:
        import ray
    except ImportError as error:
        raise ConfigError("running on Ray needs ray: pip install 'udalib[sweeps]'.") from error
    settings: dict[str, Any] = {"address": options.address} if options.address else {"num_cpus": jobs}
    try:
        ray.init(**settings, log_to_driver=False, include_dashboard=False if not options.address else None)
    except (ConnectionError, ValueError) as error:
        raise ConfigError(
            f"there is no Ray cluster at {options.address!r} ({error}); start one, or give no address."
        ) from error
    return ray


def _environment(options: RayOptions) -> dict[str, str]:
    """What a run needs of this process's environment, wherever it runs."""
    kept = {key: value for key, value in os.environ.items() if key.startswith("UDALIB_") or key == "PYTHONPATH"}
    threads = str(max(1, int(options.cpus)))
    return {**kept, **worker_environment(), "OMP_NUM_THREADS": threads, "MKL_NUM_THREADS": threads}


def _failure(ray: Any, reference: Any) -> str | None:
    try:
        code, output = ray.get(reference)
    except ray.exceptions.RayError as error:
        return f"lost by Ray: {str(error).strip().splitlines()[0]}"
    return failure_of(code, output)


def _work(words: Sequence[str], folder: str, place: str, environment: dict[str, str]) -> tuple[int, str]:
    """Run ``python -m WORDS`` on a machine of the cluster; a cancelled task lets the run save itself."""
    wait_for_lock(Path(folder))
    process = subprocess.Popen(
        [sys.executable, "-m", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env={**os.environ, **environment},
        cwd=place,
        text=True,
        errors="replace",
        start_new_session=True,
        preexec_fn=_die_with_parent,  # a killed worker must not leave a run behind that its restart would meet
    )
    try:
        output, _ = process.communicate()
    except KeyboardInterrupt:
        process.send_signal(signal.SIGINT)
        output, _ = process.communicate()
    return process.returncode, output


def wait_for_lock(folder: Path, limit_s: float = LOCK_LIMIT_S) -> None:
    """Wait until nobody trains in ``folder`` any more, or ``limit_s``: the run itself then says who does."""
    end = time.monotonic() + limit_s
    while (folder / ".lock").exists() and time.monotonic() < end:
        try:
            take_lock(folder / ".lock", "").close()
        except ConfigError:
            time.sleep(0.5)
        else:
            return


def _die_with_parent() -> None:
    """Ask Linux to kill this process when its parent dies; elsewhere nothing happens."""
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
