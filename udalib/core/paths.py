"""Where data, weights, caches and runs live; each place has one environment variable."""

from __future__ import annotations

import os
from pathlib import Path

import udalib


def find_in_checkout(file: str) -> Path | None:
    """A file of the repository, by its path in it: beside the package, else above the working folder.

    None if there is none: an installed package has neither records nor notebooks.
    """
    places = (Path(udalib.__file__).resolve().parents[1], Path.cwd(), *Path.cwd().parents)
    return next((place / file for place in places if (place / file).is_file()), None)


def data_root() -> Path:
    """Folder that holds the real data sets: ``$UDALIB_DATA``, else ``data`` under the working directory."""
    return Path(os.environ.get("UDALIB_DATA", "data")).expanduser()


def weights_root() -> Path:
    """Folder that holds weight files: ``$UDALIB_WEIGHTS``, else ``data/weights`` under the working directory."""
    return Path(os.environ.get("UDALIB_WEIGHTS", "data/weights")).expanduser()


def cache_root() -> Path:
    """Folder for generated data: ``$UDALIB_CACHE``, else ``data/cache`` under the working directory."""
    return Path(os.environ.get("UDALIB_CACHE", "data/cache")).expanduser()


def runs_root() -> Path:
    """Folder for run folders: ``$UDALIB_RUNS``, else ``runs`` under the working directory."""
    return Path(os.environ.get("UDALIB_RUNS", "runs")).expanduser()
