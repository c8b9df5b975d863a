"""The sampler "partition": one stream visits the labelled part of a data set, another the unlabelled one.

Both streams name the whole data set and the same options but for ``part``; so a recipe needs no data set of its own.
"""

from __future__ import annotations

from typing import Any

from udalib.data.partition import PartitionSampler, partition_of
from udalib.recipes.factories import SAMPLERS


@SAMPLERS.register("partition")
def partition_sampler(
    dataset: Any,
    seed: int,
    part: str,
    denominator: int = 8,
    partition_seed: int = 0,
    list_file: str | None = None,
    cover_classes: bool = True,
) -> PartitionSampler:
    """Order of the items of ``part``, "labelled" or "unlabelled"; see :func:`udalib.data.partition.partition_of`."""
    partition = partition_of(
        dataset, denominator=denominator, seed=partition_seed, list_file=list_file, cover_classes=cover_classes
    )
    return PartitionSampler(partition.part(part), seed)
