"""Histogram matching: a source frame gets the colours of a target frame, channel by channel (quadmix sheet, 4.5.1)."""

from __future__ import annotations

import torch
from torch import Tensor


def match_histograms(images: Tensor, reference: Tensor) -> Tensor:
    """Give every channel of ``images`` the distribution of values that it has in ``reference``.

    A value's quantile is the share of its channel's pixels that are not larger; the new value is interpolated
    linearly between the reference's values at that quantile, and constant below its first. Nothing is rounded or
    binned, so it is the same on every scale.

    Args:
        images: float (B, C, H, W).
        reference: float (B, C, h, w).

    Returns:
        (B, C, H, W); no gradient, nothing is read on the host.

    >>> match_histograms(torch.tensor([[[[0.0, 1.0]]]]), torch.tensor([[[[5.0, 7.0]]]])).flatten().tolist()
    [5.0, 7.0]
    """
    values = images.detach().flatten(2).contiguous()
    wanted = reference.detach().flatten(2).contiguous().sort(-1).values
    count, reference_count = values.shape[-1], wanted.shape[-1]
    own = values.sort(-1).values
    # Quantiles as whole numbers, so that equal ones compare as equal: c / n <= d / m as c * m <= d * n.
    quantile = torch.searchsorted(own, values, right=True) * reference_count
    steps = torch.searchsorted(wanted, wanted, right=True) * count
    above = torch.searchsorted(steps, quantile, right=True)
    low, high = (above - 1).clamp(min=0), above.clamp(max=reference_count - 1)
    start, end = steps.gather(-1, low), steps.gather(-1, high)
    share = ((quantile - start).clamp(min=0).double() / (end - start).clamp(min=1)).to(values.dtype)
    lower = wanted.gather(-1, low)
    return (lower + (wanted.gather(-1, high) - lower) * share).view_as(images)
