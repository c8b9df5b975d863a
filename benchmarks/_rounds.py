"""Timing calls in turn: rounds go over all of them, so that a clock or a neighbour that changes touches all alike."""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch

Call = Callable[[], Any]
CLOCKS = {"cpu": "seconds of the processor, one thread", "cuda": "seconds on the wall, until the device has finished"}
"""What is measured. A shared machine takes a process off its core for a while; processor time leaves that out."""


def seconds(call: Call, repeats: int, device: torch.device) -> float:
    """Mean seconds of ``call`` over ``repeats``, see :data:`CLOCKS`."""
    if device.type != "cuda":
        start = time.process_time()
        for _ in range(repeats):
            call()
        return (time.process_time() - start) / repeats
    torch.cuda.synchronize(device)
    start = time.perf_counter()
    for _ in range(repeats):
        call()
    torch.cuda.synchronize(device)
    return (time.perf_counter() - start) / repeats


def in_turn(
    calls: Mapping[str, Call], device: torch.device, *, rounds: int = 5, least: float = 0.05
) -> dict[str, list[float]]:
    """Seconds of each call in each round; a call is repeated until its measurement lasts ``least`` seconds."""
    repeats = {}
    for name, call in calls.items():
        call()
        repeats[name] = max(1, math.ceil(least / max(seconds(call, 1, device), 1e-7)))
    found: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(rounds):
        for name, call in calls.items():
            found[name].append(seconds(call, repeats[name], device))
    return found


def ratios(found: Mapping[str, list[float]], ours: str = "ours", peer: str = "peer") -> dict[str, float]:
    """How many times as long ``peer`` takes as ``ours``: median, lowest, highest over the rounds."""
    each = [b / a for a, b in zip(found[ours], found[peer], strict=True)]
    return {"median": statistics.median(each), "lowest": min(each), "highest": max(each)}


def exponent(sizes: Sequence[float], times: Sequence[float]) -> float | None:
    """Slope of log time over log size, by least squares over the larger half of the sizes; None for fewer than two.

    >>> round(exponent([1, 2, 4, 8], [9.0, 9.0, 16.0, 64.0]), 6)
    2.0
    """
    half = len(sizes) // 2 if len(sizes) > 3 else 0
    x, y = ([math.log(v) for v in values[half:]] for values in (sizes, times))
    return None if len(x) < 2 else statistics.linear_regression(x, y).slope
