"""Where each kind of name in a recipe is looked up."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from udalib import data
from udalib.core.registry import Registry
from udalib.data import RareClassSampler, SequentialSampler, ShuffleSampler
from udalib.data.sampling.class_table import ClassBalancedSampler, RepeatSampler, class_table, targets
from udalib.data.sampling.partition import PartitionSampler, partition_of
from udalib.data.sampling.stats import file_of
from udalib.data.sampling.stats_cache import cached_statistics, given_statistics
from udalib.data.transforms.centre import CentreCrop, ResizeShort
from udalib.data.transforms.crop_mix import CropMixup
from udalib.data.transforms.pictures import RandomErasing, TrivialAugment
from udalib.engine.evaluation.inference import Sliding, Whole
from udalib.engine.optim.schedules import Constant, Exponential, Poly, WarmupPoly
from udalib.engine.optim.warmups import WarmupCosine, WarmupSteps
from udalib.methods import METHODS
from udalib.models.detection.detector import create_detector
from udalib.models.registry import DECODERS, ENCODERS, NETWORKS, list_decoders, list_encoders, list_networks

SCHEDULES: Registry[Callable[..., Any]] = Registry("schedule")
SCHEDULES.add("constant", Constant)
SCHEDULES.add("exponential", Exponential)
SCHEDULES.add("poly", Poly)
SCHEDULES.add("warmup_cosine", WarmupCosine)
SCHEDULES.add("warmup_poly", WarmupPoly)
SCHEDULES.add("warmup_steps", WarmupSteps)

INFERENCE: Registry[Callable[..., Any]] = Registry("inference")
INFERENCE.add("whole", Whole)
INFERENCE.add("sliding", Sliding)

TRANSFORMS: Registry[Callable[..., Any]] = Registry("transform")
TRANSFORMS.add("resize", data.Resize)
TRANSFORMS.add("pil_resize", data.PilResize)
TRANSFORMS.add("same_area", data.SameArea)
TRANSFORMS.add("pad", data.Pad)
TRANSFORMS.add("random_scale", data.RandomScale)
TRANSFORMS.add("flip", data.HorizontalFlip)
TRANSFORMS.add("crop", data.RandomCrop)
TRANSFORMS.add("jitter", data.ColorJitter)
TRANSFORMS.add("blur", data.GaussianBlur)
TRANSFORMS.add("valid_margins", data.ValidMargins)
TRANSFORMS.add("cut_bottom", data.CutBottom)
TRANSFORMS.add("flow", data.EstimateFlow)
TRANSFORMS.add("resize_short", ResizeShort)
TRANSFORMS.add("centre_crop", CentreCrop)
TRANSFORMS.add("crop_mixup", CropMixup)
TRANSFORMS.add("random_erasing", RandomErasing)
TRANSFORMS.add("trivial_augment", TrivialAugment)

SAMPLERS: Registry[Callable[..., Any]] = Registry("sampler")
"""Builders ``(dataset, seed, **options) -> Sampler``."""


@SAMPLERS.register("shuffle")
def _shuffle(dataset: Any, seed: int) -> ShuffleSampler:
    return ShuffleSampler(len(dataset), seed)


@SAMPLERS.register("sequential")
def _sequential(dataset: Any, seed: int) -> SequentialSampler:
    return SequentialSampler(len(dataset))


@SAMPLERS.register("rare_class")
def _rare_class(
    dataset: Any,
    seed: int,
    temperature: float = 0.01,
    min_pixels: int = 3000,
    min_crop_ratio: float = 0.5,
    statistics: str | None = None,
) -> RareClassSampler:
    """Rare class sampling; without ``statistics`` (a folder or file) they are counted once and kept."""
    files = None if statistics is None else [file_of(dataset, i) for i in range(len(dataset))]
    return RareClassSampler(
        cached_statistics(dataset) if statistics is None else given_statistics(statistics, dataset.label_space),
        files,
        seed,
        temperature=temperature,
        min_pixels=min_pixels,
        min_crop_ratio=min_crop_ratio,
    )


@SAMPLERS.register("repeat")
def _repeat(dataset: Any, seed: int, threshold: float = 0.01) -> RepeatSampler:
    return RepeatSampler(class_table(dataset), threshold, seed)


@SAMPLERS.register("class_balanced")
def _class_balanced(dataset: Any, seed: int) -> ClassBalancedSampler:
    return ClassBalancedSampler(targets(dataset), seed)


@SAMPLERS.register("partition")
def _partition(
    dataset: Any,
    seed: int,
    part: str,
    denominator: int = 8,
    partition_seed: int = 0,
    list_file: str | None = None,
    cover_classes: bool = True,
) -> PartitionSampler:
    """Shuffled items of ``part``, "labelled" or "unlabelled", see :func:`udalib.data.sampling.partition.partition_of`.

    Two streams name the whole data set and the same options but for ``part``.
    """
    partition = partition_of(
        dataset, denominator=denominator, seed=partition_seed, list_file=list_file, cover_classes=cover_classes
    )
    return PartitionSampler(partition.part(part), seed)


def schedule_factory(name: str) -> Callable[..., Any]:
    """Return the class of the schedule ``name``."""
    return SCHEDULES.get(name)


def transform_factory(name: str) -> Callable[..., Any]:
    """Return the class of the transform ``name``."""
    return TRANSFORMS.get(name)


def inference_factory(name: str) -> Callable[..., Any]:
    """Return the class of the inference mode ``name``."""
    return INFERENCE.get(name)


def sampler_factory(name: str) -> Callable[..., Any]:
    """Return the builder ``(dataset, seed, **options)`` of the sampler ``name``."""
    return SAMPLERS.get(name)


def method_factory(name: str) -> Callable[..., Any]:
    """Return the class of the method ``name``."""
    return METHODS.get(name)


def network_factory(name: str) -> Callable[..., Any]:
    """Return the builder of a registered network; of the name "pair" one without options of its own."""
    own: dict[str, Callable[..., Any]] = {"pair": _pair, "detector": create_detector}
    return own[name] if name in own else _known(NETWORKS, list_networks, name)


def encoder_factory(name: str) -> Callable[..., Any]:
    """Return the builder of the encoder ``name``; "family:argument" gives the family's with its argument."""
    family, colon, argument = name.partition(":")
    factory = _known(ENCODERS, list_encoders, family)
    return partial(factory, argument) if colon else factory


def decoder_factory(name: str) -> Callable[..., Any]:
    """Return the builder ``(in_channels, num_classes, **options)`` of the decoder ``name``."""
    return _known(DECODERS, list_decoders, name)


def _known(registry: Registry[Any], names: Callable[[], list[str]], name: str) -> Callable[..., Any]:
    names()  # imports the modules that register
    factory: Callable[..., Any] = registry.get(name)
    return factory


def _pair() -> None: ...
