"""The page of the benchmarks, made from their records: tables and plots, nothing typed in.

    python benchmarks/page.py                       # benchmarks/results/speed/*.json -> docs/speed.md, docs/speed-*.png
    python benchmarks/page.py --records build/benchmarks --out build/speed

A record whose device or command changes changes the page with it; ``tests/benchmarks/test_page.py`` holds the committed
page to the committed records.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from matplotlib.ticker import NullFormatter

from udalib.viz.theme import COLORS, DASHES, MARKERS, new_figure, to_png

RECORDS = Path(__file__).parent / "results" / "speed"
PAGE = Path(__file__).parents[1] / "docs" / "speed"
INTRODUCTION = """# Speed

Made by `python benchmarks/page.py` from the records in [benchmarks/results/speed](../benchmarks/results/speed); every
table says how to repeat it. A ratio compares two ways in one run, round by round; above 1 the peer takes longer.
Machines differ and neighbours interfere: compare ratios, not seconds."""


LABEL = {"facecolor": "white", "edgecolor": "none", "pad": 1.5}
VISIBLE = 0.005
"""Parts below this share of every step have no column."""


def number(value: float | None, digits: int = 2) -> str:
    """A number for a cell."""
    return "" if value is None else f"{value:.{digits}f}"


def table(head: list[str], rows: list[list[str]]) -> str:
    """A Markdown table."""
    return "\n".join("| " + " | ".join(cells) + " |" for cells in [head, ["---"] * len(head), *rows])


def origin(record: dict[str, Any]) -> str:
    """Where a record comes from."""
    device = record["device"]
    clock = f"; {record['clock']}" if "clock" in record else ""
    return (
        f"    {record['command']}\n\n{device.get('cpu') or device['name']}, torch {record['versions']['torch']}{clock}."
    )


def spread(ratio: dict[str, float]) -> str:
    """Median and range."""
    return f"{ratio['median']:.2f} ({ratio['lowest']:.2f} to {ratio['highest']:.2f})"


def kernels(record: dict[str, Any], out: Path) -> str:
    """Cost against size."""
    rows = []
    for each in record["kernels"]:
        last, slopes = each["sizes"][-1], each["exponent"]
        size = f"{last['size']} {each['unit']}"
        cells = [each["kernel"], each["peer"], size, spread(last["peer_over_ours"])]
        rows.append([*cells, number(slopes["ours"]), number(slopes["peer"])])
    draw_kernels(record["kernels"], out)
    head = ["piece", "peer", "largest size", "peer / ours there", "exponent, ours", "exponent, peer"]
    picture = f"![Seconds against size, ours and the peer, one panel a piece]({out.name}-kernels.png)"
    return f"## Cost against size\n\n{table(head, rows)}\n\n{picture}\n\n{origin(record)}"


def draw_kernels(found: list[dict[str, Any]], out: Path) -> None:
    """One panel a piece, logarithmic in both directions."""
    columns = min(3, len(found))
    lines = -(-len(found) // columns)
    figure, axes = new_figure(3.4 * columns, 2.7 * lines, lines, columns)
    for ax, each in zip(axes, found, strict=False):
        sizes = [row["size"] for row in each["sizes"]]
        for i, side in enumerate(("ours", "peer")):
            seconds = [1000 * row[f"{side}_seconds"] for row in each["sizes"]]
            ax.loglog(sizes, seconds, color=COLORS[i], marker=MARKERS[i], linestyle=DASHES[i], label=side)
        ax.set(title=each["kernel"], xlabel=each["unit"], ylabel="milliseconds")
        ax.xaxis.set_minor_formatter(NullFormatter())
        ax.legend()
    for ax in axes[len(found) :]:
        ax.remove()
    (out.parent / f"{out.name}-kernels.png").write_bytes(to_png(figure))


def data(record: dict[str, Any], out: Path) -> str:
    """Reading, augmenting, counting, scoring."""
    rows = [
        [
            p["part"],
            number(p["ours_images_per_second"], 1),
            number(p["peer_images_per_second"], 1),
            spread(p["peer_over_ours"]),
        ]
        for p in record["parts"]
    ]
    head = ["part", "ours: images a second", "peer: images a second", "peer / ours"]
    told = (
        "`load`, against torchvision's reference pipeline, decodes with Pillow: its PNG decoder is slower, what it "
        "says about broken files is what `udalib data check` prints. `strong`: jitter and blur against torchvision's; "
        "`statistics` and `scores` are class counts and mean IoU against the published ways."
    )
    return f"## Data and scores, one core\n\n{told}\n\n{table(head, rows)}\n\n{origin(record)}"


def networks(record: dict[str, Any], out: Path) -> str:
    """Networks beside those of other packages."""
    rows = [
        [
            n["ours"]["name"],
            n["peer"]["name"],
            n["difference"],
            f"{n['ours']['parameters'] / 1e6:.2f} / {n['peer']['parameters'] / 1e6:.2f}",
            number(1 / n["forward_ratio"]),
            number(1 / n["forward_backward_ratio"]),
        ]
        for n in record["networks"]
        if n["peer"]
    ]
    head = ["ours", "peer", "what differs", "million parameters", "peer / ours, forward", "peer / ours, and backward"]
    size, batch = record["settings"]["size"], record["settings"]["batch_size"]
    note = f"Batches of {batch} images of {size[0]} x {size[1]}. Peers of transformers and segmentation_models_pytorch "
    note += "are timed where those packages are installed."
    return f"## Networks\n\n{note}\n\n{table(head, rows)}\n\n{origin(record)}"


def split(record: dict[str, Any], out: Path) -> str:
    """Where a step's time goes."""
    shares = [pair for step in record["steps"] for pair in step["shares"].items()]
    parts = list(dict.fromkeys(part for part, share in shares if share >= VISIBLE))
    draw_split(record["steps"], parts, out)
    rows = [
        [s["recipe"], number(1000 * s["seconds"], 0), *(number(100 * s["shares"].get(p, 0), 0) for p in parts)]
        for s in record["steps"]
    ]
    head = ["recipe", "ms a step", *(f"{part}, %" for part in parts)]
    picture = f"![Share of each part of a training step, one bar a recipe]({out.name}-split.png)"
    return f"## Where a training step's time goes\n\n{table(head, rows)}\n\n{picture}\n\n{origin(record)}"


