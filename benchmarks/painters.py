"""What execution plans cost a trained segmentation transformer, before and after adaptation (notebook 09).

    python benchmarks/painters.py --jobs 2
    python benchmarks/painters.py --extend

Trains streets/painters-source-only and streets/painters-dacs, then scores each network on target and source images
under every plan of the paper: at every start, with several loops and draws, and with each block left out or exchanged
with the next one. Resumable like ``benchmarks/effect.py``, whose workers it uses: finished runs are read, the record is
written after every run that was scored, and --extend takes over the runs that it holds. Exit code 1 if a run failed.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from _kept import recipes_of
from effect import RESULTS, STALE

from udalib.analysis.layers import find_stack, layer_similarity, layer_states
from udalib.analysis.layers.scores import chance_iou
from udalib.analysis.layers.stacks import Stack
from udalib.analysis.layers.trials import Trial, plan_trials, score_trials
from udalib.core.errors import ConfigError, UdalibError
from udalib.core.files import read_json, write_json
from udalib.engine.record.machine import now, versions
from udalib.engine.record.reading import read_run
from udalib.recipes.apply.loading import LoadedRun, find_device, load_run
from udalib.recipes.build import build_evaluators
from udalib.recipes.sweep.pool import run_all, terminated_like_interrupted
from udalib.recipes.sweep.tasks import (
    Task,
    is_finished,
    is_stale,
    make_task,
    same_recipe,
    unfinished,
    with_starts,
)

RECIPES = ("streets/painters-source-only", "streets/painters-dacs")
SEEDS = [0, 1, 2]
LOOPS, DRAWS, IMAGES = [2, 3, 4], 10, 50
STATES = 20
"""Images whose states are compared; of each image the whole map is one vector."""
WHAT = (
    "mIoU in percent on the first {images} validation images of each style of the embedded streets, student; chance is "
    "the mIoU of guessing each pixel's class by its frequency there. States are compared on {states} images, patch "
    "tokens only. These numbers say nothing about Cityscapes."
)
Known = dict[tuple[str, int], dict[str, Any]]


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--recipes", nargs="+", default=list(RECIPES))
    parser.add_argument("--seeds", type=int, nargs="+", default=SEEDS)
    parser.add_argument("--loops", type=int, nargs="+", default=LOOPS, help="of the parallel middle, beside one")
    parser.add_argument("--draws", type=int, default=DRAWS, help="random orders")
    parser.add_argument("--images", type=int, default=IMAGES, help="of each evaluation")
    parser.add_argument("--stack", help="name of the blocks in the network; default the only stack there is")
    parser.add_argument("--preset", default="laptop")
    parser.add_argument("--set", nargs="*", default=[], metavar="KEY=VALUE", help="dotted overrides of the runs")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--jobs", type=int, default=1, help="trainings at a time, one thread each")
    parser.add_argument("--extend", action="store_true", help="take over the scored runs of the record at --out")
    parser.add_argument("--runs", type=Path, help="folder of the run folders; default $UDALIB_RUNS or runs")
    parser.add_argument("--out", type=Path, default=RESULTS / "streets-painters.json")
    return parser.parse_args(arguments)


def command(options: argparse.Namespace) -> str:
    """What to type to repeat the record, without the places and the speed of this machine."""
    usual = {"recipes": list(RECIPES), "seeds": SEEDS, "loops": LOOPS, "draws": DRAWS, "images": IMAGES}
    usual |= {"stack": None, "preset": "laptop", "set": []}
    words = ["python", "benchmarks/painters.py"]
    for name, value in usual.items():
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


class Scorer:
    """Scores of one run's network on some images of each of its evaluations, which are read once.

    Args:
        run: with weights.
        images: of each evaluation.
        device: where the network is.
    """

    def __init__(self, run: LoadedRun, images: int, device: torch.device) -> None:
        self.run, self.device = run, device
        self.evaluators = build_evaluators(run.recipe, run.method)
        for evaluator in self.evaluators.values():
            # A list is a data set too; every plan sees the same images, so they are read once.
            evaluator.dataset = [evaluator.dataset[i] for i in range(min(images, len(evaluator.dataset)))]

    def all_scores(self) -> dict[str, dict[str, Any]]:
        """Everything the evaluators say, by evaluation."""
        return {name: each.evaluate(self.run.method.predict, self.device) for name, each in self.evaluators.items()}

    def scores(self) -> dict[str, float]:
        """Mean IoU in percent by evaluation."""
        return {name: round(100 * found["miou"], 3) for name, found in self.all_scores().items()}

    def similarity(self, name: str, stack: Stack) -> list[list[float]]:
        """Cosine similarity of the states of ``stack`` on images of an evaluation, class tokens left out."""
        evaluator = self.evaluators[name]
        samples = [evaluator.dataset[i] for i in range(min(STATES, len(evaluator.dataset)))]
        images, network = evaluator.images(samples, self.device), self.run.method.network
        states = layer_states(network, lambda: network(images), stack=stack)
        prefix = prefix_tokens(network.encoder)
        found = layer_similarity(states, "patch" if prefix else "all", prefix_tokens=prefix)
        return [[round(value, 4) for value in row] for row in found.tolist()]


def prefix_tokens(encoder: torch.nn.Module) -> int:
    """Tokens before those of the image, as timm's transformers say it; 0 for other encoders."""
    return max((int(getattr(module, "num_prefix_tokens", 0)) for module in encoder.modules()), default=0)


def score_run(task: Task, options: argparse.Namespace) -> dict[str, Any]:
    """One row of the record: the untouched network, every trial, and how alike its states are."""
    device = find_device(options.device)
    run = load_run(task.folder, device)
    network: Any = run.method.network
    stack = find_stack(network, options.stack)
    scorer = Scorer(run, options.images, device)
    full = scorer.all_scores()
    pixels = {name: torch.tensor(found["confusion"]).sum(1).tolist() for name, found in full.items()}
    trials = plan_trials(len(stack), loops=options.loops, draws=options.draws)
    scores = score_trials(network, trials, scorer.scores, stack=stack)
    data = read_run(task.folder).data
    return {
        "recipe": task.recipe.name,
        "seed": task.recipe.train.seed,
        "full": {name: round(100 * found["miou"], 3) for name, found in full.items()},
        "chance": {name: round(100 * chance_iou(counts), 3) for name, counts in pixels.items()},
        "scores": {name: [each[name] for each in scores] for name in full},
        "similarity": {name: scorer.similarity(name, stack) for name in full},
        "stack": {"name": stack.name, "layers": len(stack), "class": type(stack.layers[0]).__name__},
        "machine": data["device"],
        "versions": data["versions"],
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
        "what": WHAT.format(images=options.images, states=min(STATES, options.images)),
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
