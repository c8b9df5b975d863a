"""Typed notebook parameters: read from the cell tagged ``parameters`` and checked before anything runs.

Papermill only warns about a name that the notebook does not have, and checks no type; a run with a misspelt name then
uses the default without a word. Here both stop at once. A parameter's type is its annotation, or else the type of its
default; a comment ``# one of: a, b`` lists its only values.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from udalib.core.errors import ConfigError, unknown_name

TAG = "parameters"
MARKER = "# parameters"  # first line of the tagged cell; Papermill's own injected cell begins with "# Parameters"
INJECTED = "# Parameters"
TYPES: dict[str, type] = {"bool": bool, "int": int, "float": float, "str": str, "list": list, "dict": dict}


@dataclass(frozen=True)
class Parameter:
    """One parameter of a notebook: its name, type, default and, if limited, its only values."""

    name: str
    type: type
    default: Any
    choices: tuple[str, ...] = ()

    def accept(self, value: Any, where: str) -> Any:
        """Return ``value`` if it fits, an int as float where a float is wanted; else :class:`ConfigError`."""
        if self.type is float and type(value) is int:
            value = float(value)
        if type(value) is not self.type:
            raise ConfigError(
                f"parameter {self.name!r} of {where} must be {self.type.__name__} (default {self.default!r}), "
                f"got {value!r} of type {type(value).__name__}."
            )
        if self.choices and value not in self.choices:
            raise unknown_name(f"value for parameter {self.name!r} of {where}", str(value), self.choices)
        return value

    def parse(self, text: str, where: str) -> Any:
        """Read a command line's text as this parameter's type."""
        if self.type is str:
            return self.accept(text, where)
        try:
            return self.accept(ast.literal_eval(text), where)
        except (ValueError, SyntaxError):
            return self.accept(text, where)


def parse_cell(source: str, where: str = "this notebook") -> dict[str, Parameter]:
    """Parameters that a cell's assignments declare, for example ``seed: int = 0``.

    >>> parse_cell('preset: str = "quick"  # one of: quick, laptop')["preset"].choices
    ('quick', 'laptop')
    """
    lines = source.splitlines()
    found = {}
    for node in ast.parse(source).body:
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value is not None:
            target, value, annotation = node.target, node.value, ast.unparse(node.annotation).split("[")[0]
        elif isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
            target, value, annotation = node.targets[0], node.value, ""
        else:
            raise ConfigError(f"the parameters cell of {where} may only hold lines 'name: type = value'; got line "
                              f"{node.lineno}: {lines[node.lineno - 1]!r}.")  # fmt: skip
        default = _literal(value, target.id, where)
        kind = TYPES.get(annotation, type(default))
        listed = re.search(r"#\s*one of:\s*(.+)$", lines[(node.end_lineno or node.lineno) - 1])
        choices = tuple(c.strip() for c in listed.group(1).split(",")) if listed else ()
        found[target.id] = Parameter(target.id, kind, default, choices)
    return found


def _literal(node: ast.expr, name: str, where: str) -> Any:
    try:
        return ast.literal_eval(node)
    except ValueError:
        raise ConfigError(
            f"parameter {name!r} of {where} must have a plain value, not {ast.unparse(node)!r}."
        ) from None


def read_parameters(path: Path) -> dict[str, Parameter]:
    """Parameters of the notebook file ``path``; :class:`ConfigError` unless exactly one cell is tagged for them."""
    try:
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ConfigError(f"{path} cannot be read as a notebook ({type(error).__name__}: {error}).") from error
    tagged = [c for c in cells if TAG in c.get("metadata", {}).get("tags", ())]
    if len(tagged) != 1:
        raise ConfigError(f"{path.name} needs exactly one cell tagged {TAG!r}, found {len(tagged)}.")
    return parse_cell("".join(tagged[0]["source"]), path.stem)


def resolve(declared: Mapping[str, Parameter], given: Mapping[str, str], where: str) -> dict[str, Any]:
    """Typed values for ``given`` texts; an unknown name or a wrong type is a :class:`ConfigError` or name error."""
    values = {}
    for name, text in given.items():
        if name not in declared:
            raise unknown_name(f"parameter of {where}", name, declared)
        values[name] = declared[name].parse(text, where)
    return values


def check_parameters() -> None:
    """Check this notebook's parameters from inside it; call it in the cell after the tagged one.

    It sees names that Papermill injected without the notebook declaring them, wrong types, and values outside a
    ``# one of:`` list, also after edits by hand.
    """
    from IPython import get_ipython

    shell = get_ipython()
    if shell is None:
        raise ConfigError("check_parameters() runs inside a notebook; from Python use read_parameters(path).")
    check_history(shell.user_ns["In"], shell.user_ns)


def check_history(cells: Sequence[str], values: Mapping[str, Any]) -> None:
    """Check the latest parameters cell among executed ``cells`` and what was injected after it against ``values``."""
    starts = [i for i, cell in enumerate(cells) if cell.lstrip().startswith(MARKER)]
    if not starts:
        raise ConfigError(f"no parameters cell was run; its first line is {MARKER!r}. Run the notebook from the top.")
    declared = parse_cell(cells[starts[-1]])
    for cell in cells[starts[-1] + 1 :]:
        if cell.lstrip().startswith(INJECTED):
            for name in parse_cell(cell):
                if name not in declared:
                    raise unknown_name("parameter of this notebook", name, declared)
    for name, parameter in declared.items():
        parameter.accept(values[name], "this notebook")
