"""``udalib list``, ``udalib show`` and ``udalib run``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

from tyro.conf import Positional, arg

from udalib.core.errors import ConfigError, UdalibError, unknown_name
from udalib.engine.record.reading import read_run
from udalib.recipes import (
    PRESETS,
    RECIPES,
    get_recipe,
    list_recipes,
    parameter_paths,
    parse_assignments,
    read_entries,
    render,
    run_recipe,
    summarise,
)
from udalib.recipes.spec.overrides import as_typed, default_options
from udalib.recipes.spec.serialise import flatten

Assignments = Annotated[tuple[str, ...], arg(metavar="KEY=VALUE ...")]


def list_(pattern: Positional[str] = "*") -> int:
    """List the recipes.

    Args:
        pattern: part of a name, or a shell-style pattern such as "streets/*".
    """
    names = list_recipes(pattern if any(c in pattern for c in "*?[") else f"*{pattern}*")
    if not names:
        raise unknown_name("recipe", pattern, list_recipes())
    width = max(map(len, names))
    for name in names:
        print(f"{name:<{width}}  {RECIPES.get(name).summary}")
    print("\nPresets: " + "; ".join(f"{name} ({what})" for name, what in PRESETS.items()))
    return 0


def show(name: Positional[str], preset: str = "laptop", set: Assignments = ()) -> int:
    """Show every parameter of a recipe, as `udalib run --set` takes it, and the published numbers it answers to.

    Args:
        name: recipe.
        preset: quick, laptop or paper.
        set: dotted overrides, to see what they do.
    """
    recipe = get_recipe(name, preset, parse_assignments(set))
    values = {key.replace(".options.", "."): value for key, value in flatten(recipe).items()}
    defaults = default_options(recipe)
    print(f"{recipe.name} ({preset}): {recipe.summary}\n")
    for path in parameter_paths(recipe):
        if "." in path or path == "label_space":
            print(f"{path} = {as_typed(values[path] if path in values else defaults[path])}")
    for number in recipe.published:
        note = f"; {number.note}" if number.note else ""
        print(f"\npublished {number.metric}: {number.value} ({number.source}{note})")
        if number.classes:
            print("  published by class: " + ", ".join(f"{name} {iou}" for name, iou in number.classes.items()))
    return 0


def run(
    name: Positional[str],
    preset: str = "laptop",
    seeds: tuple[int, ...] = (0,),
    set: Assignments = (),
    device: str = "auto",
    out: Path | None = None,
    resume: bool = True,
) -> int:
    """Run a recipe, once for each seed, and print the report; the same command again resumes what was stopped.

    Args:
        name: recipe; `udalib list` shows them.
        preset: quick, laptop or paper.
        seeds: one run each.
        set: dotted overrides; `udalib show NAME` lists what can be set.
        device: auto, cpu, cuda, cuda:N or mps.
        out: folder for run folders; default $UDALIB_RUNS, else runs.
        resume: --no-resume starts again and removes the earlier record.
    """
    if not seeds:
        raise ConfigError("--seeds is empty; give at least one, for example --seeds 0 1 2.")
    overrides = parse_assignments(set)
    get_recipe(name, preset, overrides)  # a wrong name or value fails here, before the first seed
    folders, failed = [], []
    for seed in seeds:
        try:
            result = run_recipe(name, preset, seed, device, overrides, out, resume)
            folders.append(result.folder)
            state = "trained" if result.method is not None else "had finished before"
            print(f"{name} {preset} seed {seed}: {state}, {result.folder}{_unlabelled(result.folder)}", flush=True)
        except UdalibError as error:
            if len(seeds) == 1:
                raise
            print(f"error: seed {seed}: {error}", file=sys.stderr, flush=True)
            failed.append(seed)
    if folders:
        print("\n" + render(summarise(read_entries(folders)), classes=False))
    return 1 if failed else 0


def _unlabelled(folder: Path) -> str:
    """A remark on source batches without a single valid pixel, if the method counted any; their loss is 0."""
    counted = [line["unlabelled_batches"] for line in read_run(folder).metrics() if "unlabelled_batches" in line]
    if not any(counted):
        return ""
    return f"; {sum(counted) / len(counted):.1%} of the source batches had no labelled pixel: check labels and crops"
