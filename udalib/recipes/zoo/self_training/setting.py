"""The setting that DACS, DAFormer, HRDA and MIC share in DAFormer's code base (daformer sheet, sections 7, 8 and 10).

Optimiser, schedule and length of training are those of the source-only recipes
(:mod:`udalib.recipes.zoo.synthetic_to_real`). Two images of each domain, geometry in the loader, no photometric
distortion; the last weights of the student are scored.

HRDA and MIC on it (mic_hrda sheet, section 3) double all sizes (``scale`` 2), ask a rare class for four times the
pixels, mark what may carry a pseudo label on the whole image in the loader, and test by sliding windows.

What our sources do not say, and what we take instead:

 - HRDA's sizes for ACDC and Dark Zurich: doubled like the others, which is their full resolution.
 - How ACDC and Dark Zurich are scored: whole images at the size of training, on val instead of the authors' test.
 - The domain "night" of Dark Zurich needs the original folders; for a flattened copy set ``dataset.domain=none``.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from udalib.engine.optim.build import Rule
from udalib.recipes.spec.specs import (
    DatasetSpec,
    EvaluationSpec,
    InferenceSpec,
    MethodSpec,
    NetworkSpec,
    Recipe,
    SamplerSpec,
    ScheduleSpec,
    StreamSpec,
    TransformSpec,
)
from udalib.recipes.zoo.self_training.numbers import numbers
from udalib.recipes.zoo.self_training.presets import small_presets
from udalib.recipes.zoo.synthetic_to_real import CROP, SOURCES, SUBSETS, crops, daformer_setting, labelled_stream

Size = tuple[int, int]

RULES = (
    Rule("decoder", lr_mult=10.0),
    Rule("norm", decay_mult=0.0),
    Rule("pos_block", decay_mult=0.0),
)
"""Decoders (HRDA's scale attention is part of them) train ten times faster, with decay on their norms as well."""

MARGINS = (30, 240, 30, 30)
"""Rows and columns of a Cityscapes image without pseudo labels, at full resolution: top, bottom, left, right."""
ROWS = {"ignore_top": 15, "ignore_bottom": 120}
"""The same in rows of the 512 x 512 crop, as DAFormer has it."""


@dataclass(frozen=True)
class Pair:
    """A labelled source and an unlabelled target.

    Attributes:
        family: first part of the recipes' names.
        title: in words.
        source: data set of the labelled images.
        source_size: (h, w) that they are resized to fit, at half resolution.
        target: data set of the unlabelled images.
        target_size: of training and evaluation, at half resolution.
        domain: part of the target data set; None = all.
        rectified: the target's borders show artefacts and the car, and get no pseudo labels.
        subsets: class subsets with a mean of their own.
    """

    family: str
    title: str
    source: str
    source_size: Size
    target: str
    target_size: Size = (512, 1024)
    domain: str | None = None
    rectified: bool = True
    subsets: tuple[str, ...] = ()

    def target_set(self, split: str, *, labels: bool) -> DatasetSpec:
        """The target's images of a split."""
        domain = {} if self.domain is None else {"domain": self.domain}
        return replace(DatasetSpec.of(self.target, **domain, **({} if labels else {"labels": False})), split=split)

    @property
    def ignored_rows(self) -> dict[str, Any]:
        """Options of a method that trains at half resolution."""
        return dict(ROWS) if self.rectified else {}


SYNTHETIC = tuple(
    Pair(f"{name}2cityscapes", f"{dataset.upper()} to Cityscapes", dataset, size, "cityscapes", subsets=SUBSETS[name])
    for name, (dataset, size) in SOURCES.items()
)
CITY = (512, 1024)
ADVERSE = (
    Pair("cityscapes2acdc", "Cityscapes to ACDC", "cityscapes", CITY, "acdc", (540, 960), rectified=False),
    Pair(
        "cityscapes2darkzurich",
        "Cityscapes to Dark Zurich",
        "cityscapes",
        CITY,
        "dark_zurich",
        (540, 960),
        "night",
        rectified=False,
    ),
)
PAIRS = (*SYNTHETIC, *ADVERSE)


def rare_classes(temperature: float = 0.01, scale: int = 1) -> SamplerSpec:
    """Rare Class Sampling: at ``scale`` 2 an object has four times the pixels of a crop at scale 1."""
    return SamplerSpec.of("rare_class", temperature=temperature, min_pixels=3000, min_crop_ratio=0.5 * scale**2)


def streams(pair: Pair, sampler: SamplerSpec, scale: int = 1) -> tuple[StreamSpec, StreamSpec]:
    """Source and target images, two each."""
    crop, workers = _times(CROP, scale), 4 if scale == 1 else 1
    source = labelled_stream(pair.source, _times(pair.source_size, scale), crop)
    geometry = crops(_times(pair.target_size, scale), crop)
    if scale > 1 and pair.rectified:
        geometry = (TransformSpec.of("valid_margins", margins=MARGINS), *geometry)
    images = pair.target_set("train", labels=False)
    target = StreamSpec("target", images, batch_size=2, sample_transforms=geometry, workers=workers)
    return replace(source, sampler=sampler, workers=workers), target


def evaluation(pair: Pair, scale: int = 1) -> EvaluationSpec:
    """Labelled images of the target's val, whole or by windows, scored at the full size of the labels."""
    crop = _times(CROP, scale)
    windows = InferenceSpec.of("sliding", crop=crop, stride=(crop[0] // 2, crop[1] // 2))
    return EvaluationSpec(
        "target",
        pair.target_set("val", labels=True),
        subsets=pair.subsets,
        batch_size=1,
        inference=InferenceSpec() if scale == 1 else windows,
        transforms=(TransformSpec.of("resize", size=_times(pair.target_size, scale)),),
    )


def self_training(
    pair: Pair,
    name: str,
    summary: str,
    network: NetworkSpec,
    method: MethodSpec,
    *,
    sampler: SamplerSpec | None = None,
    scale: int = 1,
    schedule: ScheduleSpec | None = None,
) -> Recipe:
    """Training by ``method`` on ``pair``, with the numbers that others published for ``pair.family/name``."""
    base = daformer_setting("gta", name, "", network)
    recipe = replace(
        base,
        name=f"{pair.family}/{name}",
        summary=f"{pair.title}: {summary}",
        streams=streams(pair, sampler or SamplerSpec(), scale),
        method=method,
        optimizer=replace(base.optimizer, rules=RULES),
        schedule=schedule or base.schedule,
        evaluations=(evaluation(pair, scale),),
        published=numbers(f"{pair.family}/{name}"),
    )
    return replace(recipe, presets=small_presets(recipe))


def _times(size: Size, factor: int) -> Size:
    return size[0] * factor, size[1] * factor
