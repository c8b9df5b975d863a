"""When each class is learned, with and without Rare Class Sampling: IoU by class along finished runs (notebook 05).

    python benchmarks/class_onset.py

Trains nothing. It reads runs of streets/dacs and streets/dacs-rcs, which are evaluated every tenth of their training,
such as ``python benchmarks/effect.py streets-self-training`` makes them. Exit code 1 if one is not there: the record
then holds the others, and the command that makes each missing run.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from effect import RESULTS

from udalib.analysis.runs.onset import ClassCurves, class_curves
from udalib.core.errors import UdalibError
from udalib.core.files import write_json
from udalib.engine.record.machine import now, versions
from udalib.engine.record.reading import read_run
from udalib.recipes.runner import command as run_command
from udalib.recipes.sweep.tasks import STALE, Task, is_finished, is_stale, make_task, why_unfinished

RECIPES = ("streets/dacs", "streets/dacs-rcs")
SEEDS = [0, 1, 2, 3, 4]
WHAT = (
    "IoU of each class in percent at every evaluation of each run, on 200 validation images of the target style of the "
    "embedded streets, student. These numbers say nothing about Cityscapes."
)


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--recipes", nargs="+", default=list(RECIPES))
    parser.add_argument("--seeds", type=int, nargs="+", default=SEEDS)
    parser.add_argument("--preset", default="laptop")
    parser.add_argument("--set", nargs="*", default=[], metavar="KEY=VALUE", help="dotted overrides of the runs")
    parser.add_argument("--runs", type=Path, help="folder of the run folders; default $UDALIB_RUNS or runs")
    parser.add_argument("--out", type=Path, default=RESULTS / "streets-onset.json")
    return parser.parse_args(arguments)


def command(options: argparse.Namespace) -> str:
    """What to type to repeat the record, without the places of this machine."""
    words = ["python", "benchmarks/class_onset.py"]
    words += ["--recipes", *options.recipes] if options.recipes != list(RECIPES) else []
    words += ["--seeds", *map(str, options.seeds)] if options.seeds != SEEDS else []
    words += ["--preset", options.preset] if options.preset != "laptop" else []
    return " ".join([*words, *(["--set", *options.set] if options.set else [])])


def reason_to_leave_out(work: Task) -> str | None:
    """Why the run of ``work`` cannot be read; None if it can."""
    if not is_finished(work):
        return why_unfinished(work)
    return STALE if is_stale(work) else None


def collect(options: argparse.Namespace) -> tuple[list[ClassCurves], dict[str, Any], list[dict[str, Any]]]:
    """Curves of the runs that are there, what is missing by title (reason and command), and what the runs ran on."""
    curves: list[ClassCurves] = []
    missing: dict[str, Any] = {}
    machines: list[dict[str, Any]] = []
    for name in options.recipes:
        for seed in options.seeds:
            work = make_task(name, seed, options.preset, tuple(options.set), out=options.runs)
            reason = reason_to_leave_out(work)
            if reason is not None:
                overrides = dict(assignment.split("=", 1) for assignment in options.set)
                missing[work.title] = {"reason": reason, "command": run_command(work.recipe, overrides, None)}
                continue
            curves.append(class_curves(work.folder))
            data = read_run(work.folder).data
            machines.append({"recipe": name, "seed": seed, "device": data["device"], "versions": data["versions"]})
    return curves, missing, machines


def main(arguments: list[str] | None = None) -> int:
    """Write the record; 1 if a run is missing, 2 for a wrong name or value."""
    options = parse(arguments)
    try:
        curves, missing, machines = collect(options)
    except UdalibError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    record = {
        "benchmark": "when each class is learned",
        "what": WHAT,
        "created": now(),
        "command": command(options),
        "versions": versions(),
        "runs": [run.to_dict() for run in curves],
        "machines": machines,
        "missing": missing,
    }
    if curves:  # an empty reading must not replace an earlier record
        write_json(options.out, record)
    for title, why in missing.items():
        print(f"missing: {title}: {why['reason']}; make it by: {why['command']}", file=sys.stderr)
    print(f"{len(curves)} runs" + (f", written to {options.out}" if curves else ": nothing written"))
    return 1 if missing else 0


if __name__ == "__main__":
    raise SystemExit(main())