def steps(record: dict[str, Any], out: Path) -> str:
    """Whole training steps beside the published step, written down plainly."""
    rows = []
    for method in record["methods"]:
        million = f"{method['parameters'] / 1e6:.1f}"
        for each in method["results"]:
            milliseconds = number(1000 * each["seconds_per_iteration"]["median"], 0)
            ratio = spread(each["speed_over_peer"])
            rows.append([method["recipe"], million, each["variant"], milliseconds, ratio])
    settings = record["settings"]
    encoder = f", encoder {settings['encoder']}" if "encoder" in settings else ""
    note = f"Seconds on the wall, sizes {record['sizes']}{encoder}; the peer is a {record['peer']}."
    head = ["recipe", "million parameters", "variant", "ms an iteration", "peer / this one"]
    return f"## Training steps\n\n{note}\n\n{table(head, rows)}\n\n{origin(record)}"


def draw_split(steps: list[dict[str, Any]], parts: list[str], out: Path) -> None:
    """Stacked bars; a part's share is written into it where it fits."""
    figure, (ax,) = new_figure(10, 0.5 * len(steps) + 1.4)
    left = [0.0] * len(steps)
    for i, part in enumerate(parts):
        shares = [100 * step["shares"].get(part, 0.0) for step in steps]
        color, hatch = COLORS[i % len(COLORS)], "" if i < len(COLORS) else "///"
        ax.barh(range(len(steps)), shares, left=left, color=color, hatch=hatch, edgecolor="white", label=part)
        for y, (start, share) in enumerate(zip(left, shares, strict=True)):
            if share > 5:
                ax.text(start + share / 2, y, f"{share:.0f}", ha="center", va="center", bbox=LABEL)
        left = [a + b for a, b in zip(left, shares, strict=True)]
    ax.set(
        yticks=range(len(steps)), yticklabels=[s["recipe"] for s in steps], xlabel="percent of a step", xlim=(0, 100)
    )
    ax.invert_yaxis()
    figure.legend(loc="outside lower center", ncols=5)
    (out.parent / f"{out.name}-split.png").write_bytes(to_png(figure))


def startup(record: dict[str, Any], out: Path) -> str:
    """Imports and commands."""
    rows = [
        [f"`{r['name']}`", number(r["seconds"]), f"{r['lowest']:.2f} to {r['highest']:.2f}"] for r in record["rows"]
    ]
    head = ["what", "seconds of the processor", "range"]
    note = "Imports of udalib are timed with PyTorch loaded already; commands are whole processes."
    return f"## Starting\n\n{note}\n\n{table(head, rows)}\n\n{origin(record)}"


def scaling(record: dict[str, Any], out: Path) -> str:
    """Several processes."""
    rows = [
        [
            str(r["processes"]),
            ", ".join(number(v) for v in r["iterations_per_second"]),
            number(100 * r["efficiency"], 0),
        ]
        for r in record["measured"]
    ]
    head = ["processes", "iterations a second, by round", "efficiency, %"]
    note = f"`{record['recipe']}`, the batch times the number of processes; {record['cores']} cores, load before: "
    note += f"{record['load_before']:.1f}."
    return f"## Several processes\n\n{note}\n\n{table(head, rows)}\n\n{origin(record)}"


SECTIONS: dict[str, Callable[[dict[str, Any], Path], str]] = {
    "networks": networks,
    "step of": steps,
    "split": split,
    "kernels": kernels,
    "data": data,
    "startup": startup,
    "scaling": scaling,
}


def page(records: Path, out: Path) -> str:
    """The page of all records in a folder, in a fixed order; its plots are written beside it."""
    found = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(records.glob("*.json"))]
    chosen = [(name, r) for name in SECTIONS for r in found if str(r.get("benchmark")).startswith(name)]
    return "\n\n".join([INTRODUCTION, *(SECTIONS[name](record, out) for name, record in chosen)]) + "\n"


def main(arguments: list[str] | None = None) -> int:
    """Write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--records", type=Path, default=RECORDS, help="folder of records")
    parser.add_argument("--out", type=Path, default=PAGE, help="name of the page without its ending")
    options = parser.parse_args(arguments)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.with_suffix(".md").write_text(page(options.records, options.out), encoding="utf-8")
    print(f"written to {options.out.with_suffix('.md')}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
