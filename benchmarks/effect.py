"""Measure what recipes gain over baselines: mean and spread over seeds, and a paired one-sided test.

    python benchmarks/effect.py streets-adversarial
    python benchmarks/effect.py --recipes streets/jitter streets/adabn --baseline streets/source-only --seeds 0 1 2
    python benchmarks/effect.py streets-self-training --extend

The first form takes a registered comparison, the second any recipes. Every run is a process of its own with one
thread, --jobs of them at a time. Resumable: runs that have finished are read, one that was stopped (Ctrl-C, a killed
worker) goes on from its checkpoint, so the same command is repeated until it is done. The record is written after every
run and keeps each one, so that --extend goes on from a record that was made elsewhere, or whose run folders are gone.
Exit code 1 if a run failed; the record then holds those that finished and names the others.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from _kept import Measured, kept_runs, measured, recipes_of

from udalib.analysis.runs.comparison import effects_markdown, effects_over
from udalib.core.errors import ConfigError, UdalibError
from udalib.core.files import write_json
from udalib.engine.record.machine import now, versions
from udalib.recipes import Recipe, Report, summarise
from udalib.recipes.comparisons import Comparison, get_comparison, list_comparisons
from udalib.recipes.report.groups import to_dict
from udalib.recipes.sweep.pool import run_all, terminated_like_interrupted
from udalib.recipes.sweep.tasks import (
    STALE,
    Task,
    is_finished,
    is_stale,
    make_task,
    unfinished,
    why_unfinished,
    with_starts,
)

RESULTS = Path(__file__).parent / "results"


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """Read the command line; what is not given comes from the set."""
    known = list_comparisons()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("set_name", nargs="?", choices=known, metavar="NAME", help=f"one of {', '.join(known)}")
    parser.add_argument("--recipes", nargs="+")
    parser.add_argument("--baseline", nargs="+", action="extend", help="may be repeated; added to the recipes")
    parser.add_argument("--seeds", type=int, nargs="+")
    parser.add_argument("--metric", nargs="+", help="EVALUATION/KEY, higher is better")
    parser.add_argument("--preset", default="laptop")
    parser.add_argument("--set", nargs="*", default=[], metavar="KEY=VALUE", help="dotted overrides for every run")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--jobs", type=int, default=1, help="runs at a time, one thread each")
    parser.add_argument(
        "--extend", nargs="*", type=Path, metavar="RECORD", help="take over runs of these records; default --out"
    )
    parser.add_argument("--from-runs", action="store_true", help="train nothing, only read finished runs")
    parser.add_argument("--runs", type=Path, help="folder of the run folders; default $UDALIB_RUNS or runs")
    parser.add_argument("--out", type=Path, help="default benchmarks/results/NAME.json, build/benchmarks/effect.json")
    options = parser.parse_args(arguments)
    if not (options.set_name or options.recipes):
        parser.error("name a comparison, or give --recipes and --baseline")
    if options.jobs < 1:
        parser.error(f"--jobs is {options.jobs}; give at least 1")
    chosen = get_comparison(options.set_name) if options.set_name else Comparison("", (), (), (0, 1, 2), "")
    options.what, options.default_seeds, options.default_metric = chosen.what, list(chosen.seeds), list(chosen.metrics)
    options.metric = options.metric or options.default_metric
    usual = RESULTS / f"{options.set_name}.json" if options.set_name else Path("build/benchmarks/effect.json")
    options.out = options.out or usual
    options.extend = [options.out] if options.extend == [] else options.extend or []
    options.seeds = list(dict.fromkeys(options.seeds or chosen.seeds))
    options.baselines = list(dict.fromkeys(options.baseline or chosen.baselines))
    options.names = list(dict.fromkeys([*options.baselines, *(options.recipes or chosen.recipes)]))
    return options


def command(options: argparse.Namespace) -> str:
    """What to type to repeat the benchmark, without the places and the speed of this machine."""
    words = ["python", "benchmarks/effect.py", *([options.set_name] if options.set_name else [])]
    words += ["--recipes", *options.recipes] if options.recipes else []
    words += ["--baseline", *options.baseline] if options.baseline else []
    words += ["--seeds", *map(str, options.seeds)] if options.seeds != options.default_seeds else []
    words += ["--metric", *options.metric] if options.metric != options.default_metric else []
    words += ["--preset", options.preset] if options.preset != "laptop" else []
    return " ".join([*words, *(["--set", *options.set] if options.set else [])])


def tasks(options: argparse.Namespace) -> list[Task]:
    """All runs, seeds outside, so that a stopped benchmark has complete comparisons; unknown names raise here."""
    return [
        make_task(name, seed, options.preset, tuple(options.set), device=options.device, out=options.runs)
        for seed in options.seeds
        for name in options.names
    ]


def describe(
    work: list[Task], options: argparse.Namespace, failed: dict[str, str], kept: Mapping[Path, Measured]
) -> dict[str, Any]:
    """The record: means, spreads, classes and effects of what has finished, what it ran on and how long it took."""
    finished = [task for task in work if task.title not in failed and is_finished(task)]
    runs = {**kept, **{task.folder: measured(task) for task in finished}}
    runs = {task.folder: runs[task.folder] for task in work if task.folder in runs}
    report = summarise(replace(run.entry, identity=run.entry.recipe) for run in runs.values())
    return {
        "benchmark": f"effects: {options.set_name or 'recipes as chosen'}",
        "what": options.what,
        "created": now(),
        "command": command(options),
        "versions": versions(),
        "groups": to_dict(report)["groups"],
        **comparisons(report, {task.recipe.name: task.recipe for task in work}, options),
        "recipes": recipes_of(work),
        "runs": [run.plain for run in runs.values()],
        "failed": failed,
    }


def comparisons(report: Report, recipes: dict[str, Recipe], options: argparse.Namespace) -> dict[str, Any]:
    """Effects over every baseline; of two baselines only the later is compared with the earlier."""
    known = sorted({key for group in report.groups for key in group.first.metrics if group.spread(key)})
    effects: list[dict[str, Any]] = []
    without: list[dict[str, str]] = []
    for metric in options.metric:
        if report.groups and metric not in known:
            raise ConfigError(f"the runs have no metric {metric!r}; there are {', '.join(known)}.")
        for rank, baseline in enumerate(options.baselines):
            names = [name for name in options.names if name not in options.baselines[: rank + 1]]
            found, missing = effects_over(report, recipes, baseline, names, metric)
            effects, without = effects + found, without + missing
    return {"effects": effects, "not_compared": without}


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Run what has not finished and write the record after every run; the last one is returned."""
    work = tasks(options)
    kept = kept_runs(options.extend, work)
    missing = [task for task in work if task.folder not in kept]
    waiting = unfinished(with_starts(missing))
    failed = {task.title: STALE for task in work if is_finished(task) and is_stale(task)}
    summary: dict[str, Any] = {}

    def update() -> None:
        summary.update(describe(work, options, failed, kept))
        if summary["groups"]:  # a first run that fails must not replace an earlier record by an empty one
            write_json(options.out, summary)

    def done(task: Task, failure: str | None) -> None:
        if failure is not None:
            failed[task.title] = failure
            print(f"error: {task.title}: {failure}", file=sys.stderr, flush=True)
        else:
            print(f"{task.title}: finished, {task.folder}", flush=True)
        update()

    before = sum(map(is_finished, missing)) - len(failed)
    print(f"{len(work)} runs to measure, {before} finished before, {len(kept)} in earlier records", flush=True)
    if options.from_runs:
        failed.update({task.title: why_unfinished(task) for task in missing if not is_finished(task)})
    else:
        with terminated_like_interrupted():
            run_all(waiting, options.jobs, done)
    update()
    return summary


def main(arguments: list[str] | None = None) -> int:
    """Measure and print the tables; 1 if a run failed, 2 for a wrong name or value, 130 after Ctrl-C."""
    options = parse(arguments)
    try:
        summary = measure(options)
    except UdalibError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\nstopped; every run is saved, and the same command goes on from there.", file=sys.stderr)
        return 130
    print("\n" + effects_markdown(summary))
    for title, reason in summary["failed"].items():
        print(f"- failed: {title}: {reason}")
    print(f"\nwritten to {options.out}" if summary["groups"] else "\nnothing finished, nothing written")
    return 1 if summary["failed"] else 0


if __name__ == "__main__":
    raise SystemExit(main())
