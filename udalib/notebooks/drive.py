"""Drive one run through a notebook: ``python -m udalib.notebooks.drive RECIPE --seeds 0 ...``, like ``udalib run``.

The executed notebook lies in the run folder as ``notebook.ipynb`` (and ``.html``) once the run has finished, and as
``failed.ipynb`` if it did not. Ctrl-C and SIGTERM are handed on to the kernel, where the run saves itself.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from udalib.core.errors import ConfigError, UdalibError
from udalib.core.files import atomic_path
from udalib.core.paths import find_in_checkout
from udalib.notebooks.execute import Outcome, execute, require_papermill
from udalib.recipes.sweep.tasks import Task, is_finished, make_task

REPRODUCTION = "16_reproduction.ipynb"
DONE, FAILED = "notebook", "failed"
EXERCISES = "## Exercises"
"""Heading of the part that a run is driven without."""
CELL_LIMIT_S = 60 * 60 * 24 * 30
"""The training is one cell."""


def find_reproduction() -> Path:
    """The notebook that runs are driven through: beside the package's checkout, else above the working directory."""
    file = find_in_checkout(f"notebooks/{REPRODUCTION}")
    if file is None:
        raise ConfigError(
            f"there is no notebooks/{REPRODUCTION} (an installed package has none); start this in a checkout, or name "
            "the notebook with --notebook."
        )
    return file


def is_driven(task: Task) -> bool:
    """True if the run has finished and its notebook lies beside it."""
    return is_finished(task) and (task.folder / f"{DONE}.ipynb").is_file()


def drive(task: Task, notebook: Path, store: str = "") -> Outcome:
    """Execute ``notebook`` with the parameters of ``task`` and leave it in the run folder, and a copy in ``store``.

    A copy that cannot be stored is a problem of the outcome: the run has finished, and the same again stores it.
    """
    import nbformat

    given = nbformat.read(notebook, as_version=4)
    given["cells"] = _without_exercises(given["cells"])
    with tempfile.TemporaryDirectory() as place:
        source = Path(place) / f"{DONE}.ipynb"
        nbformat.write(given, source)
        outcome = execute(source, Path(place) / "out", parameters(task), CELL_LIMIT_S)
        if outcome.ok and store:
            outcome = replace(outcome, problems=put(Path(place) / "out" / source.name, stored_at(store, task)))
        task.folder.mkdir(parents=True, exist_ok=True)
        name = DONE if outcome.ok else FAILED
        for written in (Path(place) / "out").iterdir():
            _move(written, task.folder / f"{name}{written.suffix}")
    if outcome.ok:
        for old in task.folder.glob(f"{FAILED}.*"):
            old.unlink()
    return outcome


def stored_at(store: str, task: Task) -> str:
    """Where in ``store`` the notebook of a run lies: like its run folder."""
    return f"{store.rstrip('/')}/{task.recipe.name}/{task.recipe.preset}/seed{task.recipe.train.seed}.ipynb"


def put(notebook: Path, address: str) -> tuple[str, ...]:
    """Write ``notebook`` to an ``address`` of one of Papermill's stores; what went wrong, if anything did."""
    from papermill.iorw import papermill_io

    try:
        papermill_io.write(notebook.read_text(encoding="utf-8"), address)
    except Exception as error:  # a store fails in its client's own ways
        what = f"{type(error).__name__}: {error}".strip()
        return (f"could not store the notebook at {address} ({what}); the run has finished, repeat the command.",)
    return ()


def parameters(task: Task) -> dict[str, Any]:
    """What the notebook is told."""
    train = task.recipe.train
    values = {"recipe": task.recipe.name, "preset": task.recipe.preset, "seeds": [train.seed], "device": train.device}
    return {**values, "overrides": list(task.overrides), "runs": str(task.out) if task.out else ""}


def _without_exercises(cells: Sequence[Any]) -> list[Any]:
    heads = [i for i, cell in enumerate(cells) if cell["source"].startswith(EXERCISES)]
    return list(cells[: heads[0]] if heads else cells)


def _move(source: Path, target: Path) -> None:
    with atomic_path(target) as temporary:
        temporary.write_bytes(source.read_bytes())


@contextmanager
def _interrupts_reach_the_kernel() -> Iterator[list[int]]:
    """Hand SIGINT and SIGTERM on to every process that this one started; yields the list of signals that came."""
    import psutil

    came: list[int] = []

    def hand_on(number: int, _: object) -> None:
        came.append(number)
        for child in psutil.Process(os.getpid()).children(recursive=True):
            child.send_signal(signal.SIGINT)

    before = {number: signal.signal(number, hand_on) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield came
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m udalib.notebooks.drive", description=__doc__)
    parser.add_argument("recipe")
    parser.add_argument("--preset", default="laptop")
    parser.add_argument("--seeds", type=int, default=0, metavar="SEED")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--out", type=Path, help="folder of the run folders; default $UDALIB_RUNS or runs")
    parser.add_argument("--set", nargs="*", default=[], metavar="KEY=VALUE")
    parser.add_argument("--notebook", type=Path, help=f"default notebooks/{REPRODUCTION} of the checkout")
    parser.add_argument("--store", default="", help="address that gets a copy of the notebook, for example s3://...")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Drive one run; 0 if it finished, 1 if it failed (the last line says why), 130 if it was stopped and saved."""
    options = _parse(arguments)
    try:
        require_papermill()
        task = make_task(
            options.recipe, options.seeds, options.preset, tuple(options.set), device=options.device, out=options.out
        )
        notebook = options.notebook or find_reproduction()
        with _interrupts_reach_the_kernel() as stopped:
            outcome = drive(task, notebook, options.store)
    except UdalibError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    for problem in outcome.problems:
        print(f"error: {problem}", file=sys.stderr)
    return 130 if stopped else 0 if outcome.ok else 1


if __name__ == "__main__":
    raise SystemExit(main())
