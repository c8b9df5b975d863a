"""``udalib pretrain``."""

from __future__ import annotations

from pathlib import Path

from tyro.conf import Positional

from udalib.core.errors import unknown_name
from udalib.recipes import list_recipes, run_recipe

FAMILY = "pretrain/"


def pretrain(
    name: Positional[str],
    preset: str = "laptop",
    seed: int = 0,
    device: str = "auto",
    out: Path | None = None,
) -> int:
    """Pretrain an encoder that other recipes start from; they do it themselves where no such run is in the folder.

    Args:
        name: what follows "pretrain/" in the name of a recipe, such as streets-things.
        preset: quick, laptop or paper; a recipe starts from the run at its own preset.
        seed: of the run; a recipe starts from the run with its own seed.
        device: auto, cpu, cuda, cuda:N or mps.
        out: folder for run folders; default $UDALIB_RUNS, else runs.
    """
    known = [recipe.removeprefix(FAMILY) for recipe in list_recipes(f"{FAMILY}*")]
    if name.removeprefix(FAMILY) not in known:
        raise unknown_name("pretraining", name, known)
    result = run_recipe(FAMILY + name.removeprefix(FAMILY), preset, seed, device, out=out)
    state = "trained" if result.method is not None else "had finished before"
    print(f"{result.recipe.name} {preset} seed {seed}: {state}, accuracy {result.score:.1%}")
    print(f"encoder: the entries network.encoder.* of {result.folder / 'last.ckpt'}")
    print(f'a recipe starts from it with start=StartSpec("{result.recipe.name}", part="encoder")')
    return 0
