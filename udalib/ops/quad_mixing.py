"""QuadMix: four pastes of class-aware patch templates, inside and across two domains, on images and clips.

Quadmix sheet, sections 1, 3.4 and 4.5. A source and a target template are cut from the samples of the iteration
before; both are pasted into the source sample (S to S, then T over it) and into the target sample (S, then T to T). The
two results are learned. On top of that, or between the two, come single patches of rare classes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from udalib.core.errors import ConfigError
from udalib.ops.clips import Clip, paste
from udalib.ops.mixing import class_mask


@dataclass(frozen=True)
class Paths:
    """Which of the four pastes are made.

    Attributes:
        source_to_source: the source template on the source sample.
        target_to_target: the target template on the target sample.
        target_to_source: the target template on the source sample.
        source_to_target: the source template on the target sample.
    """

    source_to_source: bool = True
    target_to_target: bool = True
    target_to_source: bool = True
    source_to_target: bool = True


ALL_PATHS = Paths()


class Template(NamedTuple):
    """What is cut out of earlier samples: ``clip`` where ``mask``, bool (B, T, H, W), is true."""

    clip: Clip
    mask: Tensor


class Patches(NamedTuple):
    """N patches of rare classes for each sample, pasted in order, so that a later one wins.

    Attributes:
        images: float (B, N, 3, H, W).
        labels: int64 (B, N, H, W).
        classes: the class of each that is pasted, int64 (B, N); -1: none.
    """

    images: Tensor
    labels: Tensor
    classes: Tensor

    @property
    def masks(self) -> Tensor:
        """Where each patch goes, bool (B, N, H, W)."""
        return self.labels == self.classes[..., None, None]


class QuadMixed(NamedTuple):
    """The four mixed samples.

    Attributes:
        ss, st: source and target with what lies under the target template; intermediate.
        tss, tst: the two quad-mixed samples, which are learned.
        patched: how many rare-class patches cover a pixel, int64 (B, H, W), covered by the target template or not.
        pasted: where anything was pasted into the current frame by both, bool (B, H, W).
    """

    ss: Clip
    st: Clip
    tss: Clip
    tst: Clip
    patched: Tensor
    pasted: Tensor


def quad_mix(
    source: Clip,
    target: Clip,
    source_template: Template,
    target_template: Template,
    patches: tuple[Patches | None, Patches | None] = (None, None),
    *,
    paths: Paths = ALL_PATHS,
    patches_on_top: bool = True,
    official: bool = False,
) -> QuadMixed:
    """Mix ``source`` and ``target`` clips along the four paths.

    Args:
        source: clips with labels.
        target: clips with pseudo labels, of the source's length and size.
        source_template: pasted first.
        target_template: pasted over it, so that it wins where both are.
        patches: for the source and for the target sample.
        paths: the pastes that are made.
        patches_on_top: patches lie over the target template (published for images), or under it (for video).
        official: see :func:`udalib.ops.clips.paste`.
    """
    pasted_source = (paths.source_to_source, paths.source_to_target)
    pasted_target = (paths.target_to_source, paths.target_to_target)
    under, over = [], []
    for i, sample in enumerate((source, target)):
        mixed = paste(source_template.mask, source_template.clip, sample, official=official)
        mixed = mixed if pasted_source[i] else sample
        mixed = mixed if patches_on_top else paste_patches(mixed, patches[i])
        under.append(mixed)
        mixed = (
            paste(target_template.mask, target_template.clip, mixed, official=official) if pasted_target[i] else mixed
        )
        over.append(paste_patches(mixed, patches[i]) if patches_on_top else mixed)
    patched = _count(patches[0], source.label)
    nothing = torch.zeros_like(source_template.mask[:, -1])
    both_source = source_template.mask[:, -1] if all(pasted_source) else nothing
    both_target = target_template.mask[:, -1] if all(pasted_target) else nothing
    shared = patched > 0 if patches[0] is patches[1] else nothing
    return QuadMixed(under[0], under[1], over[0], over[1], patched, both_source | both_target | shared)


def paste_patches(clip: Clip, patches: Patches | None) -> Clip:
    """Paste still patches on every frame: images and labels; weights and flow stay as they are.

    Raises:
        ConfigError: the patches differ from the clip in size or number of samples.
    """
    if patches is None:
        return clip
    want = (clip.frames.shape[0], *clip.frames.shape[2:])
    if (patches.images.shape[0], *patches.images.shape[2:]) != want:
        raise ConfigError(
            f"patches of {tuple(patches.images.shape)} do not fit clips of {tuple(clip.frames.shape)}; give their "
            "stream the crop of the others and a multiple of their batch size."
        )
    frames, labels = clip.frames, clip.labels
    for image, label, mask in zip(*(part.unbind(1) for part in (*patches[:2], patches.masks)), strict=True):
        frames = torch.where(mask[:, None, None], image[:, None], frames)
        labels = torch.where(mask[:, None], label[:, None], labels)
    return clip._replace(frames=frames, labels=labels)


def class_template(clip: Clip, chosen: Tensor, valid: Tensor | None = None) -> Template:
    """The pixels of ``clip`` that show an id of ``chosen``, bool (B, 256), in every frame where ``valid`` is true.

    Args:
        clip: with its labels.
        chosen: ids; none gives an empty template.
        valid: bool (B, T, H, W); None: everywhere.
    """
    masks = torch.stack([class_mask(label, chosen) for label in clip.labels.unbind(1)], 1)
    return Template(clip, masks if valid is None else masks & valid)


def choose_some(present: Tensor, priority: Tensor, count: int) -> Tensor:
    """Choose ``count`` of the ids that are ``present``, or all of them if there are fewer: the lowest ``priority``.

    Args:
        present: bool (B, 256).
        priority: float (B, 256) in [0, 1), uniform at random: a choice without replacement.
        count: how many.

    Returns:
        bool (B, 256).
    """
    order = priority.masked_fill(~present, 2.0).argsort(1).argsort(1)
    return (order < count) & present


def positions_in_list(chosen: Tensor, present: Tensor) -> Tensor:
    """The POSITIONS that ``chosen`` ids have in the sorted list of those ``present``, as a table, bool (B, 256).

    The published image code takes these for class ids when it keeps the source's classes out of the target template.

    >>> present = torch.zeros(1, 256, dtype=torch.bool)
    >>> present[0, [3, 7, 9]] = True
    >>> chosen = torch.zeros_like(present)
    >>> chosen[0, 9] = True
    >>> positions_in_list(chosen, present).nonzero().tolist()
    [[0, 2]]
    """
    place = (present.long().cumsum(1) - 1).clamp(min=0)
    return torch.zeros_like(present, dtype=torch.int64).scatter_add_(1, place, (chosen & present).long()) > 0


def _count(patches: Patches | None, label: Tensor) -> Tensor:
    return torch.zeros_like(label) if patches is None else patches.masks.sum(1)
