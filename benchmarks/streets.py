"""How fast the streets are drawn: images a second on one core, by style and size.

Run ``python benchmarks/streets.py``; the result goes to ``benchmarks/results/streets-speed.json``.
"""

from __future__ import annotations

import argparse
import platform
import time
from pathlib import Path

import numpy as np
import torch

from udalib.core.files import write_json
from udalib.world import WORLD_VERSION, render, render_clip, style_names

SIZES = ((64, 128), (128, 256), (256, 512))
RESULT = Path(__file__).parent / "results" / "streets-speed.json"


def measure(style: str, size: tuple[int, int], count: int) -> dict[str, object]:
    """Images a second of processor time and of wall-clock time, after a warm-up."""
    for index in range(5):
        render(index, style, size=size)
    cpu, wall = time.process_time(), time.perf_counter()
    for index in range(count):
        render(index, style, size=size)
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    return {
        "style": style,
        "size": list(size),
        "images": count,
        "images_per_cpu_second": round(count / cpu, 1),
        "images_per_wall_second": round(count / wall, 1),
    }


def measure_clip(size: tuple[int, int], length: int) -> dict[str, object]:
    """Frames a second of a clip with both flows."""
    render_clip(0, 2, "target", size=size)
    cpu = time.process_time()
    render_clip(1, length, "target", size=size)
    return {
        "style": "target",
        "size": list(size),
        "frames": length,
        "frames_per_cpu_second": round(length / (time.process_time() - cpu), 1),
    }


def machine() -> dict[str, object]:
    """What the numbers depend on, without naming the machine."""
    info = Path("/proc/cpuinfo")
    model = platform.processor() or platform.machine()
    if info.exists():
        names = [
            line.split(":", 1)[1].strip() for line in info.read_text().splitlines() if line.startswith("model name")
        ]
        model = names[0] if names else model
    return {
        "processor": model,
        "threads_used": 1,
        "system": platform.system(),
        "python": platform.python_version(),
        "numpy": np.__version__,
        "torch": torch.__version__,
    }


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=200, help="pictures a style and size (default 200)")
    parser.add_argument("--out", type=Path, default=RESULT, help="where the JSON goes")
    options = parser.parse_args()
    torch.set_num_threads(1)
    stills = [measure(style, size, options.images) for size in SIZES for style in style_names()]
    for row in stills:
        print(f"{row['style']:8s} {row['size']}  {row['images_per_cpu_second']:7} images / CPU second")
    result = {
        "world": WORLD_VERSION,
        "command": "python benchmarks/streets.py",
        "date": time.strftime("%Y-%m-%d"),
        "machine": machine(),
        "stills": stills,
        "clips": [measure_clip((128, 256), 60)],
        "note": "one thread; processor time is the figure to compare, wall-clock time depends on what else runs",
    }
    write_json(options.out, result)


if __name__ == "__main__":
    main()
