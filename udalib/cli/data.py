"""``udalib data list | check | stats``."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from tyro.conf import Positional

from udalib.core.errors import ConfigError, DataError
from udalib.core.paths import data_root
from udalib.data import check_dataset, compute_class_statistics, create_dataset, manifest, manifest_names
from udalib.data.sets.manifests import find_root


def data(
    action: Positional[Literal["list", "check", "stats"]],
    name: Positional[str] = "",
    split: tuple[str, ...] = (),
    root: Path | None = None,
    out: Path | None = None,
    workers: int = 0,
) -> int:
    """List real data sets, check one for defects, or compute the class statistics that rare class sampling reads.

    Args:
        action: list, check or stats.
        name: of a data set, for check and stats.
        split: splits; default all of them for check, train for stats.
        root: its folder; default: looked for under $UDALIB_DATA.
        out: folder for the statistics files; default: the data set's folder.
        workers: processes that read files.
    """
    if action == "list":
        return list_datasets()
    if not name:
        raise ConfigError(f"`udalib data {action}` needs the name of a data set; `udalib data list` shows them.")
    return check(name, split, root, workers) if action == "check" else stats(name, split, root, out, workers)


def list_datasets() -> int:
    """Print every data set with a manifest, and where it was found."""
    for name in manifest_names():
        facts = manifest(name)
        try:
            place = f"found at {find_root(facts)}"
        except DataError:
            place = f"not found under {data_root()} (as {' or '.join(facts.folders)})"
        print(f"{name:<12} {facts.title}: {place}\n{'':<12} licence: {facts.licence}\n{'':<12} get it: {facts.where}")
    return 0


def check(name: str, splits: tuple[str, ...], root: Path | None, workers: int) -> int:
    """Print every defect of a data set; 1 if there is one."""
    manifest(name)
    found = check_dataset(name, splits=splits or None, root=root, workers=workers, progress=True)
    print(found)
    return 0 if found.ok else 1


def stats(name: str, splits: tuple[str, ...], root: Path | None, out: Path | None, workers: int) -> int:
    """Write the class statistics of one split and print the share of each class."""
    if len(splits) > 1:
        raise ConfigError(f"class statistics are of one split, got {', '.join(splits)}.")
    dataset = create_dataset(name, splits[0] if splits else "train", root)
    folder = out or Path(dataset.root)
    totals = compute_class_statistics(dataset, folder, workers=workers).totals()
    everything = sum(totals.values())
    for train_id, pixels in totals.items():
        print(f"{train_id:>3} {dataset.label_space.names[train_id]:<16} {100 * pixels / everything:6.2f} %")
    print(f"written to {folder}")
    return 0
