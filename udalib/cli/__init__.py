"""The command line ``udalib``: thin, everything it does is one call into the library."""

from __future__ import annotations

import sys
from collections.abc import Sequence


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; return the exit code: 0 done, 1 done with failures, 2 a wrong argument or a known error.

    A message of udalib is printed as one line without a traceback.
    """
    from udalib.cli.app import run_command
    from udalib.core.errors import UdalibError

    arguments = list(sys.argv[1:] if argv is None else argv)
    try:
        return run_command(arguments)
    except ModuleNotFoundError as error:
        if error.name != "tyro":
            raise
        print("error: the command line needs the package tyro; install it with `pip install tyro`.", file=sys.stderr)
        return 2
    except UdalibError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:  # `udalib list | head`
        sys.stderr.close()
        return 1
    except KeyboardInterrupt as error:  # also udalib.engine's RunInterrupted, whose message says how to resume
        print(f"\n{error or 'stopped.'}", file=sys.stderr)
        return int(getattr(error, "exit_code", 130))
