"""An execution plan: which layers of a residual stack run, in what order, one after another or beside one another."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal

from udalib.core.errors import ConfigError

Segment = tuple[Literal["seq", "par"], tuple[int, ...]]
"""``("seq", indices)``: one layer after another; ``("par", indices)``: all on one input, their outputs averaged."""

Step = tuple[int, ...]
"""Layers that run at the same time: one of a "seq" segment, or all of a "par" segment."""


@dataclass(frozen=True)
class Plan:
    """What a stack of N layers executes (painters sheet, section 8).

    Args:
        layers: N.
        segments: see :data:`Segment`; an index is in 0 .. N-1 and may occur any number of times.
        name: for pictures; two plans of the same segments are equal whatever they are called.

    >>> plan = Plan(5, (("seq", (0, 1)), ("par", (2, 3)), ("par", (2, 3)), ("seq", (4,))))
    >>> str(plan), plan.executed, plan.sequential_depth
    ('0 1 (2 3) (2 3) 4', (0, 1, 2, 3, 2, 3, 4), 5)

    Raises:
        ConfigError: an index outside the stack, a segment without layers or of another kind, or no segment at all.
    """

    layers: int
    segments: tuple[Segment, ...]
    name: str = field(default="custom", compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "segments", tuple((kind, tuple(indices)) for kind, indices in self.segments))
        if not self.segments or not all(indices for _, indices in self.segments):
            raise ConfigError(f"plan {self.name!r} must have segments that each name a layer, got {self.segments}.")
        for kind, indices in self.segments:
            if kind not in ("seq", "par"):
                raise ConfigError(f"plan {self.name!r}: a segment is 'seq' or 'par', got {kind!r}.")
            outside = [index for index in indices if not 0 <= index < self.layers]
            if outside:
                raise ConfigError(
                    f"plan {self.name!r} runs layer {outside[0]}, but its stack has {self.layers} layers: "
                    f"0 to {self.layers - 1}."
                )

    @property
    def steps(self) -> tuple[Step, ...]:
        """What runs at the same time, in order."""
        return tuple(step for segment in self.segments for step in _steps(*segment))

    @property
    def executed(self) -> tuple[int, ...]:
        """Every executed layer, in order; a parallel step lists its layers as the segment does."""
        return tuple(index for step in self.steps for index in step)

    @property
    def sequential_depth(self) -> int:
        """Number of steps: the latency in layers, if parallel layers cost the time of one."""
        return len(self.steps)

    @property
    def unused(self) -> tuple[int, ...]:
        """Layers that never run, ascending."""
        return tuple(sorted(set(range(self.layers)) - set(self.executed)))

    def __str__(self) -> str:
        return " ".join(f"({' '.join(map(str, step))})" if len(step) > 1 else str(step[0]) for step in self.steps)


def positions(plan: Plan) -> tuple[tuple[Step, ...], ...]:
    """The steps of ``plan`` dealt out over its N places, in order: what runs where the network calls layer 0, 1, ...

    Steps with which the plan begins or ends as the network itself does keep their place. The others are spread over
    the places between them, as early as possible. It matters only for networks that read states on the way (the four
    maps of a ViT): a place in the middle of looped layers holds at least its share of the loops.

    >>> [" ".join(str(step[0]) for step in steps) for steps in positions(Plan(5, (("seq", (0, 4)),)))]
    ['0', '', '', '', '4']
    """
    steps, n = plan.steps, plan.layers
    head = _shared(steps, range(n))
    # The first place always runs something: a place without steps passes on what the place before it gave.
    tail = _shared(steps[max(head, 1) :][::-1], range(n - 1, head - 1, -1))
    if head + tail == n and head + tail < len(steps):
        head, tail = (head, tail - 1) if tail else (head - 1, tail)
    between, places = steps[head : len(steps) - tail], n - head - tail
    ends = [-(-place * len(between) // places) for place in range(places + 1)] if places else []
    dealt = [between[start:end] for start, end in itertools.pairwise(ends)]
    return (*((s,) for s in steps[:head]), *dealt, *((s,) for s in steps[len(steps) - tail :]))


def _steps(kind: str, indices: Step) -> tuple[Step, ...]:
    return (indices,) if kind == "par" else tuple((index,) for index in indices)


def _shared(steps: Sequence[Step], order: Iterable[int]) -> int:
    """How many of ``steps`` from the first on are the single layers of ``order``."""
    count = 0
    for step, index in zip(steps, order, strict=False):
        if step != (index,):
            break
        count += 1
    return count
