"""CropMix as GKGNet is trained: crops of one picture at several scales, mixed into one (gkgnet sheet, 5.1)."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor

from udalib.core.errors import ConfigError

WHOLE = (0.99, 1.0)
"""Share of the picture that one of the crops shows."""


def crop_scales(number: int, least: float) -> list[tuple[float, float]]:
    """Shares of the picture's area that each of ``number`` crops is drawn from, the one of nearly all of it last.

    Of two crops the first has any share above ``least``; of more, the range is cut into equal parts, and the crops
    but the last take them from the smallest on.

    >>> crop_scales(3, 0.01)
    [(0.01, 0.34), (0.34, 0.67), (0.99, 1.0)]

    Raises:
        ConfigError: fewer than two crops, or a least share outside (0, 1).
    """
    if number < 2 or not 0 < least < 1:
        raise ConfigError(
            f"{number} crops of at least {least} of the picture; give two or more, and a share in (0, 1)."
        )
    if number == 2:
        return [(least, 1.0), WHOLE]
    edges = [round(least + (1 - least) * i / number, 10) for i in range(number)]
    return [*pairwise(edges), WHOLE]


def mix_views(views: Sequence[Tensor], shares: Sequence[float], orders: Sequence[Sequence[int]]) -> Tensor:
    """Mix views of one picture from left to right, the channels of the weaker view of each pair in another order.

    Args:
        views: float (3, H, W) each, two or more of one size.
        shares: of what is mixed so far, one a step; the view that joins has the rest.
        orders: of the three channels of the view of smaller weight, one a step; of equal weights it is the first.

    Returns:
        (3, H, W).

    Raises:
        ConfigError: the numbers of views, shares and orders do not fit.
    """
    if len(views) < 2 or not len(views) - 1 == len(shares) == len(orders):
        raise ConfigError(
            f"{len(views)} views, {len(shares)} shares and {len(orders)} orders do not fit; give two views or more, "
            "and one share and order less."
        )
    mixed = views[0]
    for view, share, order in zip(views[1:], shares, orders, strict=True):
        channels = torch.as_tensor(order, device=view.device)
        first, second = (mixed, view[channels]) if share > 0.5 else (mixed[channels], view)
        mixed = share * first + (1 - share) * second
    return mixed
