"""Which measure of features goes with the target mIoU? Measures of finished runs, and correlations (notebook 08).

    python benchmarks/features.py
    python benchmarks/features.py --runs runs --recipes "streets/dacs*" streets/jitter --extend

Trains nothing: it reads the finished runs that are in --runs, such as ``python benchmarks/effect.py
streets-self-training`` leaves them, and looks at the same pixels of the same images in each. The record is written
after every run; --extend goes on from it, also where run folders are gone. Exit code 1 if a run was left out; the
record says why.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from effect import RESULTS

from udalib.analysis.features import MEASURES, PixelFeatures, Sampling, associations, collect, measures_of
from udalib.core.errors import ConfigError, DataError, UdalibError, UnknownNameError
from udalib.core.files import read_json, write_json
from udalib.core.paths import runs_root
from udalib.engine.record.machine import now, versions
from udalib.engine.record.reading import RunRecord, find_runs
from udalib.recipes import get_recipe, parse_assignments
from udalib.recipes.sweep.tasks import STALE, same_recipe

LAYERS = ["encoder.1", "encoder.3", "decoder"]
RECIPES = ["streets/*"]
WHAT = (
    "Measures of pixel features at ground-truth-pure cells of source and target validation images, equally many of "
    "each class in both domains, final student weights; target_miou in percent as the run recorded it. All measures "
    "use the target's labels (to draw the cells, at least), so none is a criterion without labels. The embedded "
    "streets: these numbers say nothing about Cityscapes."
)


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """Read the command line."""
    usual = Sampling(cell=2)
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=Path, help="folder of the run folders; default $UDALIB_RUNS or runs")
    parser.add_argument("--recipes", nargs="+", default=RECIPES, metavar="PATTERN", help="of names, * for any text")
    parser.add_argument("--preset", default="laptop")
    parser.add_argument("--set", nargs="*", default=[], metavar="KEY=VALUE", help="dotted overrides of the runs")
    parser.add_argument("--layer", nargs="+", default=LAYERS)
    parser.add_argument("--images", type=int, default=100, help="of each domain")
    parser.add_argument("--per-class", type=int, default=usual.per_class, help="points of each class and domain")
    parser.add_argument("--minimum", type=int, default=usual.minimum, help="classes with fewer points are left out")
    parser.add_argument("--cell", type=int, default=usual.cell, help="side of a point's cell in pixels")
    parser.add_argument("--seed", type=int, default=usual.seed, help="of the points")
    parser.add_argument("--device", default="cpu")
    parser.add_argument(
        "--extend", nargs="?", type=Path, const=True, metavar="RECORD", help="take over its runs; default --out"
    )
    parser.add_argument("--out", type=Path, default=RESULTS / "streets-features.json")
    options = parser.parse_args(arguments)
    options.runs = options.runs or runs_root()
    options.extend = options.out if options.extend is True else options.extend
    return options


def sampling(options: argparse.Namespace) -> Sampling:
    """Which points are taken."""
    return Sampling(options.per_class, options.minimum, cell=options.cell, seed=options.seed)


def settings(options: argparse.Namespace) -> dict[str, Any]:
    """What the numbers of a run depend on, besides the run."""
    return {"preset": options.preset, "layers": options.layer, "images": options.images, **asdict(sampling(options))}


def command(options: argparse.Namespace) -> str:
    """What to type to repeat the record, without the places of this machine."""
    words, usual = ["python", "benchmarks/features.py"], parse([])
    for name in ("recipes", "preset", "layer", "images", "per_class", "minimum", "cell", "seed", "set"):
        value = getattr(options, name)
        if value != getattr(usual, name):
            words += [f"--{name.replace('_', '-')}", *map(str, value if isinstance(value, list) else [value])]
    return " ".join(words)


def wanted(options: argparse.Namespace) -> Iterator[RunRecord]:
    """Run folders of the recipes and the preset that were asked for, finished or not."""
    for run in find_runs(options.runs):
        names = [fnmatch(str(run.data["name"]), pattern) for pattern in options.recipes]
        if any(names) and run.data["recipe"].get("preset") == options.preset:
            yield run


def reason_to_leave_out(run: RunRecord, options: argparse.Namespace) -> str | None:
    """Why a run cannot be measured; None if it can."""
    if run.status != "finished":
        return f"the run is {run.status}"
    try:
        recipe = get_recipe(run.data["name"], options.preset, parse_assignments(options.set))
    except UnknownNameError as error:
        return str(error)
    if not same_recipe(run.data["recipe"], recipe):
        return STALE
    missing = {"source/miou", "target/miou"} - set(run.results)
    return "it was not evaluated on source and target" if missing else None


def pixels_of(features: PixelFeatures) -> str:
    """A fingerprint of which pixels were looked at."""
    points = features.points
    names = "\n".join(image.name for image in features.images).encode()
    parts = [points.domain, points.image, points.box, points.label]
    return hashlib.sha256(names + b"".join(part.tobytes() for part in parts)).hexdigest()[:16]


def look(run: RunRecord, options: argparse.Namespace) -> tuple[dict[str, Any], dict[str, Any]]:
    """The entry of one run, and what it shares with all others: pixels and points."""
    start = time.perf_counter()
    features = collect([run.folder], options.layer, sampling(options), images=options.images, device=options.device)
    (name,) = features.runs
    found = {layer: measures_of(features, name, layer) for layer in options.layer}
    entry = {
        **identity(run),
        "target_miou": round(100 * run.results["target/miou"], 4),
        "source_miou": round(100 * run.results["source/miou"], 4),
        "measures": {layer: {key: rounded(value) for key, value in each.items()} for layer, each in found.items()},
        "device": run.data["device"],
        "seconds": round(time.perf_counter() - start, 1),
    }
    counts = {features.space.names[c]: int((features.points.label == c).sum() // 2) for c in features.classes}
    return entry, {"pixels": pixels_of(features), "points": counts}


def identity(run: RunRecord) -> dict[str, Any]:
    """What tells a run from all others, those repeated under its name included."""
    return {"recipe": run.data["name"], "seed": run.data["seed"], "ended": run.data["ended"]}


def rounded(value: float | None) -> float | None:
    """A number for the record; JSON knows no infinity."""
    return None if value is None or abs(value) == float("inf") else round(value, 6)


def kept(options: argparse.Namespace) -> dict[str, Any]:
    """The record that is extended, empty if there is none.

    Raises:
        ConfigError: it cannot be read, or was made with other settings.
    """
    if options.extend is None or (options.extend == options.out and not options.extend.exists()):
        return {"runs": []}
    record = read_json(options.extend, "a record of features", "Repeat the command without --extend.", ConfigError)
    if record.get("settings") != settings(options):
        raise ConfigError(
            f"{options.extend} was made with {record.get('settings')}, not {settings(options)}; give the same options, "
            "or leave out --extend."
        )
    return record


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Look at every run that is not in the record yet, and write it after each."""
    record = kept(options)
    runs = {(run["recipe"], run["seed"]): run for run in record["runs"]}
    shared = {key: record[key] for key in ("pixels", "points") if key in record}
    left_out: dict[str, str] = {}
    for run in wanted(options):
        key, title = (run.data["name"], run.data["seed"]), f"{run.data['name']} seed {run.data['seed']}"
        reason = reason_to_leave_out(run, options)
        if reason is None and runs.get(key, {}).get("ended") == run.data["ended"]:
            continue
        try:
            if reason is not None:
                raise DataError(reason)
            entry, seen = look(run, options)
            if shared.setdefault("pixels", seen["pixels"]) != seen["pixels"]:
                raise DataError("its images show other pixels than those of the first run")
        except UnknownNameError:  # a layer: no other run has it either
            raise
        except UdalibError as error:
            left_out[title] = str(error)
            print(f"left out: {title}: {error}", file=sys.stderr, flush=True)
            continue
        shared["points"] = seen["points"]
        runs[key] = entry
        print(f"{title}: target mIoU {entry['target_miou']:.1f}, {entry['seconds']} s", flush=True)
        write_json(options.out, describe(options, runs, shared, left_out))
    return describe(options, runs, shared, left_out)


