"""The published plans (Sun et al., "Transformer Layers as Painters", AAAI 2025; painters sheet, section 2), by name.

N layers, start s: layers 0..s and N-s..N-1 are left alone, the open interval between them is the middle. The kept
prefix is one layer longer than the kept suffix; with s = 0 there is no suffix. ``length`` gives the middle another
number of layers, counted from s + 1: ours, for exploring.
"""

from __future__ import annotations

import inspect
import random
from collections.abc import Callable, Sequence
from typing import NamedTuple

from udalib.analysis.layers.segments import Plan, Segment
from udalib.core.errors import ConfigError
from udalib.core.registry import Registry

PLANS: Registry[Callable[..., Plan]] = Registry("plan")
"""Builders ``(layers, start, ...) -> Plan``; the further keywords are ``length``, ``loops``, ``seed``."""


class Parts(NamedTuple):
    """Indices of the layers before, inside and after the middle."""

    prefix: tuple[int, ...]
    middle: tuple[int, ...]
    suffix: tuple[int, ...]


def largest_start(layers: int) -> int:
    """Largest start at which prefix and suffix do not overlap: (N-1)/2 of an odd stack, N/2-1 of an even one.

    >>> [largest_start(n) for n in (7, 8)]
    [3, 3]
    """
    return (layers - 1) // 2


def split(layers: int, start: int, length: int | None = None) -> Parts:
    """Prefix 0..s, middle s+1..N-s-1 (N-2s-1 layers), suffix N-s..N-1; or a middle of ``length`` layers after s.

    >>> split(8, 1, 3)
    Parts(prefix=(0, 1), middle=(2, 3, 4), suffix=(5, 6, 7))

    Raises:
        ConfigError: a start below 0, or one at which prefix and suffix overlap (layers would run twice); a middle that
            does not fit behind the start.
    """
    if length is not None:
        return _split_at(layers, start, length)
    if not 0 <= start <= largest_start(layers):
        raise ConfigError(
            f"start {start} does not fit a stack of {layers} layers; it takes 0 to {largest_start(layers)} "
            "(beyond, the kept prefix and suffix would overlap)."
        )
    order, end = tuple(range(layers)), layers - start
    return Parts(order[: start + 1], order[start + 1 : end], order[end:])


def _split_at(layers: int, start: int, length: int) -> Parts:
    if not (0 <= start < layers and 0 <= length < layers - start):
        raise ConfigError(
            f"a middle of {length} layers after layer {start} does not fit a stack of {layers}; start takes 0 to "
            f"{layers - 1}, and length 0 to {layers} - 1 - start."
        )
    order, end = tuple(range(layers)), start + 1 + length
    return Parts(order[: start + 1], order[start + 1 : end], order[end:])


def create_plan(
    name: str, layers: int, start: int = 0, *, length: int | None = None, loops: int = 1, seed: int = 0
) -> Plan:
    """Plan ``name`` of a stack of ``layers``; what a plan does not have (``loops``, ``seed``, ``length``) is ignored.

    >>> print(create_plan("loop_parallel", 8, 1, loops=3))
    0 1 (2 3 4 5 6) (2 3 4 5 6) (2 3 4 5 6) 7

    Raises:
        UnknownNameError: no such plan, with the nearest names.
        ConfigError: a start, length, layer or number of loops that does not fit.
    """
    build = PLANS.get(name)
    taken = inspect.signature(build).parameters
    options = {"length": length, "loops": loops, "seed": seed}
    return build(layers, start, **{key: value for key, value in options.items() if key in taken})


@PLANS.register("baseline")
def baseline(layers: int, start: int = 0, *, length: int | None = None) -> Plan:
    """Every layer in its own order; ``start`` and ``length`` are checked and change nothing."""
    return _sequence("baseline", layers, [i for part in split(layers, start, length) for i in part])


@PLANS.register("skip")
def skip(layers: int, start: int, *, length: int | None = None) -> Plan:
    """Leave the middle out."""
    parts = split(layers, start, length)
    return _sequence("skip", layers, [*parts.prefix, *parts.suffix])


@PLANS.register("middle_repeat")
def middle_repeat(layers: int, start: int, *, length: int | None = None) -> Plan:
    """Layer N // 2 in place of every layer of the middle; a middle elsewhere repeats the layer at its own centre."""
    parts = split(layers, start, length)
    count = len(parts.middle)
    published = count == layers - 2 * start - 1 or not count
    centre = layers // 2 if published else parts.middle[count // 2]
    return _sequence("middle_repeat", layers, [*parts.prefix, *([centre] * count), *parts.suffix])


@PLANS.register("reverse")
def reverse(layers: int, start: int, *, length: int | None = None) -> Plan:
    """The middle from its last layer to its first."""
    parts = split(layers, start, length)
    return _sequence("reverse", layers, [*parts.prefix, *parts.middle[::-1], *parts.suffix])


@PLANS.register("random")
def random_order(layers: int, start: int, *, length: int | None = None, seed: int = 0) -> Plan:
    """The middle in random order: Python's ``Random(seed).shuffle`` of the middle alone, as the published code has it.

    >>> random_order(8, 1, seed=7).executed
    (0, 1, 6, 2, 5, 3, 4, 7)
    """
    parts = split(layers, start, length)
    middle = list(parts.middle)
    random.Random(seed).shuffle(middle)
    return _sequence("random", layers, [*parts.prefix, *middle, *parts.suffix])


@PLANS.register("loop_parallel")
def loop_parallel(layers: int, start: int, *, length: int | None = None, loops: int = 1) -> Plan:
    """``loops`` times: every layer of the middle on the same input, the mean of their outputs goes on.

    The outputs are averaged, not normalised again (which tells for post-norm layers such as BERT's).

    Raises:
        ConfigError: fewer than one loop; see also :func:`split`.
    """
    if loops < 1:
        raise ConfigError(f"loop_parallel runs the middle at least once, got loops={loops}; skip leaves it out.")
    parts = split(layers, start, length)
    middle: tuple[Segment, ...] = (("par", parts.middle),) * loops
    segments: tuple[Segment, ...] = (("seq", parts.prefix), *middle, ("seq", parts.suffix))
    return Plan(layers, tuple(s for s in segments if s[1]), "loop_parallel" if loops > 1 else "parallel")


@PLANS.register("parallel")
def parallel(layers: int, start: int, *, length: int | None = None) -> Plan:
    """:func:`loop_parallel` with one loop."""
    return loop_parallel(layers, start, length=length)


@PLANS.register("skip_layer")
def skip_layer(layers: int, start: int) -> Plan:
    """All layers but number ``start``."""
    _check_layer(start, layers - 1, f"skip_layer leaves out one of {layers} layers")
    return _sequence("skip_layer", layers, [i for i in range(layers) if i != start])


@PLANS.register("switch_layers")
def switch_layers(layers: int, start: int) -> Plan:
    """Layers ``start`` and ``start`` + 1 exchanged."""
    _check_layer(start, layers - 2, f"switch_layers exchanges a layer of {layers} with the next one")
    order = list(range(layers))
    order[start], order[start + 1] = order[start + 1], order[start]
    return _sequence("switch_layers", layers, order)


def _check_layer(layer: int, last: int, what: str) -> None:
    if not 0 <= layer <= last:
        raise ConfigError(f"{what}; it takes 0 to {last}, got {layer}.")


def _sequence(name: str, layers: int, order: Sequence[int]) -> Plan:
    return Plan(layers, (("seq", tuple(order)),), name)
