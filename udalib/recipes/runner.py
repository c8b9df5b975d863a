"""One function behind the command line and the notebooks: run a recipe in a run folder."""

from __future__ import annotations

import dataclasses
import os
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from udalib.core.errors import ConfigError, UdalibError
from udalib.core.paths import runs_root
from udalib.core.seeding import derive_seed, seeded
from udalib.engine.config import MEANING
from udalib.engine.record.checkpoint import load_weights
from udalib.engine.record.reading import read_run
from udalib.engine.record.run import Run
from udalib.engine.trainer import Trainer
from udalib.methods.base import Method
from udalib.models import SegmentationNetwork
from udalib.recipes.build import build_evaluators, build_method, build_schedules, build_stream, check
from udalib.recipes.data_card import data_card
from udalib.recipes.networks import continue_from
from udalib.recipes.registry import get_recipe
from udalib.recipes.spec.datasets import WORLD
from udalib.recipes.spec.overrides import as_typed
from udalib.recipes.spec.serialise import fingerprint, from_plain, to_plain
from udalib.recipes.spec.specs import Recipe
from udalib.recipes.spec.tasks import TASKS
from udalib.world import WORLD_VERSION


@dataclass(frozen=True)
class RunResult:
    """What :func:`run_recipe` gives back.

    Attributes:
        recipe: as it ran, with preset, overrides, seed and device.
        folder: the run folder.
        results: {"evaluation/metric": value} of the final weights; scores are fractions in [0, 1].
        method: the trained method, on the device it was trained on; None if the run had finished before.
    """

    recipe: Recipe
    folder: Path
    results: Mapping[str, Any]
    method: Method | None = None

    @property
    def miou(self) -> float:
        """Mean IoU of the recipe's first evaluation, as a fraction."""
        return float(self.results[f"{self.recipe.evaluations[0].name}/miou"])

    @property
    def score(self) -> float:
        """The score of the recipe's first evaluation that its task is judged by, as a fraction."""
        first = self.recipe.evaluations[0]
        return float(self.results[f"{first.name}/{TASKS.get(first.task).score}"])


def run_recipe(
    name: str,
    preset: str = "laptop",
    seed: int = 0,
    device: str = "auto",
    overrides: Mapping[str, Any] | None = None,
    out: str | os.PathLike[str] | None = None,
    resume: bool = True,
) -> RunResult:
    """Run the recipe ``name`` and return its results; a run that has finished already is read, not repeated.

    Args:
        name: see :func:`udalib.recipes.list_recipes`.
        preset: quick, laptop or paper.
        seed: of the initial weights, the order of the data and every random draw.
        device: auto, cpu, cuda, cuda:N or mps.
        overrides: dotted path to value, see :mod:`udalib.recipes.spec.overrides`.
        out: folder that holds the run folders, default $UDALIB_RUNS; see :func:`run_folder`.
        resume: go on where an earlier, unfinished run of the same folder stopped; False starts again.

    Raises:
        UnknownNameError: unknown recipe, preset or parameter.
        ConfigError: a value of the wrong type, or a stream the method needs is missing.
        DataError: a data set is not there.
    """
    changes = dict(overrides or {})
    for key, instead, flag in (("train.seed", "seed", "seeds"), ("train.device", "device", "device")):
        if key in changes:
            raise ConfigError(f"{key} is not an override; use the argument {instead} (--{flag}).")
    recipe = get_recipe(name, preset, changes)
    train = dataclasses.replace(recipe.train, seed=seed, device=device)
    return execute(dataclasses.replace(recipe, train=train), changes, out=out, resume=resume)