def describe(
    options: argparse.Namespace, runs: Mapping[Any, Any], shared: Mapping[str, Any], left_out: Mapping[str, str]
) -> dict[str, Any]:
    """The record."""
    entries = [runs[key] for key in sorted(runs)]
    return {
        "benchmark": "measures of features and the target mIoU",
        "what": WHAT,
        "created": now(),
        "command": command(options),
        "versions": versions(),
        "settings": settings(options),
        **shared,
        "titles": {name: {"title": m.title, "better": m.better, "about": m.about} for name, m in MEASURES.items()},
        "runs": entries,
        "correlation": {layer: associations(entries, layer) for layer in options.layer} if entries else {},
        "left_out": dict(left_out),
    }


def main(arguments: list[str] | None = None) -> int:
    """Write the record and print its table; 1 if a run was left out or none was found, 2 for a wrong name or value."""
    from udalib.viz.features import prediction_markdown  # matplotlib loads slowly

    options = parse(arguments)
    try:
        record = measure(options)
    except UdalibError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    if not record["runs"]:
        print(f"no run was measured in {options.runs}: nothing written", file=sys.stderr)
        return 1
    write_json(options.out, record)
    print(f"\n{prediction_markdown(record)}\n\n{len(record['runs'])} runs, written to {options.out}")
    return 1 if record["left_out"] else 0


if __name__ == "__main__":
    raise SystemExit(main())
