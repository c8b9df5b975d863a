"""The choices of QuadMix: which classes are cut from which sample, and which patches of rare classes go on top.

Everything is drawn from the house's draws and chosen on the device by tables of classes, so that nothing waits for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import torch
from torch import Tensor

from udalib.core.draws import Draws
from udalib.core.errors import ConfigError, unknown_name
from udalib.core.types import IGNORE_INDEX, Batch
from udalib.ops.clips import Clip
from udalib.ops.mixing import IDS, present_classes
from udalib.ops.quad_mixing import (
    Patches,
    Paths,
    Template,
    choose_some,
    class_template,
    positions_in_list,
)

PATHS = tuple(field.name for field in fields(Paths))


@dataclass(frozen=True)
class QuadMixer:
    """How templates and patches are chosen.

    Attributes:
        source_classes: how many classes of a source sample make its template.
        target_classes: how many classes of a target sample, others than the source template's, make its template.
        rare_classes: ids that patches are cut of; an id that is listed twice is drawn twice as often.
        rare_pixels: a patch needs more pixels of its class than this.
        with_rare: the source template shows every rare class as well.
        official: 255 counts as a class, and what is kept out of the target template are the positions of the source
            classes in their list, taken for ids.
    """

    source_classes: int = 2
    target_classes: int = 2
    rare_classes: tuple[int, ...] = ()
    rare_pixels: int = 50
    with_rare: bool = False
    official: bool = False

    def __post_init__(self) -> None:
        if min(self.source_classes, self.target_classes, self.rare_pixels) < 0:
            raise ConfigError(
                f"{self.source_classes} source classes, {self.target_classes} target classes and {self.rare_pixels} "
                "rare pixels: none of them may be negative."
            )
        if any(not 0 <= c < IGNORE_INDEX for c in self.rare_classes):
            raise ConfigError(f"rare_classes are {self.rare_classes}; give train ids from 0 to 254.")

    def templates(self, stored: tuple[Clip, Clip, Tensor], draws: Draws) -> tuple[Template, Template]:
        """Source and target template of each sample from the clips of a bank.

        A sample with fewer classes than wanted gives those it has, one without any an empty template.
        """
        source, target, valid = stored
        order = draws.noise(2, IDS).to(source.frames.device, non_blocking=True)
        present = self._present(source.label)
        chosen = choose_some(present, order[:, 0], self.source_classes)
        excluded = positions_in_list(chosen, present) if self.official else chosen
        others = self._present(target.label) & ~excluded
        target_chosen = choose_some(others, order[:, 1], self.target_classes)
        if self.with_rare:
            chosen = chosen | (self._multiplicity(chosen.device) > 0)
        return class_template(source, chosen), class_template(target, target_chosen, valid)

    def patches(self, batch: Batch, samples: int, draws: Draws) -> Patches:
        """Patches of rare classes from a batch of N * ``samples`` labelled images: the first N are the first sample's.

        Of each image one rare class that it shows in more than :attr:`rare_pixels` pixels; none gives no patch.

        Raises:
            ConfigError: the batch is no multiple of ``samples``.
        """
        image, label = batch["image"], batch["label"]
        number = len(image) // samples
        if number * samples != len(image) or not number:
            raise ConfigError(
                f"the stream of rare classes brings {len(image)} images for {samples} samples; its batch size must be "
                "a multiple of the source's."
            )
        order = draws.noise(number, IDS).to(label.device, non_blocking=True).flatten(0, 1)
        times = self._multiplicity(label.device)
        counts = torch.zeros(len(label), IDS, dtype=torch.int64, device=label.device)
        flat = label.flatten(1)
        counts.scatter_add_(1, flat, torch.ones_like(flat))
        able = (counts > self.rare_pixels) & (times > 0)
        chosen = choose_some(able, 1 - (1 - order) ** (1 / times.clamp(min=1)), 1)
        ids = torch.where(chosen.any(1), chosen.long().argmax(1), -1)
        parts = (image, label, ids)
        return Patches(*(part.unflatten(0, (samples, number)) for part in parts))

    def _present(self, label: Tensor) -> Tensor:
        present = present_classes(label)
        if not self.official:
            present[:, IGNORE_INDEX] = False
        return present

    def _multiplicity(self, device: torch.device) -> Tensor:
        """How often each id is listed, float32 (256,)."""
        times = torch.zeros(IDS)
        for c in self.rare_classes:
            times[c] += 1
        return times.to(device, non_blocking=True)


def paths_of(names: Sequence[str]) -> Paths:
    """The pastes that are named; the others are off.

    Raises:
        UnknownNameError: an unknown name.
    """
    for name in names:
        if name not in PATHS:
            raise unknown_name("path of QuadMix", name, PATHS)
    return Paths(**{name: name in names for name in PATHS})
