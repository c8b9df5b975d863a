"""A folder of predicted label PNGs scored against a recipe's evaluation set: AdaptSegNet's compute-IoU alone.

Which file belongs to which image: file and image are compared by name without suffix, after one of :data:`ENDINGS` and
then ``_leftImg8bit`` were taken off, so ``a.png``, ``a_label.png`` and, for Cityscapes, ``a_gtFine_labelTrainIds.png``
all belong to ``a`` or ``a_leftImg8bit``. Sub-folders are searched; pictures (``_color``, ``_overlay``) are not read.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from udalib.core.errors import DataError
from udalib.data import label_space
from udalib.data.sets.files import SegmentationFiles
from udalib.data.sets.reading import FileError, read_ids
from udalib.metrics import ConfusionMatrix
from udalib.recipes.apply.evaluate import Evaluation, describe, published_numbers
from udalib.recipes.apply.predictor import Numbering
from udalib.recipes.build import build_dataset
from udalib.recipes.spec.specs import EvaluationSpec, Recipe

ENDINGS = ("_gtFine_labelTrainIds", "_labelTrainIds", "_trainIds", "_label", "_pred")
PICTURES = ("_color", "_overlay")
IMAGE_ENDING = "_leftImg8bit"


def sample_names(dataset: Any) -> list[str]:
    """File name, without suffix, of every sample's prediction; images are decoded only if there is no other way."""
    inner = dataset
    while not isinstance(inner, SegmentationFiles) and hasattr(inner, "dataset"):
        inner = inner.dataset
    if isinstance(inner, SegmentationFiles):
        names: Iterable[str] = (item.name for item in inner.items[: len(dataset)])
    else:
        names = (dataset[i]["name"] for i in range(len(dataset)))
    return list(map(Numbering(), names))


def core_name(stem: str) -> str:
    """``stem`` without the endings that say what a file holds.

    >>> core_name("bochum_000000_000313_gtFine_labelTrainIds"), core_name("bochum_000000_000313_leftImg8bit_label")
    ('bochum_000000_000313', 'bochum_000000_000313')
    """
    ending = next((e for e in ENDINGS if stem.endswith(e)), "")
    return stem.removesuffix(ending).removesuffix(IMAGE_ENDING)


def match_files(folder: Path, names: Sequence[str]) -> dict[str, Path]:
    """The PNG under ``folder`` for each of ``names``; other files are left alone.

    Raises:
        DataError: there is no folder, an image has no file, or two.
    """
    if not folder.is_dir():
        raise DataError(f"there is no folder {folder}; --predictions takes a folder of label PNGs.")
    cores = Counter(map(core_name, names))
    wanted = {core_name(name): name for name in names if cores[core_name(name)] == 1} | {name: name for name in names}
    found: dict[str, list[Path]] = defaultdict(list)
    for path in sorted(folder.rglob("*.png")):
        if path.stem in wanted or not path.stem.endswith(PICTURES):
            name = wanted.get(path.stem) or wanted.get(core_name(path.stem))
            found[name or ""].append(path)
    missing = [name for name in names if name not in found]
    if missing:
        shown = ", ".join(missing[:3]) + (", ..." if len(missing) > 3 else "")
        raise DataError(
            f"{len(missing)} of {len(names)} images have no prediction in {folder}: {shown}. Put an 8-bit PNG of train "
            f"ids for each there, named like the image ({missing[0]}.png, or with {', '.join(ENDINGS)} before .png)."
        )
    for name in names:
        if len(found[name]) > 1:
            first, second, *_ = found[name]
            raise DataError(f"{first} and {second} both belong to the image {name}; take one of them away.")
    return {name: found[name][0] for name in names}


def score_predictions(
    folder: Path, recipe: Recipe, spec: EvaluationSpec, *, skip_mismatched: bool = False
) -> Evaluation:
    """Score label PNGs of train ids, 8 bit, at the labels' size, against the set of ``spec``.

    The published code does not check predicted ids; here a pixel predicted as none of the classes (255, say) is a miss
    of its true class, and ``outside`` in the scores counts them.

    Args:
        folder: the PNGs, see :func:`match_files`.
        recipe: whose label space is used.
        spec: one of its evaluations.
        skip_mismatched: leave images out whose prediction has another size, as the published code does.

    Raises:
        DataError: files are missing, are no label PNGs, or (without ``skip_mismatched``) have another size.
    """
    space, dataset = label_space(recipe.label_space), build_dataset(spec.dataset, recipe.label_space)
    names = sample_names(dataset)
    files = match_files(folder, names)
    matrix, skipped = ConfusionMatrix(space.num_classes), []
    for i, name in enumerate(names):
        label = _label(dataset[i])
        predicted = torch.from_numpy(read_ids(files[name], "ids", space))
        if predicted.shape == label.shape:
            matrix.update(predicted, label)
        elif skip_mismatched:
            skipped.append(name)
        else:
            raise _mismatch(files[name], predicted, label)
    if len(skipped) == len(names):
        raise DataError(f"none of the {len(names)} predictions in {folder} has the size of its label; resize them.")
    subsets = {name: space.subset(name) for name in spec.subsets}
    scores = matrix.scores(space.names, subsets) | {"images": len(names) - len(skipped)}
    protocol = describe(recipe, spec, scores["images"]) | {"predictions": str(folder), "skipped": skipped}
    return Evaluation(protocol, scores, () if skipped else published_numbers(recipe, spec))


def _label(sample: Any) -> Tensor:
    if "label" not in sample:
        raise DataError(f"sample {sample.get('name', '?')} has no label; evaluate on a labelled split.")
    label: Tensor = sample["label"]
    return label


def _mismatch(path: Path, predicted: Tensor, label: Tensor) -> FileError:
    (h, w), (lh, lw) = predicted.shape, label.shape
    what = f"this prediction is {w} x {h} pixels, its label {lw} x {lh}"
    remedy = (
        "Predict at the label's size (resize the logits before the arg-max), or leave such images out with "
        "--skip-mismatched, as the published code does."
    )
    return FileError("size-mismatch", path, what, remedy)
