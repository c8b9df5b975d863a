"""``udalib compare``."""

from __future__ import annotations

import sys
from pathlib import Path

from tyro.conf import Positional

from udalib.cli.run import Assignments
from udalib.core.errors import ConfigError
from udalib.core.paths import runs_root
from udalib.recipes import parse_assignments
from udalib.recipes.compare.bisect import bisect as explain
from udalib.recipes.compare.pair import compare_runs
from udalib.recipes.compare.text import bisection_text, pair_text


def compare(
    runs: Positional[tuple[Path, ...]],
    bisect: bool = False,
    preset: str = "quick",
    seeds: tuple[int, ...] = (0, 1, 2),
    set: Assignments = (),
    device: str = "auto",
    out: Path | None = None,
) -> int:
    """Show what differs between two runs and where their curves part; --bisect finds what explains the gap.

    Args:
        runs: two run folders.
        bisect: repeat a miniature of the first run with each difference of the second, and of the second without it,
            and rank the differences by what they do. With d differences: up to 2 d + 2 runs a seed.
        preset: scale of the miniature.
        seeds: of the miniature's runs; effects are paired over them.
        set: dotted overrides of the miniature, for example train.iterations=100.
        device: auto, cpu, cuda, cuda:N or mps.
        out: folder for the miniature's runs; default "bisect" in the folder of runs.
    """
    if len(runs) != 2:
        raise ConfigError(f"compare takes two run folders, got {len(runs)}; `udalib report` shows many.")
    pair = compare_runs(*runs)
    print(pair_text(pair), end="", flush=True)
    if bisect:
        found = explain(
            pair,
            preset=preset,
            seeds=seeds,
            overrides=parse_assignments(set),
            device=device,
            out=out or runs_root() / "bisect",
            told=lambda line: print(f"running {line}", file=sys.stderr, flush=True),
        )
        print("\n" + bisection_text(found), end="")
    return 0
