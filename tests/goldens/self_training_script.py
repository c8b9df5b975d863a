"""The choices that a golden file of DACS, DAFormer or MIC records, in the form our pieces take them."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from typing import Any

import torch
from harness import Case
from torch import Tensor

from udalib.methods.daformer import DAFormer
from udalib.methods.shared.labelled import Labelled
from udalib.ops import block_mask, class_mask, mask_images, pseudo_labels
from udalib.ops.augmentation import Choices, augment
from udalib.ops.scales import Box

ADJUSTMENTS = ("brightness_factor", "contrast_factor", "saturation_factor", "hue_factor")


def chosen_table(chosen: Sequence[Sequence[int]]) -> Tensor:
    """Listed ids of each sample as a table, bool (B, 256)."""
    table = torch.zeros(len(chosen), 256, dtype=torch.bool)
    for row, ids in zip(table, chosen, strict=True):
        row[list(ids)] = True
    return table


def choices(jitters: Sequence[Any] | None, sigmas: Sequence[float] | None) -> Choices:
    """Jitter parameters of kornia and blur sigmas; none of either means that it was not done."""
    return Choices(
        tuple(tuple(entry["order"]) for entry in jitters or ()),
        tuple(_factors(entry) for entry in jitters or ()),
        torch.tensor(sigmas) if sigmas else None,
    )


def _factors(entry: dict[str, Any]) -> tuple[float, float, float, float]:
    brightness, contrast, saturation, hue = (float(entry[name][0]) for name in ADJUSTMENTS)
    return brightness, contrast, saturation, hue


def unit_images(case: Case, name: str) -> Tensor:
    """Input ``name`` (B, 3, H, W) uint8 as float in [0, 1]."""
    return case.tensor(name).float() / 255


def normalised(case: Case, images: Tensor) -> Tensor:
    """Images in [0, 1] by the mean and the deviation that the file names."""
    mean, std = (torch.tensor(case.config[key]).view(3, 1, 1) for key in ("mean", "std"))
    return (images * 255 - mean) / std


class Script:
    """Makes a method take the choices of a file instead of drawing its own, and keeps what it shows its student.

    Attributes:
        iterations: 0, 1, ...
        seen: of the last iteration: "logits" and "pseudo" of the teacher, the "mixed" and "masked" batches.
    """

    def __init__(self, case: Case, method: DAFormer) -> None:
        self.case, self.method = case, method
        self.iterations = range(sum(name.endswith("_source_uint8") for name in case.inputs))
        self.seen: dict[str, Any] = {}
        self.source: dict[str, Tensor] = {}
        self.boxes: list[Box] = []
        self._take_over()

    def batches(self, t: int) -> dict[str, dict[str, Tensor]]:
        """Source and target of iteration ``t``; sets the scene for what is drawn in it."""
        self.seen.clear()
        self.boxes = [Box(*box) for box in self._info(t).get("boxes_source_mixed_masked", [])]
        source = {
            "image": unit_images(self.case, f"t{t}_source_uint8"),
            "label": self.case.tensor(f"t{t}_source_label")[:, 0].long(),
        }
        self.source = source
        target = {"image": unit_images(self.case, f"t{t}_target_uint8")}
        if f"t{t}_valid_mask" in self.case.inputs:
            target["valid"] = self.case.tensor(f"t{t}_valid_mask")[:, 0]
        return {"source": source, "target": target}

    def rates(self, t: int) -> tuple[float, float]:
        """Learning rates of encoder and head."""
        encoder, head = self.case.config.get("lrs_used", [[6e-5, 6e-4]] * (t + 1))[t]
        return encoder, head

    def _info(self, t: int) -> dict[str, Any]:
        config = self.case.config
        if "info" in config:
            return dict(config["info"][t])
        return {"chosen_classes": config["chosen_classes"][t], "sigmas": config["blur_sigmas"][t]}

    def _draws(self, t: int) -> tuple[float, ...]:
        listed = self.case.config["draws"].split(": ", 1)[1]
        return tuple(ast.literal_eval(listed)[t])

    def choices(self, purpose: str, t: int) -> Choices:
        """What was drawn for one augmentation: sigmas come in the order of use, one a sample, one for the masked."""
        info, draws = self._info(t), self._draws(t)
        jitters, sigmas = list(info.get("jitter_params", [])), list(info["sigmas"])
        mixed = draws[1] > 0.5
        samples = len(info["chosen_classes"]) if mixed else 0
        if purpose == "mixed":
            return choices(jitters if draws[0] > 0.2 else None, sigmas[:samples])
        if draws[2] > 0.2:
            raise ValueError("this file jitters in the masked branch, in a form that is not known here")
        rest = sigmas[samples:]
        return choices(None, rest * len(info["chosen_classes"]) if len(rest) == 1 else rest)

    def _take_over(self) -> None:
        """Replace, in this one method, what draws, and watch what passes."""
        method: Any = self.method
        method.mixing_mask = lambda label, t: class_mask(label, chosen_table(self._info(t)["chosen_classes"]))
        method.strongly_augmented = lambda images, purpose, t: augment(images, self.choices(purpose, t))
        method.masked = self._masked
        method.learn = self._watched(method.learn)
        method.teacher.forward = self._heard(method.teacher.forward)
        if hasattr(method.network, "crop_box"):
            method.network.crop_box = lambda size, draws: self.boxes.pop(0)

    def _masked(self, images: Tensor, t: int) -> Tensor:
        method: Any = self.method
        if method.mask_augment:
            images = augment(images, self.choices("masked", t))
        noise = self.case.tensor(f"t{t}_mask_uniform")[:, 0]
        kept = block_mask(noise, (images.shape[-2], images.shape[-1]), method.mask_ratio)
        return mask_images(images, kept, method.network.mean_color)

    def _watched(self, learn: Any) -> Any:
        def watched(batch: Labelled, name: str, t: int) -> Any:
            self.seen[name] = batch
            return learn(batch, name, t)

        return watched

    def _heard(self, forward: Any) -> Any:
        def heard(images: Tensor) -> Tensor:
            logits: Tensor = forward(images)
            self.seen.update(logits=logits, pseudo=pseudo_labels(logits))
            return logits

        return heard