def execute(
    recipe: Recipe,
    overrides: Mapping[str, Any] | None = None,
    *,
    out: str | os.PathLike[str] | None = None,
    resume: bool = True,
) -> RunResult:
    """Run a recipe object as it is (its seed and device are in ``recipe.train``); see :func:`run_recipe`."""
    check(recipe)
    folder = run_folder(recipe, out)
    run = Run(
        folder,
        name=recipe.name,
        recipe=record(recipe),
        overrides={key: as_typed(value) for key, value in (overrides or {}).items()},
        seed=recipe.train.seed,
        resume=resume,
        resume_command=command(recipe, overrides or {}, out),
    )
    if resume:
        run.check_unchanged()
        finished = finished_results(folder)
        if finished is not None:
            return RunResult(recipe, folder, finished)
    try:
        with seeded(derive_seed("weights", recipe.train.seed)):
            fresh = recipe.start is not None and not run.resumable
            prepare = (lambda network: start_network(recipe, network, out)) if fresh else None
            method = build_method(recipe, pretrained=recipe.start is None, prepare=prepare)
        streams = {s.name: build_stream(s, recipe.label_space, recipe.train.seed) for s in recipe.streams}
        evaluators = build_evaluators(recipe, method)
        schedules = build_schedules(recipe, method)
        run.describe(data=data_card(recipe, streams, evaluators))
    except UdalibError as error:
        run.fail(error)
        raise
    results = Trainer(recipe.train, run).fit(method, streams, evaluators, schedules)
    return RunResult(recipe, folder, results, method)


def start_network(recipe: Recipe, network: SegmentationNetwork, out: str | os.PathLike[str] | None) -> None:
    """Load what ``recipe`` starts from into ``network``; the random state that builds the rest stays as it was."""
    assert recipe.start is not None
    with torch.random.fork_rng(devices=[]):
        weights, source = start_weights(recipe, out)
    continue_from(network, weights, source, recipe.start.part)


def start_weights(recipe: Recipe, out: str | os.PathLike[str] | None) -> tuple[Mapping[str, Any], str]:
    """Weights of the run that ``recipe`` starts from, and the file they are in; that run is made if there is none."""
    assert recipe.start is not None
    train = recipe.train
    first = run_recipe(recipe.start.recipe, recipe.preset, train.seed, train.device, out=out)
    path = first.folder / "last.ckpt"
    return load_weights(path), str(path)


def record(recipe: Recipe) -> dict[str, Any]:
    """Everything in ``recipe`` that changes the numbers, but the seed, as JSON values; what run.json keeps.

    The other settings of training stand in run.json as "config". The version of the embedded world is part of it,
    so runs on different worlds never meet in one mean; so is a fingerprint of the recipe it starts from.
    """
    plain: dict[str, Any] = to_plain(recipe, record=True)
    plain["train"] = {key: value for key, value in plain["train"].items() if key in MEANING and key != "seed"}
    del plain["presets"]
    for stream in plain["streams"]:
        del stream["workers"]
    if recipe.start is not None and recipe.preset:
        plain["start_fingerprint"] = fingerprint(record(get_recipe(recipe.start.recipe, recipe.preset)))
    datasets = [stream.dataset.name for stream in recipe.streams] + [e.dataset.name for e in recipe.evaluations]
    world = {"world": WORLD_VERSION} if any(name.startswith(WORLD) for name in datasets) else {}
    return {**plain, **world}


def from_record(plain: Mapping[str, Any]) -> Recipe:
    """Rebuild a recipe from what :func:`record` wrote; settings that are no part of it take their defaults."""
    beside = ("world", "start_fingerprint")
    recipe: Recipe = from_plain(Recipe, {key: value for key, value in plain.items() if key not in beside}, "recipe")
    return recipe


def run_folder(recipe: Recipe, out: str | os.PathLike[str] | None = None) -> Path:
    """``OUT/RECIPE/PRESET[-FINGERPRINT]/seedN``: the fingerprint tells runs with overrides apart."""
    plain = record(recipe)
    untouched = record(get_recipe(recipe.name, recipe.preset)) if recipe.preset else None
    variant = (recipe.preset or "custom") + ("" if plain == untouched else f"-{fingerprint(plain)}")
    return (Path(out) if out is not None else runs_root()) / recipe.name / variant / f"seed{recipe.train.seed}"


def finished_results(folder: Path) -> Mapping[str, Any] | None:
    """Results of the run in ``folder`` if it has finished, else None."""
    if not (folder / "run.json").exists():
        return None
    found = read_run(folder)
    return found.results if found.status == "finished" else None


def command(recipe: Recipe, overrides: Mapping[str, Any], out: str | os.PathLike[str] | None) -> str:
    """Command line that repeats, and so resumes, this run."""
    words = ["udalib", "run", recipe.name, "--preset", recipe.preset, "--seeds", str(recipe.train.seed)]
    words += ["--device", recipe.train.device]
    words += ["--set", *(f"{key}={as_typed(value)}" for key, value in overrides.items())] if overrides else []
    words += ["--out", str(out)] if out is not None else []
    return shlex.join(words)
