"""The commands by name, and how an argument list becomes a call."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence

from tyro.extras import subcommand_cli_from_dict

from udalib.cli.adapt import adapt
from udalib.cli.compare import compare
from udalib.cli.data import data
from udalib.cli.doctor import doctor
from udalib.cli.embed import embed
from udalib.cli.evaluate import evaluate
from udalib.cli.export import export
from udalib.cli.plan import plan
from udalib.cli.predict import predict
from udalib.cli.pretrain import pretrain
from udalib.cli.report import report
from udalib.cli.reproduce import reproduce
from udalib.cli.run import list_, run, show

Command = Callable[..., int]

COMMANDS: dict[str, Command] = {
    "list": list_,
    "show": show,
    "run": run,
    "adapt": adapt,
    "pretrain": pretrain,
    "reproduce": reproduce,
    "report": report,
    "compare": compare,
    "plan": plan,
    "predict": predict,
    "evaluate": evaluate,
    "export": export,
    "embed": embed,
    "data": data,
    "doctor": doctor,
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

DESCRIPTION = (
    "Domain adaptation of semantic segmentation: run named experiments, report them, predict and evaluate with them. "
    "Two more commands take their own arguments: `udalib notebooks --help` runs the notebook series, "
    "`udalib bench` (in the repository) the benchmarks."
)


def run_command(arguments: Sequence[str]) -> int:
    """Run the command that ``arguments`` name and return its exit code; a wrong argument returns 2."""
    if arguments and arguments[0] in FORWARDED:
        return FORWARDED[arguments[0]](arguments[1:])
    try:
        return int(
            subcommand_cli_from_dict(
                COMMANDS,
                prog="udalib",
                description=DESCRIPTION,
                args=joined(arguments or ["--help"]),
                sort_subcommands=False,
            )
        )
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
