"""Pieces whose cost grows with a size, each with another way to compute the same written down beside it.

``PEERS`` says what the other way is. It computes what ours does (tests/benchmarks/test_kernels.py holds the two
together), but for the attention over all cells, which is what CFPT's groups are there to avoid.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
import torch.nn.functional as F
from _rounds import Call
from classification import CHANNELS, our_messages, published_messages, step_of
from torch import Tensor, nn

from udalib.data.sampling.rare_class import RareClassSampler
from udalib.data.sampling.stats import ClassStatistics
from udalib.models.cfpt.attention import CrossLayerSpatialAttention
from udalib.ops.contrastive import one_hot, pixel_contrast, positive_share, unit
from udalib.ops.ema import update_teacher
from udalib.ops.mixing import choose_half, class_mask, mix, present_classes

PEERS = {
    "pixel contrast": "the whole table of similarities, kept for the backward pass",
    "cfpt attention": "one attention over all cells of all levels, the same projections around it",
    "group k-nn": "the published construction: whole tables of positions and distances",
    "classmix": "image by image: the ids listed on the host, one comparison an id",
    "teacher": "parameter by parameter",
    "rcs": "file names in lists, as published: every draw makes an array of its list",
}
DIMENSION, CLASSES, TEMPERATURE, BATCH, WIDTH, DRAWS = 128, 19, 0.5, 2, 256, 100


def rng(device: torch.device) -> torch.Generator:
    """A generator of ``device`` that starts alike every time."""
    return torch.Generator(device).manual_seed(0)


def dense_contrast(teacher: Tensor, student: Tensor, label: Tensor) -> Tensor:
    """The loss of one window that covers the map, with its N x N similarities in memory."""
    rows, others = (unit(x.permute(0, 2, 3, 1).reshape(-1, x.shape[1])) for x in (teacher, student))
    member = one_hot(label.flatten(), CLASSES, rows.dtype)
    share = positive_share(member.T @ torch.exp(rows @ others.T / TEMPERATURE) @ member)
    count = member.sum(0)
    return torch.where(count > 0, -torch.log(share) / count.clamp(min=1), 0.0).sum() / (count > 0).sum()


def contrast(side: int, device: torch.device) -> tuple[Call, Call]:
    """ELN's loss over one window of ``side`` x ``side`` embeddings."""
    shape = (1, DIMENSION, side, side)
    teacher, student = (torch.randn(shape, generator=rng(device), device=device) for _ in range(2))
    label = torch.randint(CLASSES, (1, side, side), generator=rng(device), device=device)
    student.requires_grad_()

    def ours() -> Tensor:
        loss = pixel_contrast(teacher, student, label, [(0, 0)], CLASSES, window=side, temperature=TEMPERATURE)
        return torch.autograd.grad(loss, student)[0]

    return ours, lambda: torch.autograd.grad(dense_contrast(teacher, student, label), student)[0]


class DenseAttention(CrossLayerSpatialAttention):
    """Cross-layer attention without groups: every cell of every level looks at every other."""

    def split(self, qkv: Tensor, level: int) -> Tensor:
        """(3, B, heads, 1, cells, D)."""
        return torch.unflatten(qkv.flatten(2), 1, (3, self.num_heads, -1)).permute(1, 0, 2, 4, 3)[:, :, :, None]

    def join(self, groups: Tensor, level: int, size: tuple[int, int]) -> Tensor:
        """The inverse."""
        return groups[:, :, 0].transpose(2, 3).flatten(1, 2).unflatten(2, size)


def attention(side: int, device: torch.device) -> tuple[Call, Call]:
    """CSA on four levels of which the coarsest has ``side`` x ``side`` cells."""
    sides = [side * 2**k for k in (3, 2, 1, 0)]
    levels = [torch.randn(1, WIDTH, s, s, generator=rng(device), device=device) for s in sides]
    with torch.random.fork_rng():
        torch.manual_seed(0)
        blocks = [kind(WIDTH, positions=False).to(device) for kind in (CrossLayerSpatialAttention, DenseAttention)]

    def passes(block: nn.Module) -> Tensor:
        weights = list(block.parameters())
        loss = sum(x.square().mean() for x in block(levels))
        return torch.autograd.grad(loss, weights)[0]

    return partial(passes, blocks[0]), partial(passes, blocks[1])


def neighbours(side: int, device: torch.device) -> tuple[Call, Call]:
    """Group k-NN and its messages over ``side`` x ``side`` patches."""
    x = torch.randn(1, CHANNELS, side, side, generator=rng(device), device=device).requires_grad_()
    return partial(step_of, our_messages, x, side), partial(step_of, published_messages, x, side)


