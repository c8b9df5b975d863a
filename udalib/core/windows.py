"""Where overlapping windows lie: the one rule for sliding inference over images and over detail crops."""

from __future__ import annotations


def window_starts(side: int, window: int, stride: int) -> list[int]:
    """Starts of windows along one axis: 0, stride, ... and the last one moved back to end at the border.

    An axis no longer than the window has one window, which starts at 0.

    >>> window_starts(10, 4, 3), window_starts(11, 4, 3), window_starts(3, 4, 3)
    ([0, 3, 6], [0, 3, 6, 7], [0])
    """
    if side <= window:
        return [0]
    return [*range(0, side - window, stride), side - window]
