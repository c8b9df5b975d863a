"""Cost against size of the pieces that grow: ours beside another way to compute the same, as ratios within one run.

    python benchmarks/kernels.py --out build/benchmarks/kernels.json
    python benchmarks/kernels.py --kernels "pixel contrast" rcs

The pieces and their peers are in ``_pieces.py``. Forward and backward where a piece has a gradient. Random inputs; the
exponent is the slope of log time over log size in the larger half of the sizes.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from dataclasses import replace
from typing import Any

import torch
from _pieces import KERNELS, PEERS
from _rounds import CLOCKS, exponent, in_turn, ratios
from training import FP32

from udalib.core.files import write_json
from udalib.engine.record.machine import describe_device, now, versions
from udalib.engine.runtime import make_fabric


def benchmark(name: str, options: argparse.Namespace, device: torch.device) -> dict[str, Any]:
    """One piece at every size, with the exponents of both ways."""
    kernel, rows = KERNELS[name], []
    for size in kernel.sizes[:2] if options.tiny else kernel.sizes:
        calls = dict(zip(("ours", "peer"), kernel.make(size, device), strict=True))
        found = in_turn(calls, device, rounds=options.rounds, least=options.least)
        rows.append(
            {
                "size": kernel.count(size),
                **{f"{side}_seconds": statistics.median(values) for side, values in found.items()},
                "peer_over_ours": ratios(found),
            }
        )
    sizes = [row["size"] for row in rows]
    slopes = {side: exponent(sizes, [row[f"{side}_seconds"] for row in rows]) for side in ("ours", "peer")}
    last = rows[-1]["peer_over_ours"]["median"]
    print(
        f"{name:<15} at {sizes[-1]} {kernel.unit}: peer takes {last:.2f} times as long; exponent {slopes['ours']:.2f}, "
        f"peer {slopes['peer']:.2f}",
        flush=True,
    )
    return {"kernel": name, "peer": PEERS[name], "unit": kernel.unit, "exponent": slopes, "sizes": rows}


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", required=True, help="JSON file to write")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--kernels", nargs="+", choices=list(KERNELS), default=list(KERNELS))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--least", type=float, default=0.05, help="seconds that a measurement lasts at the least")
    parser.add_argument("--tiny", action="store_true", help="the two smallest sizes alone, to test the script")
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> int:
    """Time every piece, print a line each, write the record."""
    options = parse(arguments)
    device = make_fabric(replace(FP32, device=options.device)).device
    torch.set_num_threads(1)
    kernels = [benchmark(name, options, device) for name in options.kernels]
    record = {
        "benchmark": "kernels",
        "created": now(),
        "command": " ".join(["python", "benchmarks/kernels.py", *(sys.argv[1:] if arguments is None else arguments)]),
        "device": describe_device(device, processes=1),
        "versions": versions(),
        "clock": CLOCKS[device.type],
        "kernels": kernels,
    }
    write_json(options.out, record)
    print(f"written to {options.out}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
