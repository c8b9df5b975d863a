"""The explorer of rare class sampling: turn temperature and min_pixels and see what is sampled."""

from __future__ import annotations

import contextlib
import math
import os
import textwrap
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure, SubFigure

from udalib.analysis.rare_classes import ClassDraws, first_draws
from udalib.core.errors import ConfigError, DataError
from udalib.core.seeding import numpy_generator
from udalib.data.labels import LabelSpace
from udalib.data.sampling.rare_class import RareClassSampler
from udalib.data.sampling.stats import ClassStatistics
from udalib.data.sampling.stats_cache import cached_statistics
from udalib.data.sets.registry import create_dataset
from udalib.data.stream import MapDataset
from udalib.viz.daformer.rare_class_images import drawn_image
from udalib.viz.daformer.rare_classes import probability_panel, sampled_panel, share_panel, unseen_panel
from udalib.viz.explorer.explorer import Choice, Control, Explorer, Stops
from udalib.viz.pictures.labels import to_numpy
from udalib.viz.theme import Picture
from udalib.world import Streets

ANY = "any class"
TEMPERATURES = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, math.inf)
MIN_PIXELS = (0, 10, 30, 100, 300, 1000, 3000, 10000)
DRAWS = (10, 30, 100, 300, 1000, 3000)
SHOWN, COLUMNS = 8, 4
"""Sampled images in a figure, and how many beside one another."""


@dataclass(frozen=True)
class Collection:
    """What can be sampled from: statistics, names of the classes, and the images where there are any."""

    statistics: ClassStatistics
    space: LabelSpace
    dataset: MapDataset | None = None

    @classmethod
    def of_dataset(cls, dataset: Any) -> Collection:
        """A labelled data set; its statistics are counted once and kept."""
        return cls(cached_statistics(dataset), dataset.label_space, dataset)

    @classmethod
    def of_folder(cls, place: str | os.PathLike[str], space: LabelSpace) -> Collection:
        """A folder or file of statistics, such as ``udalib data stats`` writes, of labels in ``space``."""
        return cls(ClassStatistics.load(Path(place)), space)


class RareClassExplorer(Explorer):
    """Rare class sampling of a data set: P(c), the pixels of what is sampled, unseen classes, sampled images.

    Args:
        collections: name -> :class:`Collection`; the first is shown at the start.
        batch_size: images an iteration, for how long a class stays unseen.
        seed: of the sampler.
        min_pixels: the value at the start, one of :data:`MIN_PIXELS`; 3000 is the published one, for images of
            1914 x 1052 pixels, and should shrink with them.

    Controls: ``collection``, ``temperature``, ``min_pixels``, ``picked`` class, ``draws``.
    """

    def __init__(
        self, collections: Mapping[str, Collection], *, batch_size: int = 8, seed: int = 0, min_pixels: int = 30
    ) -> None:
        if not collections:
            raise ConfigError("there is nothing to sample from; give at least one collection.")
        if min_pixels not in MIN_PIXELS:
            raise ConfigError(f"min_pixels={min_pixels} is no stop of its slider; choose one of {MIN_PIXELS}.")

        @cache
        def sampled(collection: str, temperature: float, min_pixels: int, draws: int) -> _Sampled | str:
            options: dict[str, Any] = {"temperature": temperature, "min_pixels": min_pixels}
            try:
                sampler = RareClassSampler(collections[collection].statistics, seed=seed, **options)
            except ConfigError as error:
                return str(error)
            return _Sampled(sampler, first_draws(sampler, draws))

        def figure(collection: str, temperature: float, min_pixels: int, picked: str, draws: int) -> Figure:
            made = sampled(collection, temperature, min_pixels, draws)
            title = f"{collection}: T = {temperature:g}, images with more than {min_pixels} pixels of the drawn class"
            if isinstance(made, str):
                return _message(title, made)
            return _overview(title, collections[collection], made, picked, batch_size)

        controls: dict[str, Control] = {
            "collection": Choice("Data set", tuple(collections), next(iter(collections))),
            "temperature": Stops("Temperature T (small: rare classes)", TEMPERATURES, 0.01),
            "min_pixels": Stops("min_pixels of the class in an image", MIN_PIXELS, min_pixels),
            "picked": Choice("Class picked", (ANY, *_class_names(collections.values())), ANY),
            "draws": Stops("Number of draws", DRAWS, 300),
        }
        super().__init__("What does rare class sampling draw?", figure, controls, sheet_columns=1)


@dataclass(frozen=True)
class _Sampled:
    sampler: RareClassSampler
    draws: ClassDraws


def _class_names(collections: Iterable[Collection]) -> list[str]:
    """Every class that occurs, once: "Pole" of CamVid is the "pole" of the streets."""
    names: dict[str, str] = {}
    for each in collections:
        for train_id in each.statistics.totals():
            names.setdefault(each.space.names[train_id].casefold(), each.space.names[train_id])
    return list(names.values())


def _train_id(sampler: RareClassSampler, space: LabelSpace, picked: str) -> int | None:
    """The picked class among those that occur, whatever its capitals; None for any, or one that does not occur."""
    return next((c for c in sampler.classes if space.names[c].casefold() == picked.casefold()), None)


