"""A stream: data set + sampler + global batch size + transforms, endless, and resumable from an iteration number."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor

from udalib.core.draws import Draws
from udalib.core.errors import ConfigError, DataError
from udalib.core.seeding import derive_seed
from udalib.core.types import Batch, Sample
from udalib.data.collate import as_batch, as_sample, collate
from udalib.data.loading import load_in_order
from udalib.data.sampling.samplers import ClassRequirement, Sampler, ShuffleSampler

RECROPS = 10
"""How often the sample transforms are repeated at most to show what the sampler requires (daformer sheet, 7.2)."""


class MapDataset(Protocol):
    """What a stream needs of a data set."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> Sample: ...


class Transform(Protocol):
    """Works on batches (B, ...) on any device; every random choice comes from ``draws``."""

    def __call__(self, batch: Batch, draws: Draws) -> Batch:
        """Return the transformed batch; the given one is left as it is."""
        ...


class Stream:
    """Endless batches of one data set.

    Args:
        name: name under which the method finds its batch ("source", "target", ...).
        dataset: map-style data set of samples.
        batch_size: GLOBAL batch size, divided evenly over the processes.
        sampler: item order; by default a :class:`ShuffleSampler` whose seed comes from ``seed`` and ``name``.
        sample_transforms: applied before collation to each sample as a batch of one, in the loader's process: the
            geometry that brings images to one size. Where the sampler requires a class
            (:meth:`~udalib.data.sampling.samplers.Sampler.requirement`), they are repeated with fresh draws, up to
            :data:`RECROPS` times, until the label shows it; the last try is kept.
        batch_transforms: applied to the whole batch on the device, after images are float32 in [0, 1].
        seed: run seed.
        workers: loader processes; 0 loads in the training process, more prefetch two batches each.
    """

    def __init__(
        self,
        name: str,
        dataset: MapDataset,
        batch_size: int,
        sampler: Sampler | None = None,
        sample_transforms: Sequence[Transform] = (),
        batch_transforms: Sequence[Transform] = (),
        seed: int = 0,
        workers: int = 0,
    ) -> None:
        if batch_size < 1:
            raise ConfigError(f"stream {name!r}: batch_size is {batch_size}; it must be at least 1.")
        self.name = name
        self.dataset = dataset
        self.batch_size = batch_size
        self.sampler = sampler or ShuffleSampler(len(dataset), derive_seed("stream", seed, name))
        self.sample_transforms = tuple(sample_transforms)
        self.batch_transforms = tuple(batch_transforms)
        self.seed = seed
        self.workers = workers

    def positions(self, rank: int = 0, world_size: int = 1) -> range:
        """Places in the global batch that process ``rank`` of ``world_size`` loads."""
        if self.batch_size % world_size:
            raise ConfigError(
                f"stream {self.name!r}: the global batch size {self.batch_size} cannot be divided among {world_size} "
                f"processes; choose a multiple of {world_size}."
            )
        share = self.batch_size // world_size
        return range(rank * share, (rank + 1) * share)

    def load(self, iteration: int, rank: int = 0, world_size: int = 1) -> Batch:
        """Load and collate this process's share of one iteration: CPU, images uint8."""
        positions = self.positions(rank, world_size)
        indices = self.sampler.indices(iteration * self.batch_size + positions.start, len(positions))
        return collate([self._sample(i, iteration, p) for i, p in zip(indices, positions, strict=True)])

    def _sample(self, index: int, iteration: int, position: int) -> Sample:
        sample = self.dataset[index]
        if not self.sample_transforms:
            return sample
        draws = Draws.for_batch(self.seed, f"{self.name}/sample", iteration, [position])
        required = self.sampler.requirement(iteration * self.batch_size + position)
        for _ in range(1 + RECROPS):
            before = draws.generators[0].get_state()
            result = self._transformed(sample, draws)
            # Transforms that drew nothing (a plain resize) would give the same again.
            if required is None or _shows(result, required) or torch.equal(before, draws.generators[0].get_state()):
                break
        return result

    def _transformed(self, sample: Sample, draws: Draws) -> Sample:
        batch = as_batch(sample)
        for transform in self.sample_transforms:
            batch = transform(batch, draws)
        return as_sample(batch)

    def batches(self, start_iteration: int = 0, rank: int = 0, world_size: int = 1) -> Iterator[Batch]:
        """Yield the collated CPU batches of ``start_iteration``, ``start_iteration + 1``, ... without end.

        The global random state of torch is left alone. Closing the iterator stops its loader processes.
        """
        self.positions(rank, world_size)
        share = _Iterations(self, rank, world_size)
        return load_in_order(share.load, itertools.count(start_iteration), self.workers, torch.cuda.is_available())

    def finish(
        self, batch: Batch, device: torch.device | str, iteration: int, rank: int = 0, world_size: int = 1
    ) -> Batch:
        """Move a batch to ``device``, make images float32 in [0, 1] and labels int64, run the batch transforms."""
        moved = {k: _to_device(v, device) for k, v in batch.items()}
        for key in ("image", "frames"):
            if key in moved and moved[key].dtype == torch.uint8:
                moved[key] = moved[key].float().div_(255.0)
        if "label" in moved:
            moved["label"] = moved["label"].long()
        draws = Draws.for_batch(self.seed, f"{self.name}/batch", iteration, self.positions(rank, world_size))
        for transform in self.batch_transforms:
            moved = transform(moved, draws)
        return moved


@dataclass(frozen=True)
class _Iterations:
    """One process's share of a stream: a loader process builds whole batches."""

    stream: Stream
    rank: int
    world_size: int

    def load(self, iteration: int) -> Batch:
        return self.stream.load(iteration, self.rank, self.world_size)


def _shows(sample: Sample, required: ClassRequirement) -> bool:
    if "label" not in sample:
        raise DataError(
            f"{sample.get('name', '?')} has no label, but its sampler asks for class {required.train_id} in it; "
            "sample by class from labelled data only, or take another sampler."
        )
    return required.met_by(sample["label"])


def _to_device(value: Any, device: torch.device | str) -> Any:
    if isinstance(value, Tensor):
        return value.to(device, non_blocking=True)
    if isinstance(value, list):
        return [_to_device(v, device) for v in value]
    return value
