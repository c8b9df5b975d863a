"""Run the notebook series in order: ``python -m udalib.notebooks --preset quick``, which is what ``make run`` calls."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from udalib.core.errors import ConfigError, UdalibError
from udalib.core.paths import cache_root, data_root, weights_root
from udalib.notebooks.execute import Outcome, execute, require_papermill
from udalib.notebooks.parameters import read_parameters, resolve


def find_notebooks(folder: Path, only: Sequence[str] = ()) -> list[Path]:
    """Notebooks ``NN_name.ipynb`` of ``folder`` in order, or ``only`` those whose name begins with one of its texts."""
    found = sorted(p for p in folder.glob("[0-9]*.ipynb") if ".ipynb_checkpoints" not in p.parts)
    if not found:
        raise ConfigError(f"no notebook (NN_name.ipynb) in {folder}; run this from the repository's root.")
    chosen = [p for p in found if not only or any(p.stem.startswith(text) for text in only)]
    if not chosen:
        raise ConfigError(
            f"no notebook begins with {' or '.join(only)}; there are: {', '.join(p.stem for p in found)}."
        )
    return chosen


def _given(arguments: argparse.Namespace) -> dict[str, str]:
    given = {"preset": arguments.preset}
    for text in arguments.set:
        name, sign, value = text.partition("=")
        if not sign or not name:
            raise ConfigError(f"--set takes name=value, got {text!r}.")
        given[name] = value
    return given


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m udalib.notebooks",
        description="Execute the notebooks in order, headlessly; write them and HTML copies to OUT/notebooks.",
    )
    parser.add_argument("--preset", default="quick", help="value of every notebook's parameter 'preset'")
    parser.add_argument("--set", metavar="NAME=VALUE", action="append", default=[], help="another parameter")
    parser.add_argument("--only", nargs="+", default=[], metavar="NN", help="notebooks whose names begin like this")
    parser.add_argument("--folder", type=Path, default=Path("notebooks"), help="where the notebooks are")
    parser.add_argument("--out", type=Path, default=Path("build"), help="where results go")
    parser.add_argument("--timeout", type=int, default=3600, help="limit for a single cell in seconds")
    parser.add_argument("--keep", action="store_true", help="keep finished runs of an earlier call (preset quick)")
    return parser


def _environment(out: Path, *, quick: bool, keep: bool) -> Path:
    """Give the kernels absolute places, and this call's runs a folder of their own; return that folder."""
    runs = (out / "notebooks" / "runs").resolve()
    if quick and not keep and runs.exists():
        shutil.rmtree(runs)
    if quick:
        # Small networks gain little from a second thread, and on a busy machine two thread pools cost minutes.
        os.environ.setdefault("OMP_NUM_THREADS", "1")
    os.environ["UDALIB_RUNS"] = str(runs)
    for name, folder in (("DATA", data_root()), ("CACHE", cache_root()), ("WEIGHTS", weights_root())):
        os.environ[f"UDALIB_{name}"] = str(folder.resolve())
    return runs


def run_all(plan: Sequence[tuple[Path, dict[str, Any]]], out: Path, timeout: int) -> list[Outcome]:
    """Execute each (notebook, parameters) of ``plan`` in order, a line each; a failing one does not stop the rest."""
    outcomes = []
    width = max(len(path.stem) for path, _ in plan)
    for number, (path, parameters) in enumerate(plan, 1):
        print(f"[{number}/{len(plan)}] {path.stem:<{width}} ", end="", flush=True)
        outcome = execute(path, out, parameters, timeout)
        outcomes.append(outcome)
        print(f"{outcome.seconds:7.1f} s  {'ok' if outcome.ok else 'FAILED'}", flush=True)
        for problem in outcome.problems:
            print(f"      {problem}", flush=True)
    return outcomes


def print_results(runs: Path) -> None:
    """Print the results table of the run folders under ``runs``, if the notebooks made any."""
    from udalib.recipes import read_entries, render, summarise

    if runs.is_dir():
        print(f"\nResults of the runs in {runs} (udalib report):\n")
        print(render(summarise(read_entries([runs])), classes=False))


def main(argv: Sequence[str] | None = None) -> int:
    """Run the series; return 0 if every notebook passed, 1 if one failed, 2 for a wrong argument."""
    arguments = _parser().parse_args(argv)
    try:
        require_papermill()
        given = _given(arguments)
        found = find_notebooks(arguments.folder, arguments.only)
        target = arguments.out / "notebooks"
        if target.resolve() == arguments.folder.resolve():
            raise ConfigError(f"--out {arguments.out} would overwrite the notebooks themselves; choose another folder.")
        # Every notebook's parameters are checked before the first one runs.
        plan = [(path, resolve(read_parameters(path), given, path.stem)) for path in found]
    except UdalibError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    runs = _environment(arguments.out, quick=arguments.preset == "quick", keep=arguments.keep)
    try:
        outcomes = run_all(plan, target, arguments.timeout)
    except KeyboardInterrupt:
        print("\nstopped; the same command runs the notebooks again.", file=sys.stderr)
        return 130
    print_results(runs)
    failed = [outcome.name for outcome in outcomes if not outcome.ok]
    if failed:
        print(f"\nFAILED: {', '.join(failed)} (see {target})", file=sys.stderr)
        return 1
    print(f"\nAll {len(outcomes)} notebooks passed; executed copies and HTML: {target}")
    return 0
