"""Which cells are looked at: as many of each class in every domain, spread over images, the same for one seed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from udalib.core.errors import ConfigError, DataError

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Sampling:
    """Which points are taken.

    Attributes:
        per_class: points of each class in each domain, at most.
        minimum: classes with fewer in some domain are left out, or refused if asked for.
        classes: names of the classes; None = all with enough points.
        cell: side of a cell in pixels; None = the cells of the coarsest layer, so that they are pure in every layer. In
            a layer coarser than ``cell`` a point gets the feature that lies over it, which sees its neighbours too.
        purity: least share of a cell that its class covers.
        seed: of the draws.
    """

    per_class: int = 50
    minimum: int = 10
    classes: tuple[str, ...] | None = None
    cell: int | None = None
    purity: float = 1.0
    seed: int = 0


@dataclass(frozen=True)
class Plan:
    """How many cells of each class every domain gives.

    Attributes:
        takes: train id -> cells a domain.
        short: classes of ``takes`` with fewer than were asked for.
        left_out: train id -> pure cells found in each domain, of classes with too few in one of them.
    """

    takes: Mapping[int, int]
    short: tuple[int, ...] = ()
    left_out: Mapping[int, tuple[int, ...]] = field(default_factory=dict)


def plan(
    counts: Mapping[str, Ints],
    names: Sequence[str],
    *,
    per_class: int = 50,
    minimum: int = 10,
    classes: Sequence[int] | None = None,
) -> Plan:
    """Decide how many cells of each class to take, equally many in every domain.

    So no measure between domains sees that a class is rarer in one of them. A class takes what its poorer domain has,
    ``per_class`` at most.

    Args:
        counts: domain -> int (C,), pure cells found.
        names: of the classes.
        per_class: wanted in each domain.
        minimum: classes with fewer in some domain are left out.
        classes: train ids that must be there; None = all with enough.

    Raises:
        DataError: one of ``classes`` has fewer than ``minimum``, or no class has enough.
        ConfigError: numbers that make no sense.
    """
    if not 1 <= minimum <= per_class:
        raise ConfigError(f"per_class {per_class} and minimum {minimum}: both at least 1, the minimum no larger.")
    found = np.stack(list(counts.values()))
    poorest = found.min(axis=0)
    wanted = [c for c in range(len(names)) if found[:, c].any()] if classes is None else list(classes)
    enough = {c: min(int(poorest[c]), per_class) for c in wanted if poorest[c] >= minimum}
    if not enough or (classes is not None and len(enough) < len(wanted)):
        raise _too_few([c for c in wanted if c not in enough], counts, names, minimum)
    left_out = {c: tuple(found[:, c].tolist()) for c in wanted if c not in enough}
    return Plan(enough, tuple(c for c, n in enough.items() if n < per_class), left_out)


def _too_few(classes: Sequence[int], counts: Mapping[str, Ints], names: Sequence[str], minimum: int) -> DataError:
    texts = [f"{names[c]} ({', '.join(f'{domain} {int(n[c])}' for domain, n in counts.items())})" for c in classes] or [
        "no class at all"
    ]
    return DataError(
        f"fewer than {minimum} pure cells of {'; '.join(texts)}. Take more images, smaller cells, a purity below 1, a "
        "lower minimum, or other classes."
    )


def draw_cells(classes: Ints, images: Ints, takes: Mapping[int, int], generator: np.random.Generator) -> Ints:
    """Draw cells of one domain: their numbers int64 (n,), class by class.

    An image gives its second cell of a class only when every image that shows it has given one, and so on.

    Args:
        classes: (N,) train id of every pure cell.
        images: (N,) the image it lies in.
        takes: train id -> how many.
        generator: of the draws.

    >>> drawn = draw_cells(np.array([7, 7, 7]), np.array([0, 0, 1]), {7: 2}, np.random.default_rng(0))
    >>> sorted(np.array([0, 0, 1])[drawn].tolist())
    [0, 1]
    """
    order = generator.permutation(len(classes))
    chosen = []
    for c, count in takes.items():
        mine = order[classes[order] == c]
        chosen.append(mine[np.argsort(_occurrence(images[mine]), kind="stable")][:count])
    return np.concatenate(chosen) if chosen else np.zeros(0, dtype=np.int64)


def _occurrence(values: Ints) -> Ints:
    """How often each value came before: [4, 4, 2, 4] -> [0, 1, 0, 2]."""
    order = np.argsort(values, kind="stable")
    ordered = values[order]
    starts = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]][: len(values)])
    lengths = np.diff(np.r_[starts, len(values)])
    result = np.empty(len(values), dtype=np.int64)
    result[order] = np.arange(len(values)) - np.repeat(starts, lengths)
    return result
