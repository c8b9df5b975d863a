"""Two folders of images and one of labels as the data of the recipes ``own/...`` and ``own-pretrained/...``.

The recipes are complete but for the data; what is found in the folders becomes overrides of them, so that runs, reports
and the command line know nothing of where the images came from.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from udalib.core.errors import ConfigError, DataError
from udalib.core.types import IGNORE_INDEX
from udalib.data import LabelSpace, label_space, listed
from udalib.data.sets.survey import IGNORED, Survey, infer_ids, survey_folder
from udalib.recipes.registry import get_recipe
from udalib.recipes.runner import RunResult, run_recipe
from udalib.recipes.spec.specs import Recipe

RARE = 0.0015
"""Share of an image's pixels from which on Rare Class Sampling counts a class: 3000 pixels of a GTA5 image."""


@dataclass(frozen=True)
class OwnDomains:
    """A labelled source and an unlabelled target in folders, looked through.

    Attributes:
        source: images, labels and raw ids of the source.
        target: the same of the target; its ids are empty where nothing can be scored.
        labels: folder of the source's labels.
        target_labels: folder of the target's, if there is one.
        names: of the classes, in the order of the train ids.
        ids: raw id to train id, 255 = ignored.
        label_suffix: end of the label files' names, if it is not that of an image alone.
        hold_out: every so-many-th image is scored and not trained on; 0 scores what is trained on.
    """

    source: Survey
    target: Survey
    labels: Path
    target_labels: Path | None
    names: tuple[str, ...]
    ids: Mapping[int, int]
    label_suffix: str | None = None
    hold_out: int = 5

    @property
    def label_space(self) -> LabelSpace:
        """The classes, as every run of these folders has them."""
        return label_space(listed(self.names))

    def overrides(self, recipe: str = "own/dacs", preset: str = "laptop") -> dict[str, Any]:
        """What makes ``recipe`` one of these folders: dotted path to value, for :func:`udalib.recipes.run_recipe`.

        Raises:
            ConfigError: the recipe's streams are no folders.
        """
        base = get_recipe(recipe, preset)
        if any(stream.dataset.name != "folder" for stream in base.streams):
            raise ConfigError(f"recipe {recipe!r} has data of its own; choose one of own/... or own-pretrained/....")
        found: dict[str, Any] = {"label_space": listed(self.names)}
        if self.target_labels is None:
            found["evaluations"] = tuple(e for e in base.evaluations if e.name != "target")
        for stream in base.streams:
            found |= self._dataset(f"streams.{stream.name}.dataset", stream.name, stream.name == "source")
        for name in ("source",) if self.target_labels is None else ("target", "source"):
            found |= self._dataset(f"evaluations.{name}.dataset", name, True)
        return found | self._rare_classes(base)

    def run(
        self,
        recipe: str = "own/dacs",
        preset: str = "laptop",
        seed: int = 0,
        device: str = "auto",
        overrides: Mapping[str, Any] | None = None,
        out: str | os.PathLike[str] | None = None,
    ) -> RunResult:
        """Run ``recipe`` on these folders; arguments as :func:`udalib.recipes.run_recipe`, whose ``overrides`` win."""
        changes = {**self.overrides(recipe, preset), **(overrides or {})}
        return run_recipe(recipe, preset, seed, device, changes, out)

    def text(self) -> str:
        """What was found, line by line."""
        lines = [_line("source", self.source), _line("target", self.target)]
        total = sum(self.source.ids.values())
        for train_id, name in enumerate(self.names):
            raw = [i for i, t in self.ids.items() if t == train_id]
            pixels = sum(self.source.ids.get(i, 0) for i in raw)
            lines.append(f"class {train_id} {name}: {_shown(raw)}, {100 * pixels / total:.2f} % of the source")
        ignored = [i for i, t in self.ids.items() if t == IGNORE_INDEX and i in self.source.ids]
        lines += [f"ignored: {_shown(ignored)}"] if ignored else []
        return "\n".join([*lines, *(f"remark: {d}" for d in (*self.source.remarks, *self.target.remarks))])

    def __str__(self) -> str:
        return self.text()

    def _dataset(self, place: str, domain: str, labelled: bool) -> dict[str, Any]:
        """Options of one of the recipe's data sets."""
        images, labels = (
            (self.source.folder, self.labels) if domain == "source" else (self.target.folder, self.target_labels)
        )
        divided = self.hold_out if domain == "source" or self.target_labels is not None else 0
        found: dict[str, Any] = {"images": str(images.resolve()), "hold_out": divided}
        found["label_space"] = listed(self.names)
        if labelled and labels is not None:
            found |= {"labels": str(labels.resolve()), "decode": "ids16"}
            found |= {"label_suffix": self.label_suffix} if self.label_suffix else {}
            found["ids"] = {str(raw): train for raw, train in self.ids.items()}
        return {f"{place}.{key}": value for key, value in found.items()}

    def _rare_classes(self, recipe: Recipe) -> dict[str, Any]:
        """Rare Class Sampling counts pixels of whole labels, then those of crops of images at the recipe's size."""
        found: dict[str, Any] = {}
        for stream in recipe.streams:
            sizes = [t.options["size"] for t in stream.sample_transforms if t.name == "same_area"]
            if stream.sampler.name == "rare_class" and sizes:
                place = f"streams.{stream.name}.sampler"
                found[f"{place}.min_pixels"] = max(1, round(RARE * self.source.pixels))
                found[f"{place}.min_crop_ratio"] = round(0.5 * sizes[0][0] * sizes[0][1] / self.source.pixels, 6)
        return found


