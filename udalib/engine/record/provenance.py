"""Which code made a run: the git commit of the checkout that udalib was imported from."""

from __future__ import annotations

import subprocess
from functools import lru_cache
from pathlib import Path
from typing import Any

import udalib

LIMIT_S = 10.0
"""A git that waits (a network drive, a lock) must not hold a run up for longer."""


@lru_cache(maxsize=1)
def git_state() -> dict[str, Any]:
    """Commit and whether tracked files differ from it, of udalib's own checkout; {} where there is none.

    It is read once a process: what is edited after the import does not run.
    """
    return read_git_state(Path(udalib.__file__).parent)


def read_git_state(folder: Path) -> dict[str, Any]:
    """``{"commit": 40 digits, "changed": bool}`` of the checkout that holds ``folder``, or {}."""
    commit = _git(folder, "rev-parse", "HEAD")
    # The package may lie in somebody else's repository (a virtual environment inside a project): then it is untracked.
    if commit is None or _git(folder, "ls-files", "--error-unmatch", "__init__.py") is None:
        return {}
    return {"commit": commit, "changed": bool(_git(folder, "status", "--porcelain", "--untracked-files=no", "."))}


def _git(folder: Path, *words: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *words], capture_output=True, text=True, timeout=LIMIT_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
