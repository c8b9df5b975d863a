"""From networks and labelled sets to pixel features: find pure cells, draw some, and look at each network there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from udalib.analysis.features.pixels.cells import cell_boxes, pure_cells
from udalib.analysis.features.pixels.layers import captured, check_layers
from udalib.analysis.features.pixels.look import ImagesWithPoints, Subject, look
from udalib.analysis.features.pixels.points import Floats, Ints, Key, PixelFeatures, Points, check_finite
from udalib.analysis.features.pixels.sampling import Plan, Sampling, draw_cells, plan
from udalib.core.errors import ConfigError
from udalib.core.seeding import numpy_generator
from udalib.core.types import IGNORE_INDEX
from udalib.data.labels import LabelSpace
from udalib.engine.evaluation.labelled import LabelledSet


@dataclass(frozen=True)
class _Found:
    """Pure cells of a domain: the image each lies in, its box, its class."""

    image: Ints
    box: Ints
    label: Ints


@torch.inference_mode()
def gather(
    subjects: Mapping[str, Subject],
    domains: Mapping[str, LabelledSet],
    layers: Sequence[str],
    space: LabelSpace,
    sampling: Sampling = Sampling(),  # noqa: B008 (immutable)
) -> PixelFeatures:
    """Features of the same pure cells in ``layers`` of every network.

    Args:
        subjects: name of a run -> its network.
        domains: name -> labelled images in ``space``, the source first; images are predicted whole.
        layers: see :func:`udalib.analysis.features.layer_names`.
        space: of labels and predictions.
        sampling: which points.

    Raises:
        UnknownNameError: a layer or class that is not there.
        DataError: too few points of a class, or features with NaN.
    """
    if not subjects or not domains or (sampling.cell is not None and sampling.cell < 1):
        raise ConfigError(
            f"{len(subjects)} networks, {len(domains)} domains, cells of {sampling.cell} pixels: at least one of each."
        )
    for subject in subjects.values():
        check_layers(subject.module, layers)
    side = sampling.cell or _coarsest(subjects, next(iter(domains.values())), layers)
    found = {name: _pure(domain, space, side, sampling.purity) for name, domain in domains.items()}
    counts = {name: np.bincount(f.label, minlength=space.num_classes).astype(np.int64) for name, f in found.items()}
    wanted = None if sampling.classes is None else [space.index(name) for name in sampling.classes]
    chosen = plan(counts, space.names, per_class=sampling.per_class, minimum=sampling.minimum, classes=wanted)
    points, used = _points(found, chosen, sampling.seed)
    images = [ImagesWithPoints(domains[name], used[name], points, number) for number, name in enumerate(domains)]
    shown = tuple(each for part in images for each in part.shown())
    vectors: dict[Key, Floats] = {}
    answers = {}
    for run, subject in subjects.items():
        seen, answers[run] = look(subject, images, points, layers)
        for layer, values in seen.items():
            check_finite(values, run, layer)
            vectors[run, layer] = values
    return PixelFeatures(space, tuple(domains), shown, points, vectors, answers, chosen.short, chosen.left_out)


def _coarsest(subjects: Mapping[str, Subject], domain: LabelledSet, layers: Sequence[str]) -> float:
    """Pixels of the label along a cell of the coarsest map, found with one image."""
    samples = next(domain.groups([0]))
    strides: list[float] = []
    for subject in subjects.values():
        with captured(subject.module, layers) as maps:
            subject.predict(domain.images(samples, subject.device))
        sizes = [tuple(each.shape[-2:]) for each in maps.values()]
        strides += [max(s / m for s, m in zip(samples[0]["label"].shape, size, strict=True)) for size in sizes]
    return max(strides)


def _grid(size: Sequence[int], side: float) -> tuple[int, int]:
    return max(1, round(size[0] / side)), max(1, round(size[1] / side))


def _pure(domain: LabelledSet, space: LabelSpace, side: float, purity: float) -> _Found:
    """Every pure cell of a labelled set."""
    own = getattr(domain.dataset, "label_space", space)
    if own != space:
        raise ConfigError(f"the labels are those of {own.name}, the networks predict {space.name}; map them first.")
    parts: list[tuple[Ints, Ints, Ints]] = []
    start = 0
    for samples in domain.groups(range(len(domain.dataset))):
        label = torch.stack([sample["label"] for sample in samples]).long()
        grid = _grid(label.shape[-2:], side)
        classes = pure_cells(label, grid, space.num_classes, purity).numpy()
        image, row, column = np.nonzero(classes != IGNORE_INDEX)
        boxes = cell_boxes(np.stack([row, column], axis=1), grid, label.shape[-2:])
        parts.append((image + start, boxes, classes[image, row, column]))
        start += len(samples)
    return _Found(*(np.concatenate(each) for each in zip(*parts, strict=True)))


def _points(found: Mapping[str, _Found], chosen: Plan, seed: int) -> tuple[Points, dict[str, list[int]]]:
    """The points drawn, domain after domain, their images numbered; and the items of each domain that are used."""
    parts, used, start = [], {}, 0
    for number, (name, cells) in enumerate(found.items()):
        drawn = draw_cells(cells.label, cells.image, chosen.takes, numpy_generator("pixel features", seed, name))
        drawn = drawn[np.argsort(cells.image[drawn], kind="stable")]
        items, image = np.unique(cells.image[drawn], return_inverse=True)
        domain = np.full(len(drawn), number, dtype=np.int64)
        parts.append((domain, image.astype(np.int64) + start, cells.box[drawn], cells.label[drawn].astype(np.int64)))
        used[name] = items.tolist()
        start += len(items)
    return Points(*(np.concatenate(each) for each in zip(*parts, strict=True))), used
