"""Where two runs' curves part."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Curve = Mapping[int, float]
"""Iteration to value."""


@dataclass(frozen=True)
class Parting:
    """Where one logged number of two runs parts.

    Attributes:
        name: of the number, such as "train/loss_source" or "evaluation/target/miou".
        shared: iterations that both runs logged.
        iteration: the first shared iteration at which the two differ at all, None if they never do.
        values: of both runs there.
        lasting: from this shared iteration to the last one the same run is above, None if they are equal at the end.
        last: values of both runs at the last shared iteration.
    """

    name: str
    shared: int
    iteration: int | None
    values: tuple[float, float] | None
    lasting: int | None
    last: tuple[float, float]


def partings(first: Sequence[Mapping[str, Any]], second: Sequence[Mapping[str, Any]]) -> list[Parting]:
    """Compare every number that both runs logged, from the lines of their ``metrics.jsonl``."""
    one, other = curves_by_name(first), curves_by_name(second)
    return [p for name, curve in one.items() if name in other and (p := parting(name, curve, other[name])) is not None]


def parting(name: str, first: Curve, second: Curve) -> Parting | None:
    """Compare two curves at the iterations that both have; None if there is no such.

    >>> found = parting("loss", {1: 2.0, 2: 1.5, 3: 1.0, 4: 0.9}, {1: 2.0, 2: 1.6, 3: 0.9, 4: 0.5})
    >>> found.iteration, found.values, found.lasting
    (2, (1.5, 1.6), 3)
    """
    shared = sorted(first.keys() & second.keys())
    if not shared:
        return None
    parted = next((i for i in shared if first[i] != second[i]), None)
    values = None if parted is None else (first[parted], second[parted])
    end = (first[shared[-1]], second[shared[-1]])
    return Parting(name, len(shared), parted, values, _lasting(shared, first, second), end)


def _lasting(shared: Sequence[int], first: Curve, second: Curve) -> int | None:
    """First iteration of the last stretch in which one and the same run is above."""
    above = [(first[i] > second[i]) - (first[i] < second[i]) for i in shared]
    if above[-1] == 0:
        return None
    start = len(above) - 1
    while start and above[start - 1] == above[-1]:
        start -= 1
    return shared[start]


def curves_by_name(lines: Sequence[Mapping[str, Any]]) -> dict[str, dict[int, float]]:
    """``kind/name`` to the curve of each number (counts left out) in the lines of a ``metrics.jsonl``."""
    found: dict[str, dict[int, float]] = {}
    for line in lines:
        for key, value in line.items():
            if isinstance(value, float):
                found.setdefault(f"{line.get('kind', 'train')}/{key}", {})[int(line["iteration"])] = value
    return found