def classmix(side: int, device: torch.device) -> tuple[Call, Call]:
    """ClassMix of a batch of images of ``side`` x ``side`` pixels, labels in blocks of 16 pixels."""
    source, target = (torch.rand(BATCH, 3, side, side, generator=rng(device), device=device) for _ in range(2))
    coarse = torch.randint(CLASSES, (BATCH, 1, side // 16, side // 16), generator=rng(device), device=device)
    label = F.interpolate(coarse.float(), (side, side)).long()[:, 0]
    priority = torch.rand(BATCH, 256, generator=rng(device), device=device)

    def ours() -> Tensor:
        return mix(class_mask(label, choose_half(present_classes(label), priority)), source, target)

    return ours, lambda: torch.stack([one_by_one(*each) for each in zip(label, priority, source, target, strict=True)])


def one_by_one(label: Tensor, priority: Tensor, source: Tensor, target: Tensor) -> Tensor:
    """One image, its ids looked up on the host and compared one by one; the choice is the one of ``priority``."""
    ids = torch.unique(label)
    order = ids[priority[ids].argsort()]
    chosen = order[: (len(order.tolist()) + 1) // 2]
    mask = (label[None] == chosen[:, None, None]).sum(0)
    return mask * source + (1 - mask) * target


@dataclass(frozen=True)
class OneByOne:
    """The published update: parameter by parameter."""

    teacher: nn.Module
    student: nn.Module

    @torch.no_grad()
    def __call__(self) -> None:
        """Move every parameter."""
        for old, new in zip(self.teacher.parameters(), self.student.parameters(), strict=True):
            old.data[:] = 0.999 * old[:].data + (1 - 0.999) * new[:].data


def teacher(layers: int, device: torch.device) -> tuple[Call, Call]:
    """Moving a teacher of ``layers`` layers, each with a weight and a bias."""
    pair = [nn.Sequential(*(nn.Linear(64, 64) for _ in range(layers))).to(device) for _ in range(2)]
    return partial(update_teacher, *pair, None, 0.999), OneByOne(*pair)


def statistics_of(files: int) -> ClassStatistics:
    """Counts of ``files`` labels; each shows half of the classes, a share of them with few pixels."""
    draw = np.random.default_rng(0)
    shown, pixels = draw.random((files, CLASSES)) < 0.5, draw.integers(1, 20000, (files, CLASSES))
    rows = ({c: int(n[c]) for c in np.flatnonzero(s)} for s, n in zip(shown, pixels, strict=True))
    return ClassStatistics(tuple((f"labels/{i:05}.png", row) for i, row in enumerate(rows)))


def rcs(files: int, device: torch.device) -> tuple[Call, Call]:
    """Draws of a class and one of its files among ``files`` label files; making the sampler is not counted."""
    counts = statistics_of(files)
    sampler = RareClassSampler(counts)
    names = {c: [counts.images[i][0] for i in items] for c, items in sampler.candidates.items()}

    def ours() -> list[str]:
        draw = np.random.RandomState(0)
        return [counts.images[sampler.draw(draw)[1]][0] for _ in range(DRAWS)]

    def published() -> list[str]:
        draw = np.random.RandomState(0)
        return [str(draw.choice(names[draw.choice(sampler.classes, p=sampler.probabilities)])) for _ in range(DRAWS)]

    return ours, published


@dataclass(frozen=True)
class Kernel:
    """A piece, its sizes, and what a size counts: ``count`` of the number that ``make`` takes."""

    make: Callable[[int, torch.device], tuple[Call, Call]]
    sizes: tuple[int, ...]
    unit: str
    count: Callable[[int], int] = int


KERNELS = {
    "pixel contrast": Kernel(contrast, (8, 16, 32, 48, 64), "anchors", lambda side: side**2),
    "cfpt attention": Kernel(attention, (1, 2, 4, 6, 8), "cells of all levels", lambda side: 85 * side**2),
    "group k-nn": Kernel(neighbours, (16, 24, 32, 48, 64, 80), "patches", lambda side: side**2),
    "classmix": Kernel(classmix, (64, 128, 256, 512, 1024), "pixels an image", lambda side: side**2),
    "teacher": Kernel(teacher, (10, 30, 100, 300), "tensors", lambda layers: 2 * layers),
    "rcs": Kernel(rcs, (100, 1000, 5000, 25000), "label files"),
}
