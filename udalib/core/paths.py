"""Where data, weights, caches and runs live; each place has one environment variable."""

from __future__ import annotations

import os
from pathlib import Path


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
