"""Many short adversarial runs on the streets: every variant over a range of lambda, for the pictures of notebook 03.

    python benchmarks/adversarial_sweep.py --jobs 2

Each run goes on from the source-only model of its seed. Resumable like ``benchmarks/effect.py``, whose workers it uses:
finished runs are read, and the record is written after every run.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from udalib.core.files import write_json
from udalib.engine.record.machine import now, versions
from udalib.engine.record.reading import read_run
from udalib.recipes.runner import finished_results
from udalib.recipes.sweep.pool import run_all, terminated_like_interrupted
from udalib.recipes.sweep.tasks import Task, is_finished, make_task, unfinished, with_starts

RESULT = Path(__file__).parent / "results" / "adversarial-sweep.json"
BASE = "streets/source-only"
CONTROL = "streets/adversarial-control"
LAMBDAS = (0.001, 0.01, 0.1, 1.0)
COARSE = (0.01, 0.1)
#: recipe -> what a reader calls the variant, and its values of lambda
VARIANTS: dict[str, tuple[dict[str, str], tuple[float, ...]]] = {
    CONTROL: ({"space": "output", "levels": "single", "gan": "vanilla"}, (0.0,)),
    "streets/adaptsegnet-single": ({"space": "output", "levels": "single", "gan": "vanilla"}, LAMBDAS),
    "streets/adaptsegnet-feature": ({"space": "feature", "levels": "single", "gan": "vanilla"}, LAMBDAS),
    "streets/adaptsegnet-ls": ({"space": "output", "levels": "single", "gan": "ls"}, COARSE),
    "streets/adaptsegnet-multi": ({"space": "output", "levels": "multi", "gan": "vanilla"}, COARSE),
}
LOSSES = ("loss_seg_main", "loss_adv_main", "loss_d_main_source", "loss_d_main_target")


def overrides(variant: str, weight: float, iterations: int) -> tuple[str, ...]:
    """Shorter runs with frequent, smaller evaluations; the auxiliary level gets a fifth of the main one's lambda."""
    words = [f"method.lambda_adv={weight}", f"train.iterations={iterations}", f"train.evaluate_every={iterations // 4}"]
    words += [f"train.log_every={iterations // 16}", "evaluations.target.dataset.limit=100"]
    words += ["evaluations.source.dataset.limit=20"]
    return (*words, f"method.lambda_adv_aux={weight / 5}") if VARIANTS[variant][0]["levels"] == "multi" else (*words,)


def tasks(options: argparse.Namespace) -> Iterator[tuple[Task, dict[str, Any]]]:
    """Every run with its description, seeds outside."""
    for seed in options.seeds:
        for name, (title, weights) in VARIANTS.items():
            for weight in weights:
                words = overrides(name, weight, options.iterations)
                work = make_task(name, seed, options.preset, words, device=options.device, out=options.runs)
                yield work, {**title, "lambda": weight, "seed": seed}


def curves(folder: Path) -> dict[str, list[Any]]:
    """Losses and target mIoU (percent) over the iterations of a finished run."""
    lines = read_run(folder).metrics()
    train = [line for line in lines if line["kind"] == "train"]
    scored = [line for line in lines if line["kind"] == "evaluation"]
    found = {name: [round(line[name], 4) for line in train] for name in LOSSES}
    miou = [round(100 * line["target/miou"], 2) for line in scored]
    places = {"iteration": [line["iteration"] for line in train], "evaluated": [line["iteration"] for line in scored]}
    return {**places, "target/miou": miou, **found}


def summary(runs: list[tuple[Task, dict[str, Any]]], options: argparse.Namespace) -> dict[str, Any]:
    """The record of what has finished."""
    starts = dict.fromkeys(work.start for work, _ in runs if work.start)
    reference = [found["target/miou"] for folder in starts if (found := finished_results(folder)) is not None]
    return {
        "benchmark": "adversarial adaptation on the streets over lambda",
        "what": "Target mIoU in percent on 100 validation images of the streets; single-thread CPU runs from the "
        "source-only model of the same seed. The reference is scored on 200 images. Nothing here speaks of Cityscapes.",
        "created": now(),
        "command": f"python benchmarks/adversarial_sweep.py --iterations {options.iterations} --seeds "
        + " ".join(map(str, options.seeds)),
        "versions": versions(),
        "reference": {BASE: {"target/miou": [round(100 * value, 2) for value in reference]}},
        "runs": [{**title, **curves(work.folder)} for work, title in runs if is_finished(work)],
    }


def main(arguments: list[str] | None = None) -> int:
    """Run what has not finished; 1 if a run failed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--iterations", type=int, default=160)
    parser.add_argument("--preset", default="laptop")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--jobs", type=int, default=1, help="runs at a time, one thread each")
    parser.add_argument("--runs", type=Path, help="folder of the run folders; default $UDALIB_RUNS or runs")
    parser.add_argument("--out", type=Path, default=RESULT)
    options = parser.parse_args(arguments)
    runs = list(tasks(options))
    failed: list[str] = []

    def done(work: Task, failure: str | None) -> None:
        if failure is not None:
            failed.append(f"{work.title}: {failure}")
            print(f"error: {failed[-1]}", file=sys.stderr, flush=True)
        write_json(options.out, summary(runs, options))

    try:
        with terminated_like_interrupted():
            run_all(unfinished(with_starts([work for work, _ in runs])), options.jobs, done)
    except KeyboardInterrupt:
        print("\nstopped; every run is saved, and the same command goes on from there.", file=sys.stderr)
        return 130
    write_json(options.out, summary(runs, options))
    print(f"{len(runs) - len(failed)} of {len(runs)} runs, written to {options.out}")
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main())
