"""Train the three CamVid recipes with several seeds and write one summary of what was measured.

    python benchmarks/camvid.py --out benchmarks/results/camvid.json

Needs CamVid under $UDALIB_DATA and the MobileNetV2 weights under $UDALIB_WEIGHTS. Resumable: runs that have finished
are read, one that was stopped goes on from its checkpoint, so the same command is repeated until it is done. Exit code
1 if a run failed; the summary then holds those that finished and names the others.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from udalib.core.errors import UdalibError
from udalib.core.files import write_json
from udalib.engine.machine import now, versions
from udalib.engine.records import read_run
from udalib.recipes import parse_assignments, read_entries, render, run_recipe, summarise
from udalib.recipes.report import to_dict

RECIPES = ("camvid-day2dusk/source-only", "camvid-day2dusk/oracle", "streets2camvid/source-only")
WHAT = (
    "CamVid, 11 classes, mIoU in percent at 360 x 480. target: the 62 dusk test frames (day2dusk) or all 233 test "
    "frames (streets2camvid); control: 171 test frames of another drive by day; source: held-out streets. Dusk "
    "training and test frames are one drive. Nobody has published numbers for this set-up."
)


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--preset", default="laptop")
    parser.add_argument("--recipes", nargs="+", default=list(RECIPES))
    parser.add_argument("--set", nargs="*", default=[], metavar="KEY=VALUE", help="dotted overrides for every run")
    parser.add_argument("--device", default="auto")
    parser.add_argument(
        "--runs", type=Path, default=None, help="folder of the run folders; default $UDALIB_RUNS or runs"
    )
    parser.add_argument("--out", type=Path, default=Path("build/benchmarks/camvid.json"))
    return parser.parse_args(arguments)


def command(options: argparse.Namespace) -> str:
    """What to type to repeat the benchmark, without the places of this machine."""
    words = ["python", "benchmarks/camvid.py", "--preset", options.preset, "--seeds", *map(str, options.seeds)]
    words += ["--recipes", *options.recipes] if options.recipes != list(RECIPES) else []
    return " ".join([*words, *(["--set", *options.set] if options.set else [])])


def summary(folders: list[Path], options: argparse.Namespace, failed: dict[str, str]) -> dict[str, Any]:
    """Means and spreads over the seeds, by class, with what every run ran on and how long it took."""
    report = to_dict(summarise(read_entries(folders)))
    runs = [read_run(folder).data for folder in folders]
    keys = ("seed", "device", "versions", "wall_time_s", "peak_memory_mib", "started", "ended")
    return {
        "benchmark": "CamVid, trained with udalib",
        "what": WHAT,
        "created": now(),
        "command": command(options),
        "versions": versions(),
        "groups": report["groups"],
        "runs": [{"recipe": data["name"], **{key: data[key] for key in keys if key in data}} for data in runs],
        "failed": failed,
    }


def main(arguments: list[str] | None = None) -> int:
    """Run what has not finished, write the summary after every run, print the report."""
    options = parse(arguments)
    overrides = parse_assignments(options.set)
    folders: list[Path] = []
    failed: dict[str, str] = {}
    for seed in options.seeds:  # seeds outside, so that a stopped benchmark has complete comparisons
        for name in options.recipes:
            try:
                result = run_recipe(name, options.preset, seed, options.device, overrides, options.runs)
            except UdalibError as error:
                failed[f"{name} seed {seed}"] = str(error)
                print(f"error: {name} seed {seed}: {error}", file=sys.stderr)
                continue
            folders.append(result.folder)
            write_json(options.out, summary(folders, options, failed))
            print(f"{name} seed {seed}: target mIoU {100 * result.miou:.1f}", flush=True)
    if folders:
        write_json(options.out, summary(folders, options, failed))
        print("\n" + render(summarise(read_entries(folders)), classes=False) + f"written to {options.out}")
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main())
