"""The manifests: one JSON file a real data set, in the ``data`` folder of the repository.

A manifest says what the data set is, its licence, where to get it, which folders and files are expected and what can
be checked. The loaders are driven by it, so that a new data set of the usual kind is one more file there.

In a checkout the folder is found beside the package; a wheel installs its files under ``share/udalib/data`` of the
environment. ``$UDALIB_MANIFESTS`` names another place.
"""

from __future__ import annotations

import json
import os
import sys
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import udalib
from udalib.core.errors import DataError, unknown_name
from udalib.core.paths import data_root


@dataclass(frozen=True)
class Manifest:
    """The facts of one data set; ``None`` marks what our sources do not establish."""

    name: str
    title: str
    what: str
    licence: str
    where: str
    folders: tuple[str, ...]
    label_space: str
    splits: dict[str, dict[str, Any]]
    labels: tuple[dict[str, Any], ...]
    layout: tuple[str, ...] = ()
    size_wh: tuple[int, int] | None = None
    domains: dict[str, list[str]] = field(default_factory=dict)
    other_files: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    checks: tuple[str, ...] = ()

    @classmethod
    def load(cls, path: Path) -> Manifest:
        """Read a manifest; a broken one raises :class:`DataError` naming the file."""
        try:
            values: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
            fields: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in values.items()}
            return cls(**fields)
        except (OSError, ValueError, TypeError, AttributeError) as error:
            raise DataError(f"{path} is not a usable manifest: {error}. Restore it from the repository.") from error


def manifest_folder() -> Path:
    """The folder of the manifests: ``$UDALIB_MANIFESTS``, else ``data`` of the checkout or of the environment."""
    checkout = Path(udalib.__file__).resolve().parents[1] / "data"
    installed = Path(sys.prefix) / "share" / "udalib" / "data"
    beside = checkout if (checkout / "camvid.json").exists() else installed
    folder = Path(os.environ.get("UDALIB_MANIFESTS", beside)).expanduser()
    if not folder.is_dir():
        raise DataError(
            f"the data sets' manifests are not at {folder}. Install udalib editable from its repository "
            "(`pip install -e .`), or set UDALIB_MANIFESTS to the repository's data folder."
        )
    return folder


def manifest_names() -> list[str]:
    """Names of all data sets that have a manifest."""
    return sorted(p.stem for p in manifest_folder().glob("*.json"))


def manifest(name: str) -> Manifest:
    """The manifest of the data set ``name``; :class:`UnknownNameError` lists the nearest names."""
    path = manifest_folder() / f"{name}.json"
    if name not in manifest_names():
        raise unknown_name("data set", name, manifest_names())
    return _loaded(path, path.stat().st_mtime_ns)


@cache
def _loaded(path: Path, mtime_ns: int) -> Manifest:
    return Manifest.load(path)


def find_root(facts: Manifest, root: str | os.PathLike[str] | None = None) -> Path:
    """Folder of a data set: ``root``, else the first of the manifest's folder names that exists in the data root."""
    candidates = [Path(root).expanduser()] if root is not None else [data_root() / f for f in facts.folders]
    for candidate in candidates:
        if candidate.is_dir():
            return candidate
    looked = ", ".join(str(c) for c in candidates)
    raise DataError(
        f"{facts.title} was not found; looked for the folder {looked}. Put it there, set UDALIB_DATA to the folder "
        f"that holds your data sets, or pass root=. Where to get it: {facts.where} Layout: data/{facts.name}.json."
    )
