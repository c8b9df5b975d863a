"""What evaluators of all tasks share: reading a labelled set, in order, as groups of equal sizes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from udalib.core.draws import Draws
from udalib.core.errors import ConfigError, DataError
from udalib.core.types import Batch, Sample
from udalib.data.labels import LabelSpace
from udalib.data.stream import MapDataset, Transform
from udalib.engine.evaluation.inference import Predict


class LabelledSet:
    """A data set as an evaluator reads it: base of the evaluators.

    Args:
        dataset: map-style, samples with ``image`` and the key that :attr:`answer` names.
        label_space: the classes of the predictions.
        batch_size: images predicted together in one process.
        transforms: deterministic transforms of the image alone, on the device; they get a batch without label.
        workers: loader processes.

    Raises:
        DataError: the set is empty.
        ConfigError: ``batch_size`` is not positive.
    """

    #: key of a sample that holds what is to be predicted
    answer: ClassVar[str] = "label"
    #: function of the method that is scored
    asks: ClassVar[str] = "predict"
    #: key of the score that stands for the evaluation
    score: ClassVar[str] = "miou"

    def __init__(
        self,
        dataset: MapDataset,
        label_space: LabelSpace,
        batch_size: int = 1,
        transforms: Sequence[Transform] = (),
        workers: int = 0,
    ) -> None:
        if len(dataset) == 0:
            raise DataError(
                f"the evaluation set {getattr(dataset, 'name', '')!r} is empty; check its split and folder."
            )
        if batch_size < 1:
            raise ConfigError(f"the evaluator's batch_size is {batch_size}; it must be at least 1.")
        self.dataset = dataset
        self.label_space = label_space
        self.batch_size = batch_size
        self.transforms = tuple(transforms)
        self.workers = workers

    def images(self, samples: Sequence[Sample], device: torch.device | str) -> Tensor:
        """Images (B, 3, H, W) of the samples, float in [0, 1], after the transforms."""
        image = torch.stack([s["image"] for s in samples]).to(device, non_blocking=True)
        image = image.float().div_(255.0) if image.dtype == torch.uint8 else image
        batch: Batch = {"image": image, "name": [s.get("name", "") for s in samples]}
        draws = Draws.for_batch(0, "evaluation", 0, range(len(samples)))
        for transform in self.transforms:
            batch = transform(batch, draws)
        transformed: Tensor = batch["image"]
        return transformed

    def groups(self, indices: Sequence[int]) -> Iterator[list[Sample]]:
        """Samples in order, grouped while image and answer sizes stay the same, at most ``batch_size`` together.

        Raises:
            DataError: a sample has no answer.
        """
        group: list[Sample] = []
        for sample in self._samples(indices):
            if self.answer not in sample:
                raise DataError(f"sample {sample.get('name', '?')} has no {self.answer}; evaluate on a labelled split.")
            if group and (len(group) == self.batch_size or self._sizes(sample) != self._sizes(group[0])):
                yield group
                group = []
            group.append(sample)
        if group:
            yield group

    def logits(self, predict: Predict, samples: Sequence[Sample], device: torch.device | str) -> Tensor:
        """What ``predict`` says of whole pictures, one number a class: (B, C).

        Raises:
            ConfigError: it says something else.
        """
        logits, wanted = predict(self.images(samples, device)), (len(samples), self.label_space.num_classes)
        if logits.shape != wanted:
            raise ConfigError(
                f"the model predicts {tuple(logits.shape)} for {len(samples)} pictures; a classifier of "
                f"{self.label_space.name} gives {wanted[1]} logits for each."
            )
        return logits

    def _sizes(self, sample: Sample) -> tuple[torch.Size, torch.Size]:
        return sample["image"].shape, sample[self.answer].shape

    def _samples(self, indices: Sequence[int]) -> Iterator[Sample]:
        if not self.workers:
            return (self.dataset[i] for i in indices)
        loader: DataLoader[Sample] = DataLoader(
            _Selected(self.dataset, indices),
            batch_size=None,
            num_workers=self.workers,
            collate_fn=_unchanged,
            pin_memory=torch.cuda.is_available(),
            generator=torch.Generator(),
        )
        return iter(loader)


class _Selected(Dataset[Sample]):
    def __init__(self, dataset: MapDataset, indices: Sequence[int]) -> None:
        self.dataset, self.indices = dataset, indices

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, index: int) -> Sample:
        return self.dataset[self.indices[index]]


def _unchanged(sample: Any) -> Any:
    return sample
