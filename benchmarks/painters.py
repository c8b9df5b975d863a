"""What execution plans cost a trained segmentation transformer, before and after adaptation (notebook 09).

    python benchmarks/painters.py --jobs 2
    python benchmarks/painters.py --extend
    python benchmarks/painters.py --photographs --jobs 2      # needs UDALIB_DATA and UDALIB_WEIGHTS, else it is skipped

Trains streets/painters-source-only and streets/painters-dacs, then scores each network on target and source images
under every plan of the paper: at every start, with several loops and draws, and with each block left out or exchanged
with the next one. --photographs does the same with a backbone that knows ImageNet: MobileNetV2 on CamVid, the three
blocks of one shape in its fourth stage.

Resumable like ``benchmarks/effect.py``, whose workers it uses: finished runs are read, the record is written after
every run that was scored, and --extend takes over the runs that it holds. Exit code 1 if a run failed.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from _kept import recipes_of
from _planned import STATES, score_run
from effect import RESULTS

from udalib.analysis.layers.trials import Trial, plan_trials
from udalib.core.errors import CheckpointError, ConfigError, DataError, UdalibError
from udalib.core.files import read_json, write_json
from udalib.engine.record.machine import now, versions
from udalib.recipes.build import build_evaluators, build_method
from udalib.recipes.sweep.pool import run_all, terminated_like_interrupted
from udalib.recipes.sweep.tasks import (
    STALE,
    Task,
    is_finished,
    is_stale,
    make_task,
    same_recipe,
    unfinished,
    with_starts,
)

CHANCE = "Chance is the mIoU of guessing each pixel's class by its frequency there. States are compared on {states}"
STREETS: dict[str, Any] = {
    "recipes": ["streets/painters-source-only", "streets/painters-dacs"],
    "seeds": [0, 1, 2],
    "loops": [2, 3, 4],
    "draws": 10,
    "images": 50,
    "stack": None,
    "preset": "laptop",
    "set": [],
}
PHOTOGRAPHS = {
    **STREETS,
    "recipes": ["camvid-day2dusk/source-only"],
    "images": 30,
    "stack": "encoder.body.blocks.3[1:]",
    "set": ["train.iterations=150"],
}
WHAT = {
    "streets": "mIoU in percent on the first {images} validation images of each style of the embedded streets, "
    f"student. {CHANCE} images, patch tokens only. These numbers say nothing about Cityscapes.",
    "photographs": "CamVid, 11 classes, mIoU in percent at 360 x 480 on the first {images} test frames at dusk "
    f"(target) and of another drive by day (control); trained by day, shorter than the recipe. {CHANCE} images.",
}
Known = dict[tuple[str, int], dict[str, Any]]


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photographs", action="store_true", help="MobileNetV2 on CamVid instead of the streets")
    parser.add_argument("--recipes", nargs="+")
    parser.add_argument("--seeds", type=int, nargs="+")
    parser.add_argument("--loops", type=int, nargs="+", help="of the parallel middle, beside one")
    parser.add_argument("--draws", type=int, help="random orders")
    parser.add_argument("--images", type=int, help="of each evaluation")
    parser.add_argument("--stack", help="name of the blocks in the network; default the only stack there is")
    parser.add_argument("--preset")
    parser.add_argument("--set", nargs="*", metavar="KEY=VALUE", help="dotted overrides of the runs")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--jobs", type=int, default=1, help="trainings at a time, one thread each")
    parser.add_argument("--extend", action="store_true", help="take over the scored runs of the record at --out")
    parser.add_argument("--runs", type=Path, help="folder of the run folders; default $UDALIB_RUNS or runs")
    parser.add_argument("--out", type=Path, help="default streets-painters.json or camvid-painters.json of the results")
    options = parser.parse_args(arguments)
    for name, value in usual(options).items():
        if getattr(options, name) is None:
            setattr(options, name, value)
    options.out = options.out or RESULTS / ("camvid-painters.json" if options.photographs else "streets-painters.json")
    return options


def usual(options: argparse.Namespace) -> dict[str, Any]:
    """What is measured if nothing else is asked for."""
    return PHOTOGRAPHS if options.photographs else STREETS


def command(options: argparse.Namespace) -> str:
    """What to type to repeat the record, without the places and the speed of this machine."""
    words = ["python", "benchmarks/painters.py", *(["--photographs"] if options.photographs else [])]
    for name, value in usual(options).items():
        given = getattr(options, name)
        if given != value:
            words += [f"--{name}", *map(str, given if isinstance(given, list) else [given])]
    return " ".join(words)


def settings(options: argparse.Namespace) -> dict[str, Any]:
    """What two records must share for their scores to stand side by side."""
    return {name: getattr(options, name) for name in ("loops", "draws", "images", "stack", "preset", "set")}


def tasks(options: argparse.Namespace) -> list[Task]:
    """All runs, seeds outside; unknown names raise here."""
    return [
        make_task(name, seed, options.preset, tuple(options.set), device=options.device, out=options.runs)
        for seed in options.seeds
        for name in options.recipes
    ]


def kept_runs(options: argparse.Namespace, work: list[Task]) -> Known:
    """Scored runs of the record at --out, if --extend is given and they were made and scored in the same way."""
    if not options.extend:
        return {}
    kept = read_json(options.out, "a record of plans", "Repeat the command without --extend.", ConfigError)
    if kept.get("settings") != settings(options):
        raise ConfigError(f"{options.out} was scored with other settings; repeat the command without --extend.")
    runs = {(run["recipe"], run["seed"]): run for run in kept["runs"]}
    wanted = {(task.recipe.name, task.recipe.train.seed): task.recipe for task in work}
    return {
        key: runs[key]
        for key, recipe in wanted.items()
        if key in runs and same_recipe(kept["recipes"][recipe.name], recipe)
    }


def record(options: argparse.Namespace, work: list[Task], rows: Known, failed: Mapping[str, str]) -> dict[str, Any]:
    """What is written: every trial by its arguments, and every run with its scores in that order."""
    done = [rows[key] for task in work if (key := (task.recipe.name, task.recipe.train.seed)) in rows]
    layers = {row["stack"]["layers"] for row in done}
    trials: list[Trial] = []
    for count in sorted(layers):
        trials = plan_trials(count, loops=options.loops, draws=options.draws)
    if len(layers) > 1:
        raise ConfigError(f"the recipes have stacks of {sorted(layers)} layers; score those of one depth together.")
    return {
        "benchmark": "layers as painters: execution plans of a segmentation transformer",
        "what": WHAT["photographs" if options.photographs else "streets"].format(
            images=options.images, states=min(STATES, options.images)
        ),
        "created": now(),
        "command": command(options),
        "versions": versions(),
        "settings": settings(options),
        "layers": max(layers, default=0),
        "trials": [{**asdict(t), "order": str(t.build(max(layers)))} for t in trials],
        "recipes": recipes_of(work),
        "runs": done,
        "failed": dict(failed),
    }


def not_here(options: argparse.Namespace) -> str | None:
    """Why photographs or weights of others, which the repository does not hold, cannot be read; None if they can."""
    try:
        for task in tasks(options)[:1]:
            build_evaluators(task.recipe, build_method(task.recipe))
    except (DataError, CheckpointError) as error:
        return str(error)
    return None


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Train what has not finished, score every run, write the record after each; the last one is returned."""
    work = tasks(options)
    rows, failed = kept_runs(options, work), dict[str, str]()
    plan_trials(2, loops=options.loops, draws=options.draws)  # wrong numbers end here, before the training
    missing = [task for task in work if (task.recipe.name, task.recipe.train.seed) not in rows]
    print(f"{len(work)} runs, {len(rows)} scored before, {sum(map(is_finished, missing))} trained before", flush=True)
    summary: dict[str, Any] = {}

    def done(task: Task, failure: str | None) -> None:
        failure = failure or (STALE if is_finished(task) and is_stale(task) else None)
        if task not in missing:  # a run that others start from
            return
        if failure is None:
            rows[task.recipe.name, task.recipe.train.seed] = score_run(task, options)
            print(f"{task.title}: scored", flush=True)
        else:
            failed[task.title] = failure
            print(f"error: {task.title}: {failure}", file=sys.stderr, flush=True)
        summary.update(record(options, work, rows, failed))
        if rows:  # a first run that fails must not replace an earlier record by an empty one
            write_json(options.out, summary)

    for task in missing:
        if is_finished(task):
            done(task, None)
    with terminated_like_interrupted():
        run_all(unfinished(with_starts(missing)), options.jobs, done)
    return summary or record(options, work, rows, failed)


def main(arguments: list[str] | None = None) -> int:
    """Measure and write; 1 if a run failed, 2 for a wrong name or value, 130 after Ctrl-C."""
    options = parse(arguments)
    reason = not_here(options) if options.photographs else None
    if reason:
        print(f"skipped: {reason}")
        return 0
    try:
        summary = measure(options)
    except UdalibError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\nstopped; every run is saved, and the same command goes on from there.", file=sys.stderr)
        return 130
    for row in summary["runs"]:
        print(f"{row['recipe']} seed {row['seed']}: " + ", ".join(f"{k} {v:.1f} %" for k, v in row["full"].items()))
    print(f"{len(summary['runs'])} runs" + (f", written to {options.out}" if summary["runs"] else ": nothing written"))
    return 1 if summary["failed"] else 0


if __name__ == "__main__":
    raise SystemExit(main())
