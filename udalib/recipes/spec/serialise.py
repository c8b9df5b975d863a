"""Recipes as plain JSON values and back, with types checked on the way in; fingerprints and differences."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import types
from collections.abc import Mapping
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from udalib.core.errors import ConfigError, unknown_name
from udalib.recipes.spec.options import Options

T = TypeVar("T")

LATER: Mapping[str, Any] = types.MappingProxyType({"later": True})
"""Metadata of a dataclass field that recipes did not always have: at its default it is not recorded, so that runs from
before it was there keep their fingerprints and can be resumed."""


def to_plain(value: Any, *, record: bool = False) -> Any:
    """Turn nested dataclasses, tuples and :class:`Options` into dicts, lists and JSON scalars.

    ``record`` leaves out the fields marked :data:`LATER` that have their default.
    """
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        kept = [f for f in dataclasses.fields(value) if not (record and _unchanged(f, getattr(value, f.name)))]
        return {f.name: to_plain(getattr(value, f.name), record=record) for f in kept}
    if isinstance(value, Mapping):
        return {str(key): to_plain(item, record=record) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [to_plain(item, record=record) for item in value]
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise ConfigError(f"a recipe cannot hold {value!r} ({type(value).__name__}): it could not be written to run.json.")


def _unchanged(field: dataclasses.Field[Any], value: Any) -> bool:
    return bool(field.metadata.get("later")) and value == field.default


def from_plain(hint: type[T] | Any, value: Any, where: str = "value") -> T | Any:
    """Build a value of type ``hint`` from JSON values; ``where`` names the place in error messages.

    Absent dataclass fields take their defaults, so that an older run.json still loads; unknown ones are an error.
    """
    origin = get_origin(hint)
    if hint is Any or isinstance(hint, TypeVar):
        return value
    if origin in (Union, types.UnionType):
        return _union(hint, value, where)
    if origin is Literal:
        return _literal(hint, value, where)
    if dataclasses.is_dataclass(hint):
        return _dataclass(hint, value, where)
    if origin is tuple or hint is tuple:
        return _tuple(hint, value, where)
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return _mapping(hint, value, where)
    return _scalar(hint, value, where)


def wrong_type(where: str, value: Any, hint: Any) -> ConfigError:
    """Build the error for a value of a type that the parameter does not take."""
    wanted = hint.__name__ if isinstance(hint, type) and not get_args(hint) else str(hint).replace("typing.", "")
    return ConfigError(f"{where} must be {wanted}, got {value!r} ({type(value).__name__}).")


def _union(hint: Any, value: Any, where: str) -> Any:
    exact = [arm for arm in get_args(hint) if type(value) is arm]
    for arm in exact or get_args(hint):
        try:
            return from_plain(arm, value, where)
        except ConfigError:
            continue
    raise wrong_type(where, value, hint)


def _literal(hint: Any, value: Any, where: str) -> Any:
    if value in get_args(hint):
        return value
    raise ConfigError(str(unknown_name(f"value of {where}", str(value), map(str, get_args(hint)))))


def _dataclass(hint: Any, value: Any, where: str) -> Any:
    if isinstance(value, hint):
        return value
    if not isinstance(value, Mapping):
        raise wrong_type(where, value, hint)
    hints = get_type_hints(hint)
    names = [f.name for f in dataclasses.fields(hint) if f.init]
    for key in value:
        if key not in names:
            raise unknown_name(f"field of {where}", str(key), names)
    required = [f.name for f in dataclasses.fields(hint) if f.init and _has_no_default(f)]
    lacking = [name for name in required if name not in value]
    if lacking:
        raise ConfigError(f"{where} lacks {', '.join(lacking)}; it was written by another version, or is damaged.")
    return hint(**{key: from_plain(hints[key], item, f"{where}.{key}") for key, item in value.items()})


def _has_no_default(field: dataclasses.Field[Any]) -> bool:
    return field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING


def _tuple(hint: Any, value: Any, where: str) -> tuple[Any, ...]:
    if not isinstance(value, list | tuple):
        raise wrong_type(where, value, hint)
    arms = get_args(hint)
    if not arms:
        return tuple(value)
    if len(arms) == 2 and arms[1] is Ellipsis:
        arms = (arms[0],) * len(value)
    if len(arms) != len(value):
        raise wrong_type(where, value, hint)
    return tuple(from_plain(arm, item, f"{where}[{i}]") for i, (arm, item) in enumerate(zip(arms, value, strict=True)))


def _mapping(hint: Any, value: Any, where: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise wrong_type(where, value, hint)
    item_hint = get_args(hint)[1]
    return Options({str(key): from_plain(item_hint, item, f"{where}.{key}") for key, item in value.items()})


def _scalar(hint: Any, value: Any, where: str) -> Any:
    if hint is Options and isinstance(value, Mapping):
        return Options(value)
    if hint is float and type(value) is int:
        return float(value)
    wrong_bool = isinstance(value, bool) and hint in (int, float)
    if hint is type(None) or hint is None:
        if value is None:
            return None
    elif isinstance(hint, type) and isinstance(value, hint) and not wrong_bool:
        return value
    raise wrong_type(where, value, hint)


def fingerprint(value: Any) -> str:
    """Twelve hexadecimal digits that two equal recipes (or parts of them) share, on every machine."""
    text = json.dumps(to_plain(value), sort_keys=True, separators=(",", ":"))
    return hashlib.blake2b(text.encode(), digest_size=6).hexdigest()


def flatten(value: Any, prefix: str = "") -> dict[str, Any]:
    """Dotted path to leaf value; items of a list go by their ``name`` where they have one, else by position."""
    plain = to_plain(value)
    if isinstance(plain, dict):
        children: list[tuple[str, Any]] = list(plain.items())
    elif isinstance(plain, list) and plain and all(isinstance(item, dict) for item in plain):
        children = [(str(item.get("name", i)), item) for i, item in enumerate(plain)]
    else:
        return {prefix: plain}
    leaves: dict[str, Any] = {} if children or not prefix else {prefix: plain}
    for key, item in children:
        leaves.update(flatten(item, f"{prefix}.{key}" if prefix else key))
    return leaves


def difference(old: Any, new: Any) -> dict[str, tuple[Any, Any]]:
    """Dotted paths at which two recipes differ, with the old and the new value (None where absent)."""
    before, after = flatten(old), flatten(new)
    paths = [*before, *(path for path in after if path not in before)]
    return {path: (before.get(path), after.get(path)) for path in paths if before.get(path) != after.get(path)}
