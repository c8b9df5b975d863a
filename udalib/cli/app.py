"""The commands by name, and how an argument list becomes a call."""

from __future__ import annotations

import ast
import importlib
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from udalib.core.errors import unknown_name

Command = Callable[..., int]

#: Module of this package and function of each command. A module is imported when its command is called: with PyTorch
#: that takes seconds, and an overview needs none of it.
COMMANDS: dict[str, tuple[str, str]] = {
    "list": ("run", "list_"),
    "show": ("run", "show"),
    "run": ("run", "run"),
    "adapt": ("adapt", "adapt"),
    "pretrain": ("pretrain", "pretrain"),
    "reproduce": ("reproduce", "reproduce"),
    "report": ("report", "report"),
    "compare": ("compare", "compare"),
    "plan": ("plan", "plan"),
    "predict": ("predict", "predict"),
    "evaluate": ("evaluate", "evaluate"),
    "export": ("export", "export"),
    "embed": ("embed", "embed"),
    "data": ("data", "data"),
    "doctor": ("doctor", "doctor"),
}


def notebooks(arguments: Sequence[str]) -> int:
    """Run the notebook series."""
    from udalib.notebooks import main

    return main(arguments)


def bench(arguments: Sequence[str]) -> int:
    """Run the benchmarks of the repository: ``python -m benchmarks`` with the same interpreter."""
    import subprocess

    return subprocess.run([sys.executable, "-m", "benchmarks", *arguments], check=False).returncode


#: Commands that parse their own arguments.
FORWARDED: dict[str, Callable[[Sequence[str]], int]] = {"notebooks": notebooks, "bench": bench}

DESCRIPTION = "Domain adaptation of semantic segmentation: run named experiments, report them, predict and evaluate."


def overview() -> str:
    """What ``udalib --help`` prints: every command with the first line of its docstring, read without importing it."""
    width = max(map(len, (*COMMANDS, *FORWARDED)))
    lines = [f"  {name:<{width}}  {summary(name)}" for name in COMMANDS]
    lines += [f"  {name:<{width}}  {(call.__doc__ or '').splitlines()[0]}" for name, call in FORWARDED.items()]
    usage = "usage: udalib COMMAND [OPTIONS]      udalib COMMAND --help says what a command takes"
    return "\n".join([usage, "", DESCRIPTION, "", "commands:", *lines])


def summary(name: str) -> str:
    """First line of the docstring of a command."""
    module, function = COMMANDS[name]
    tree = ast.parse((Path(__file__).parent / f"{module}.py").read_text(encoding="utf-8"))
    found = next(node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == function)
    return (ast.get_docstring(found) or "").splitlines()[0]


def command(name: str) -> Command:
    """The function behind a command."""
    module, function = COMMANDS[name]
    found: Command = getattr(importlib.import_module(f"udalib.cli.{module}"), function)
    return found


def run_command(arguments: Sequence[str]) -> int:
    """Run the command that ``arguments`` name and return its exit code; a wrong argument returns 2.

    Raises:
        UnknownNameError: there is no such command.
    """
    name, *rest = arguments or ["--help"]
    if name in ("-h", "--help"):
        print(overview())
        return 0
    if name in FORWARDED:
        return FORWARDED[name](rest)
    if name not in COMMANDS:
        raise unknown_name("command", name, [*COMMANDS, *FORWARDED])
    import tyro

    try:
        return int(tyro.cli(command(name), prog=f"udalib {name}", args=joined(rest)))
    except SystemExit as stop:  # --help, or an argument that does not parse: the message is printed
        return stop.code if isinstance(stop.code, int) else 2


def joined(arguments: Sequence[str], flag: str = "--set") -> list[str]:
    """Put the values of a repeated ``flag`` together, so that ``--set a=1 --set b=2`` means ``--set a=1 b=2``.

    >>> joined(["run", "x", "--set", "a=1", "--seeds", "0", "--set", "b=2"])
    ['run', 'x', '--set', 'a=1', 'b=2', '--seeds', '0']
    """
    values: list[str] = []
    rest: list[str] = []
    place = None
    taking = False
    for argument in arguments:
        if argument == flag or argument.startswith(f"{flag}="):
            taking = True
            place = len(rest) if place is None else place
            values += [argument.removeprefix(f"{flag}=")] if argument != flag else []
        elif taking and not argument.startswith("-"):
            values.append(argument)
        else:
            taking = False
            rest.append(argument)
    return rest if place is None else [*rest[:place], flag, *values, *rest[place:]]
