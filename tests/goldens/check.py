"""Check golden files: ``python tests/goldens/check.py FILE...`` prints a line a case and exits 1 unless all are ok.

Without FILE it checks every .npz file in the folders beside it.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
sys.path.insert(1, str(Path(__file__).resolve().parents[2]))

import harness


def main(arguments: list[str]) -> int:
    """Run the checks; 0 = all ok."""
    files = [Path(a) for a in arguments] or sorted(harness.HERE.glob("*/*.npz"))
    for path, error in harness.load_handlers().items():
        print(f"warning: {path.name} could not be imported: {error}", file=sys.stderr)
    reports = []
    for path in files:
        reports.append(harness.run_file(path))
        print(f"{reports[-1].status:<10} {reports[-1].case}: {reports[-1].text}", flush=True)
    bad = sum(not report.ok for report in reports)
    print(f"{len(reports)} cases: {len(reports) - bad} ok, {bad} not ok")
    return 1 if bad or not reports else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
