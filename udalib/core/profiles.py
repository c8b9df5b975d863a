"""Sizes of classes from head to tail."""

from __future__ import annotations

from udalib.core.errors import ConfigError


def exponential_profile(largest: int, num_classes: int, imbalance: float) -> list[int]:
    """Class sizes ``largest * imbalance^(-c / (C - 1))``, rounded down, at least 1: the convention of CIFAR-LT.

    >>> exponential_profile(5000, 10, 100)
    [5000, 2997, 1796, 1077, 645, 387, 232, 139, 83, 50]

    Raises:
        ConfigError: the imbalance is below 1, or there is nothing to share out.
    """
    if imbalance < 1 or largest < 1 or num_classes < 1:
        raise ConfigError(
            f"a profile of {num_classes} classes from {largest} pictures at imbalance {imbalance}: the imbalance "
            "is the largest class over the smallest, at least 1, and there must be a class with a picture."
        )
    last = max(num_classes - 1, 1)
    # The small term keeps 5000 / 100 at 50 where the power falls short by a rounding error.
    return [max(1, int(largest * imbalance ** (-c / last) + 1e-6)) for c in range(num_classes)]
