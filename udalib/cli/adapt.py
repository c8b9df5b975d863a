"""``udalib adapt``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tyro.conf import Positional

from udalib.cli.run import Assignments, run
from udalib.core.errors import ConfigError
from udalib.recipes import parse_assignments
from udalib.recipes.own_domains import own_domains
from udalib.recipes.spec.overrides import as_typed


def adapt(
    source: Positional[Path],
    labels: Positional[Path],
    target: Positional[Path],
    target_labels: Path | None = None,
    classes: tuple[str, ...] = (),
    ignore: tuple[int, ...] = (),
    label_suffix: str | None = None,
    hold_out: int = 5,
    recipe: str = "own/dacs",
    preset: str = "laptop",
    seeds: tuple[int, ...] = (0,),
    set: Assignments = (),
    device: str = "auto",
    out: Path | None = None,
    resume: bool = True,
    look: bool = False,
) -> int:
    """Adapt a network from a folder of labelled images to one of unlabelled images, and print the report.

    Args:
        source: folder of labelled images, any sizes.
        labels: folder of their labels, pictures of class ids under the images' names.
        target: folder of unlabelled images.
        target_labels: labels of the target, for scores alone.
        classes: ID=NAME of each class (ids of one name are one class), or names of the ids that occur, ascending.
        ignore: ids that are no class, beside 255 and 65535.
        label_suffix: end of the labels' names after the image's, such as _mask.png.
        hold_out: every so-many-th image of a labelled folder is scored and not trained on.
        recipe: own/... (small network from scratch) or own-pretrained/... (needs UDALIB_WEIGHTS); `udalib list own`.
        preset: quick, laptop or paper.
        seeds: one run each.
        set: dotted overrides; `udalib show RECIPE` lists what can be set.
        device: auto, cpu, cuda, cuda:N or mps.
        out: folder for run folders; default $UDALIB_RUNS, else runs.
        resume: --no-resume starts again and removes the earlier record.
        look: only say what the folders hold.
    """
    domains = own_domains(
        source,
        labels,
        target,
        target_labels,
        classes=_classes(classes),
        ignore=ignore,
        label_suffix=label_suffix,
        hold_out=hold_out,
        progress=True,
    )
    print(domains, flush=True)
    if look:
        return 0
    return run(recipe, preset, seeds, _assignments(domains.overrides(recipe, preset), set), device, out, resume)


def _assignments(found: Mapping[str, Any], given: Assignments) -> tuple[str, ...]:
    """What the folders ask of the recipe, as `udalib run --set` takes it; what was ``given`` goes before it."""
    values = {key: as_typed(value) for key, value in found.items()} | parse_assignments(given)
    return tuple(f"{key}={value}" for key, value in values.items())


def _classes(texts: tuple[str, ...]) -> dict[int, str] | tuple[str, ...] | None:
    """``("0=other", "255=road")`` as a mapping; names alone stay as they are.

    >>> _classes(("0=other", "255=road")), _classes(("other", "road")), _classes(())
    ({0: 'other', 255: 'road'}, ('other', 'road'), None)
    """
    if not any("=" in text for text in texts):
        return texts or None
    pairs = [text.partition("=") for text in texts]
    wrong = [text for text, (raw, _, name) in zip(texts, pairs, strict=True) if not raw.isdigit() or not name]
    if wrong:
        raise ConfigError(f"--classes takes ID=NAME, as in 0=other 255=road, or names alone; got {wrong[0]!r}.")
    return {int(raw): name for raw, _, name in pairs}
