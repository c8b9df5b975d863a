"""``python -m benchmarks [NAME ...] [--out FOLDER]``: run benchmarks, each in its own process, and make their page."""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
TIMINGS = ("networks", "training", "split", "kernels", "data", "startup", "scaling")
"""What ``make bench`` runs by default."""
APART = ("effect", "page")
"""``effect`` trains for hours and needs to know what; ``page`` measures nothing and is made after the others."""


def names() -> list[str]:
    """Every benchmark of this folder that runs without being told what to measure."""
    return sorted(p.stem for p in HERE.glob("*.py") if not p.stem.startswith("_") and p.stem not in APART)


def main(arguments: list[str] | None = None) -> int:
    """Run the named benchmarks; 1 if one failed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", help=f"among {', '.join(names())}; default {', '.join(TIMINGS)}")
    parser.add_argument("--out", type=Path, default=Path("build/benchmarks"), help="folder for the JSON records")
    chosen = parser.parse_args(arguments)
    unknown = sorted(set(chosen.names) - set(names()))
    if unknown:
        parser.error(f"no benchmark called {', '.join(unknown)}; there are {', '.join(names())}")
    failed = []
    for name in chosen.names or TIMINGS:
        print(f"== {name}", flush=True)
        command = [sys.executable, str(HERE / f"{name}.py"), "--out", str(chosen.out / f"{name}.json")]
        if subprocess.run(command, check=False).returncode:
            failed.append(name)
    page = [sys.executable, str(HERE / "page.py"), "--records", str(chosen.out), "--out", str(chosen.out / "speed")]
    failed += ["page"] if subprocess.run(page, check=False).returncode else []
    print(f"records in {chosen.out}" + (f"; failed: {', '.join(failed)}" if failed else ""))
    return int(bool(failed))


if __name__ == "__main__":
    sys.exit(main())
