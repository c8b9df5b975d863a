"""Errors that a user can meet: each message says what came, where, and how to mend it."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class UdalibError(Exception):
    """Base of every error udalib raises on purpose; its message is written for the user."""


class UnknownNameError(UdalibError, LookupError):
    """A name (recipe, preset, parameter, style, ...) that nothing is registered under."""


class DataError(UdalibError):
    """A data set, image, label or split that is missing, broken or inconsistent."""


class CheckpointError(UdalibError):
    """A weights file that is missing, truncated, unsafe to load or made for another network."""


class ConfigError(UdalibError, ValueError):
    """A parameter whose value or type cannot be used."""


def unknown_name(kind: str, name: str, known: Iterable[str]) -> UnknownNameError:
    """Build the error for an unknown ``name``, listing the nearest known names.

    >>> str(unknown_name("preset", "quik", ["quick", "laptop", "paper"]))
    "unknown preset 'quik'. Did you mean: quick?"
    """
    names = sorted(known)
    near = difflib.get_close_matches(name, names, n=4, cutoff=0.5)
    if near:
        return UnknownNameError(f"unknown {kind} {name!r}. Did you mean: {', '.join(near)}?")
    listing = ", ".join(names[:40]) or "none are registered"
    return UnknownNameError(f"unknown {kind} {name!r}. Known: {listing}.")
