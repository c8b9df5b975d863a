"""Scores under plans made comparable: 1 is the untouched network, 0 is chance (painters sheet, sections 4 and 8.3).

The rescaling is ours: the wording of the paper could not be had.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from torch import nn

from udalib.analysis.layers.planned import planned
from udalib.analysis.layers.segments import Plan
from udalib.analysis.layers.stacks import Stack
from udalib.core.errors import ConfigError, unknown_name

AGGREGATES: dict[str, Callable[..., Any]] = {"median": np.median, "mean": np.mean}


def score_plans(
    network: nn.Module, plans: Iterable[Plan], score: Callable[[], float], *, stack: str | Stack | None = None
) -> list[float]:
    """What ``score`` returns with ``network`` under each of ``plans``."""
    scores = []
    for plan in plans:
        with planned(network, plan, stack=stack):
            scores.append(float(score()))
    return scores


def normalised_score(score: ArrayLike, *, full: float, chance: float = 0.0) -> NDArray[np.float64]:
    """(score - chance) / (full - chance): 1 for the untouched network, 0 for chance, below 0 for worse than chance.

    Args:
        score: any shape, in the unit of the others.
        full: score of the network as it is.
        chance: score of guessing; 1 / classes for an accuracy, 0 or :func:`chance_iou` for mIoU.

    >>> normalised_score([0.9, 0.5, 0.1], full=0.9, chance=0.1).tolist()
    [1.0, 0.5, 0.0]

    Raises:
        ConfigError: the untouched network is no better than chance: there is no scale.
    """
    if not full > chance:
        raise ConfigError(f"the untouched network has {full:g}, chance {chance:g}: nothing to measure losses by.")
    return (np.asarray(score, dtype=np.float64) - chance) / (full - chance)


def chance_iou(frequencies: Sequence[float]) -> float:
    """Mean IoU of guessing each pixel's class by its frequency, whatever the image shows.

    A class of frequency p is hit on p^2 of the pixels, and true or guessed on 2p - p^2: its IoU is p / (2 - p).
    Classes that never occur are left out.

    >>> round(chance_iou([0.5, 0.5, 0.0]), 4)
    0.3333

    Raises:
        ConfigError: a negative frequency, or none above 0.
    """
    counts = np.asarray(frequencies, dtype=np.float64)
    if not counts.size or counts.min() < 0 or counts.sum() <= 0:
        raise ConfigError(f"class frequencies must be 0 or more, and one above 0; got {list(frequencies)}.")
    share = counts[counts > 0] / counts.sum()
    return float(np.mean(share / (2 - share)))


def aggregate_scores(scores: Mapping[str, ArrayLike], how: str = "median") -> NDArray[Any]:
    """One score from the normalised scores of several tasks (name -> values of one shape).

    "median" for frozen networks, as the paper has it for Llama; "mean" for fine-tuned ones, as for BERT.

    Raises:
        UnknownNameError: another way.
        ConfigError: no task.
    """
    if how not in AGGREGATES:
        raise unknown_name("aggregate", how, AGGREGATES)
    if not scores:
        raise ConfigError("there is no task to aggregate; give the scores of at least one.")
    values = np.stack([np.asarray(value, dtype=np.float64) for value in scores.values()])
    return np.asarray(AGGREGATES[how](values, axis=0))
