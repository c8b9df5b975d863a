"""Dotted overrides of a recipe: ``train.iterations=200``, ``streams.source.batch_size=4``, ``method.alpha=0.99``.

A path goes through fields of dataclasses, through tuples by the ``name`` (or position) of an item, and, where a part
has ``options``, straight to an option. Text is turned into the parameter's declared type.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import types
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

from udalib.core.errors import ConfigError, UnknownNameError, unknown_name
from udalib.recipes.spec.options import freeze
from udalib.recipes.spec.parts import Part
from udalib.recipes.spec.serialise import flatten, from_plain, to_plain, wrong_type

T = TypeVar("T")

_TRUE, _FALSE, _NONE = ("true", "yes", "on", "1"), ("false", "no", "off", "0"), ("none", "null")


def parse_assignments(texts: Iterable[str]) -> dict[str, str]:
    """Split ``key=value`` texts; the later of two equal keys wins.

    >>> parse_assignments(["train.iterations=20", "optimizer.lr=1e-3"])
    {'train.iterations': '20', 'optimizer.lr': '1e-3'}
    """
    pairs: dict[str, str] = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not equals or not key.strip():
            raise ConfigError(f"an override is written key=value, got {text!r}, for example train.iterations=200.")
        pairs[key.strip()] = value.strip()
    return pairs


def apply_overrides(spec: T, overrides: Mapping[str, Any]) -> T:
    """Return a copy of ``spec`` with each dotted path set; text values are converted, others are checked."""
    for path, value in overrides.items():
        try:
            spec = _set(spec, path.split("."), value, path)
        except _NoSuchParameterError:
            raise _unknown_parameter(spec, path) from None
    return spec


def as_typed(value: Any) -> str:
    """Text of a value as it is typed behind ``key=``; :func:`convert` reads it back.

    >>> as_typed((64, 128)), as_typed(None), as_typed(0.5)
    ('64,128', 'None', '0.5')
    """
    if isinstance(value, list | tuple) and value and not any(map(_is_nested, value)):
        return ",".join(map(str, value))
    return json.dumps(to_plain(value)) if _is_nested(value) else str(value)


def _is_nested(value: Any) -> bool:
    return dataclasses.is_dataclass(value) or isinstance(value, list | tuple | Mapping)


class _NoSuchParameterError(Exception):
    """A path that leads nowhere; becomes the user's message where the whole recipe is known."""


def _set(owner: Any, parts: list[str], value: Any, path: str) -> Any:
    head, rest = parts[0], parts[1:]
    if isinstance(owner, tuple):
        return _set_item(owner, head, rest, value, path)
    if not dataclasses.is_dataclass(owner):
        raise _NoSuchParameterError
    fields = {f.name for f in dataclasses.fields(owner) if f.init}
    if isinstance(owner, Part) and head == "options" and rest:
        return _set_option(owner, rest, value, path)
    if head in fields:
        hint = get_type_hints(type(owner))[head]
        child = getattr(owner, head)
        new = _set(child, rest, value, path) if rest else convert(value, hint, path)
        return dataclasses.replace(owner, **{head: new})  # type: ignore[type-var]
    if isinstance(owner, Part):
        return _set_option(owner, parts, value, path)
    raise _NoSuchParameterError


def _set_item(items: tuple[Any, ...], key: str, rest: list[str], value: Any, path: str) -> tuple[Any, ...]:
    for i, item in enumerate(items):
        if key in (getattr(item, "name", None), str(i)):
            new = _set(item, rest, value, path) if rest else convert(value, type(item), path)
            return (*items[:i], new, *items[i + 1 :])
    raise _NoSuchParameterError


def _set_option(part: Part, parts: list[str], value: Any, path: str) -> Part:
    key, rest = parts[0], parts[1:]
    accepted = part.accepted()
    if rest or (accepted is not None and key not in accepted):
        raise _NoSuchParameterError
    hint = (accepted or {}).get(key, Any)
    return dataclasses.replace(part, options=part.options.updated(key, convert(value, hint, path)))