def _overview(title: str, collection: Collection, made: _Sampled, picked: str, batch_size: int) -> Picture:
    """The whole picture: panels whose rows are the classes, when each is seen, and sampled images below them."""
    dataset, train_id = collection.dataset, _train_id(made.sampler, collection.space, picked)
    chosen = [] if dataset is None or (train_id is None and picked != ANY) else _chosen(made, train_id)
    samples = [(dataset[item], shown) for shown, item in chosen] if dataset is not None else []
    height, width = to_numpy(samples[0][0]["image"]).shape[-2:] if samples else (1, 8)
    below = 0.35 + math.ceil(len(samples) / COLUMNS) * (12.6 / COLUMNS * height / width + 0.3)
    figure = Picture(figsize=(12.6, 5.0 + below), layout="constrained", dpi=100)
    FigureCanvasAgg(figure)
    parts = figure.subfigures(2, 1, height_ratios=(5.0, below), squeeze=False)
    top, bottom = parts.ravel().tolist()
    top.suptitle(title, fontsize=11)
    _panels(top, made, collection.space, train_id, batch_size)
    _images(bottom, samples, collection.space, _caption(collection, made.sampler, picked, train_id))
    return figure


def _panels(figure: SubFigure, made: _Sampled, space: LabelSpace, picked: int | None, batch_size: int) -> None:
    sampler, names = made.sampler, [space.names[c] for c in made.sampler.classes]
    grid = figure.subplots(1, 4, width_ratios=(0.8, 1.0, 1.1, 1.2), squeeze=False)
    shares, probabilities, pixels, unseen = grid.ravel().tolist()
    totals = np.array([sampler.statistics.totals()[c] for c in sampler.classes], dtype=np.float64)
    share_panel(shares, totals / totals.sum(), names)
    probability_panel(probabilities, sampler, made.draws, f"P(c); crosses: {len(made.draws.items)} draws")
    sampled_panel(pixels, sampler, space, made.draws)
    for panel in (probabilities, pixels):
        panel.set(ylim=shares.get_ylim(), yticks=shares.get_yticks(), yticklabels=[])
    if picked is not None:
        row = sampler.classes.index(picked)
        for panel in (shares, probabilities, pixels):
            panel.axhspan(row - 0.5, row + 0.5, color="#F0E442", alpha=0.35, zorder=0)
        shares.get_yticklabels()[row].set_fontweight("bold")
    drawable = [c for c in sampler.classes if sampler.candidates[c]][:3]
    shown = drawable if picked is None else [picked]
    unseen_panel(unseen, sampler, space, shown, batch_size=batch_size, more_than=sampler.min_pixels)


def _chosen(made: _Sampled, train_id: int | None) -> list[tuple[int, int]]:
    """Up to :data:`SHOWN` pairs (class, item): the first draws, or candidates of a class in random order."""
    if train_id is None:
        pairs = zip(made.draws.train_ids.tolist(), made.draws.items.tolist(), strict=True)
        return list(pairs)[:SHOWN]
    items = made.sampler.candidates[train_id]
    order = numpy_generator("rare class explorer", made.sampler.seed, train_id).permutation(len(items))
    return [(train_id, items[i]) for i in order[:SHOWN]]


def _images(figure: SubFigure, samples: list[tuple[Any, int]], space: LabelSpace, caption: str) -> None:
    figure.suptitle(caption, fontsize=10)
    grid = figure.subplots(max(1, math.ceil(len(samples) / COLUMNS)), COLUMNS, squeeze=False).ravel()
    for axes in grid:
        axes.axis("off")
    for axes, (sample, train_id) in zip(grid, samples, strict=False):
        drawn_image(axes, sample, train_id, space)


def _caption(collection: Collection, sampler: RareClassSampler, picked: str, train_id: int | None) -> str:
    if collection.dataset is None:
        return "only statistics are given: there are no images to show"
    if picked == ANY:
        return "the first images drawn; outlined: the class that each was drawn for"
    if train_id is None:
        return f"{picked} does not occur in these labels"
    found = len(sampler.candidates[train_id])
    return f"{found} of {len(sampler.statistics.images)} images may be drawn for {picked} (outlined); some of them"


def _message(title: str, text: str) -> Picture:
    figure = Picture(figsize=(12.6, 2.0), layout="constrained", dpi=100)
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    axes.axis("off")
    axes.set_title(title, fontsize=11)
    axes.text(0.5, 0.5, "\n".join(textwrap.wrap(text, 110)), ha="center", va="center", fontsize=10)
    return figure


def known_collections(length: int = 400, size: tuple[int, int] = (64, 128)) -> dict[str, Collection]:
    """Streets of the source and the target style, and CamVid where it is on the disk, for the explorer."""
    styles = {f"streets, {style}": Streets(style, length=length, size=size) for style in ("source", "target")}
    found: dict[str, Collection] = {name: Collection.of_dataset(streets) for name, streets in styles.items()}
    with contextlib.suppress(DataError):
        found["CamVid"] = Collection.of_dataset(create_dataset("camvid"))
    return found
