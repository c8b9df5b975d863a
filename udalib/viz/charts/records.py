"""Records of measurements as tables."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from udalib.viz.charts.tables import Table

DOMAINS = ("source", "target")


def record_table(record: Mapping[str, Any], note: str = "") -> Table:
    """The recipes of a record with their mIoU on source and target, the best on the target first.

    Args:
        record: what ``benchmarks/effect.py`` or ``udalib report --format json`` writes; its ``groups`` are read.
        note: below the table; left out, it is what the record says about itself and the command that repeats it.
    """
    groups = sorted(record["groups"], key=lambda group: -float(group["ours"]["target/miou"]["mean"]))
    rows = [
        (g["recipe"], *(_mean_and_spread(g["ours"].get(f"{d}/miou")) for d in DOMAINS), len(g["seeds"]), g["preset"])
        for g in groups
    ]
    header = ("recipe", "ours: source mIoU", "ours: target mIoU", "seeds", "preset")
    own = f"{record['what']} Repeat: {record['command']}" if "what" in record else ""
    return Table(
        header, rows, " ".join(text for text in ("Mean ± standard deviation over seeds.", note or own) if text)
    )


def _mean_and_spread(values: Mapping[str, Any] | None) -> str:
    if values is None:
        return ""
    return f"{values['mean']:.1f}" + ("" if values["std"] is None else f" ± {values['std']:.1f}")