def convert(value: Any, hint: Any, where: str) -> Any:
    """Turn ``value`` (text, or a value given in Python) into type ``hint``; raise :class:`ConfigError` if it cannot be.

    >>> convert("64,128", tuple[int, int], "size"), convert("off", bool, "amp"), convert("none", int | None, "total")
    ((64, 128), False, None)
    """
    if not isinstance(value, str):
        return freeze(from_plain(hint, value, where)) if not dataclasses.is_dataclass(value) else value
    if get_origin(hint) in (Union, types.UnionType):
        return _convert_union(value, hint, where)
    if hint is bool:
        if value.lower() in _TRUE + _FALSE:
            return value.lower() in _TRUE
        raise wrong_type(where, value, hint)
    if hint is str or (get_args(hint) and all(isinstance(choice, str) for choice in get_args(hint))):
        return from_plain(hint, value, where)
    if hint is type(None):
        if value.lower() in _NONE:
            return None
        raise wrong_type(where, value, hint)
    if hint in (int, float):
        return _number(value, hint, where)
    return _structured(value, hint, where)


def _number(value: str, hint: type, where: str) -> Any:
    try:
        return hint(value)
    except ValueError:
        raise wrong_type(where, value, hint) from None


def _convert_union(value: str, hint: Any, where: str) -> Any:
    arms = sorted(get_args(hint), key=lambda arm: arm is str)  # text fits str always, so str comes last
    for arm in arms:
        try:
            return convert(value, arm, where)
        except ConfigError:
            continue
    raise wrong_type(where, value, hint)


def _structured(value: str, hint: Any, where: str) -> Any:
    is_tuple = get_origin(hint) is tuple or hint is tuple
    text = f"[{value}]" if is_tuple and not value.startswith(("[", "{", '"')) else value
    try:
        parsed = json.loads(text)
    except json.JSONDecodeError:
        if hint is Any or hint is object:
            return value
        if is_tuple:  # names without quotes: miou16,miou13
            return from_plain(hint, tuple(item.strip() for item in value.split(",")), where)
        raise wrong_type(where, value, hint) from None
    return freeze(from_plain(hint, parsed, where))


def parameter_paths(spec: Any) -> list[str]:
    """Every dotted path that can be set on ``spec``, options that its factories take included.

    Presets and published numbers are left out: changing them is no experiment.
    """
    paths = {path.replace(".options.", ".") for path in flatten(spec)} | set(default_options(spec)) - {""}
    own = ("presets.", "published.", "preset")
    return sorted(p for p in paths if not p.startswith(own) and not p.endswith(".options"))


def default_options(owner: Any, prefix: str = "") -> dict[str, Any]:
    """Dotted path to default value of every option that the parts of ``owner`` take and that is not set."""
    found: dict[str, Any] = {}
    if isinstance(owner, Part):
        with contextlib.suppress(UnknownNameError):
            found = {f"{prefix}{key}": value for key, value in owner.defaults().items()}
    if isinstance(owner, tuple):
        for i, item in enumerate(owner):
            found |= default_options(item, f"{prefix}{getattr(item, 'name', i)}.")
    elif dataclasses.is_dataclass(owner):
        for f in dataclasses.fields(owner):
            found |= default_options(getattr(owner, f.name), f"{prefix}{f.name}.")
    return found


def _unknown_parameter(spec: Any, path: str) -> UnknownNameError:
    known = parameter_paths(spec)
    last = path.rsplit(".", 1)[-1]
    same_end = [name for name in known if name.rsplit(".", 1)[-1] == last]
    if same_end:
        return UnknownNameError(f"unknown parameter {path!r}. Did you mean: {', '.join(same_end[:4])}?")
    return unknown_name("parameter", path, known)