def own_domains(
    source: str | os.PathLike[str],
    labels: str | os.PathLike[str],
    target: str | os.PathLike[str],
    target_labels: str | os.PathLike[str] | None = None,
    *,
    classes: Mapping[int, str] | Sequence[str] | None = None,
    ignore: Sequence[int] = (),
    label_suffix: str | None = None,
    hold_out: int = 5,
    progress: bool = False,
) -> OwnDomains:
    """Look through folders of one's own and say what their labels mean.

    Args:
        source: folder of labelled images, any sizes; grey, transparent and turned ones become upright RGB.
        labels: folder of their labels: one grey or palette picture an image, under its name, with up to 16 bits.
        target: folder of unlabelled images.
        target_labels: labels of the target, coded as the source's, if adaptation is to be scored; never trained on.
        classes: raw id to name (ids of one name are one class), or the names of the ids that occur, ascending; by
            default the ids are the classes, see :func:`udalib.data.sets.survey.infer_ids`.
        ignore: raw ids that are no class, beside 255 and 65535.
        label_suffix: see :class:`udalib.data.SegmentationFolder`.
        hold_out: every so-many-th image of a labelled folder is scored and not trained on; 0 scores all of them.
        progress: show progress bars.

    Raises:
        DataError: a folder is missing or empty, an image has no label or one of another size, an id is not among the
            classes, or there is one class only.
        ConfigError: names that do not fit the ids.
    """
    found = survey_folder(source, labels, label_suffix=label_suffix, progress=progress)
    aim = survey_folder(target, target_labels, label_suffix=label_suffix, progress=progress)
    ids, names = name_ids(found.ids, classes, ignore)
    for each in (found, aim):
        _check_known(each, ids)
    occurring = {ids[raw] for raw in found.ids} - {IGNORE_INDEX}
    if len(occurring) < 2:
        only = f"{names[next(iter(occurring))]!r}" if occurring else "none at all"
        raise DataError(
            f"the labels in {labels} show one class only ({only}; {_shown(found.ids)}): there is nothing to tell "
            "apart. Check the files, or name the ids in classes={id: name}."
        )
    scored = None if target_labels is None else Path(target_labels)
    return OwnDomains(found, aim, Path(labels), scored, names, ids, label_suffix, hold_out)


def name_ids(
    found: Mapping[int, int], classes: Mapping[int, str] | Sequence[str] | None, ignore: Sequence[int] = ()
) -> tuple[dict[int, int], tuple[str, ...]]:
    """Raw id to train id, and the classes' names, of the ids ``found`` (id to pixels); see :func:`own_domains`.

    >>> name_ids({0: 10, 255: 5}, {0: "other", 255: "road"})
    ({0: 0, 255: 1, 65535: 255}, ('other', 'road'))
    """
    if isinstance(classes, Mapping):
        names = tuple(dict.fromkeys(classes.values()))
        ids = {int(raw): names.index(name) for raw, name in classes.items()}
        left_out = {raw: IGNORE_INDEX for raw in (*ignore, *IGNORED) if raw not in ids}
        return {**ids, **left_out}, names
    ids = infer_ids(found, ignore)
    raws = [raw for raw, train in ids.items() if train != IGNORE_INDEX]
    if len(raws) >= IGNORE_INDEX:
        raise DataError(
            f"the labels hold {len(raws)} different ids, more than there can be classes. Masks that were resized "
            "smoothly look like that; make them anew with nearest neighbour, or name the ids in classes={id: name}."
        )
    names = tuple(classes) if classes else tuple(f"id {raw}" for raw in raws)
    if len(names) != len(raws):
        raise ConfigError(
            f"{len(names)} names were given ({', '.join(names)}), but the labels hold {len(raws)} classes, "
            f"{_shown(raws)}. Say which is which: classes={{id: name}}, and ignore=[id, ...] for what is none."
        )
    return ids, names


def _check_known(survey: Survey, ids: Mapping[int, int]) -> None:
    unknown = [raw for raw in survey.ids if raw not in ids and raw not in IGNORED]
    if unknown:
        known = sorted(raw for raw, train in ids.items() if train != IGNORE_INDEX)
        raise DataError(
            f"{survey.first[unknown[0]]}: this label has the unknown {_shown(unknown)}; the classes are "
            f"{_shown(known)}. Name them in classes={{id: name}}, or leave them out with ignore=[id, ...]."
        )


def _shown(ids: Iterable[int], most: int = 12) -> str:
    every = list(ids)
    more = f", ... ({len(every)})" if len(every) > most else ""
    return f"id{'s' * (len(every) != 1)} {', '.join(map(str, every[:most]))}{more}"


def _line(title: str, survey: Survey) -> str:
    sizes = [f"{w} x {h}" for h, w in survey.sizes]
    several = f"{len(sizes)} sizes, most often {sizes[0]}" if len(sizes) > 1 else sizes[0]
    return f"{title}: {survey.images} images of {several}, in {survey.folder}"
