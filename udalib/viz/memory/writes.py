"""Writes replayed: what a sequence of class sums makes of a memory under some momentum."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from udalib.core.errors import ConfigError
from udalib.data.labels import LabelSpace
from udalib.ops.memory import ClassSums, class_means, written
from udalib.viz.memory.cosines import draw_cosines
from udalib.viz.theme import Picture, line_style, new_figure, tidy


def replay_writes(start: Tensor, sums: Sequence[ClassSums], momentum: float) -> Tensor:
    """Items (T + 1, K, D): ``start`` (K, D), and after each of the T writes of ``sums``.

    Raises:
        ConfigError: a momentum outside [0, 1].
    """
    if not 0 <= momentum <= 1:
        raise ConfigError(f"momentum is {momentum}; the share of the old item in a write lies in [0, 1].")
    states = [start]
    for each in sums:
        states.append(written(states[-1], each, momentum))
    return torch.stack(states)


def writes_figure(
    start: Tensor, sums: Sequence[ClassSums], item: int, space: LabelSpace, *, momentum: float = 0.8
) -> Picture:
    """Draw an item's way under the writes of ``sums``, and the cosines between all items at its end.

    Three lines: its cosine to its start, to the item one write before, and to the class mean that has just been
    written (left out where the class was not in the images).
    """
    states = replay_writes(start, sums, momentum)[:, item]
    figure, (axes, matrix) = new_figure(11.0, 4.4, 1, 2)
    after = list(range(1, len(states)))
    seen = [t for t in after if float(sums[t - 1].weight[item]) > 0]
    means = [class_means(sums[t - 1])[item] for t in seen]
    lines = {
        "its start": (after, [_cosine(states[t], states[0]) for t in after]),
        "itself, a write before": (after, [_cosine(states[t], states[t - 1]) for t in after]),
        "the class mean just written": (seen, [_cosine(states[t], m) for t, m in zip(seen, means, strict=True)]),
    }
    for index, (name, (x, y)) in enumerate(lines.items()):
        axes.plot(x, y, **line_style(index), label=name, linewidth=1.6, markersize=5)
    axes.set(xlabel="writes", ylabel="cosine of the item with")
    axes.set_title(f"item '{space.names[item]}', momentum {momentum:g}; written {len(seen)} times", fontsize=10)
    axes.legend(fontsize=8)
    tidy(axes, grid="y")
    shown = draw_cosines(matrix, replay_writes(start, sums, momentum)[-1], space)
    matrix.set_title("cosines between items at the end", fontsize=10)
    figure.colorbar(shown, ax=matrix, shrink=0.75)
    return figure


def _cosine(a: Tensor, b: Tensor) -> float:
    return float(torch.cosine_similarity(a, b, dim=0))
