"""A task that only an exchange between levels can solve: a sign is written on one level and asked for on another."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from udalib.core.errors import unknown_name
from udalib.core.seeding import seeded, torch_generator

Direction = Literal["down", "up"]
DIRECTIONS = {"down": 0, "up": 2}
"""Which output level is asked: P3 for a sign written on C5, P5 for one written on C3."""

STRENGTH = 4.0
"""Of the sign, in standard deviations of the noise around it."""


def messages(
    direction: Direction, channels: Sequence[int], side: int, random: torch.Generator, batch: int = 8
) -> tuple[list[Tensor], Tensor]:
    """Noise maps C2..C5 with a random sign for every cell of C5, and the signs to be told.

    "down": the sign lies on C5, and every cell of P3 is to tell that of the C5 cell it lies in. "up": the sign lies on
    one random cell of C3 among the 4 x 4 in each cell of C5, and P5 is to tell it.

    Args:
        direction: of the message.
        channels: of C2..C5; the first channel of a map carries the sign.
        side: of C2; C5 has ``side`` / 8.
        random: of noise, signs and places.
        batch: B.

    Returns:
        Features, and bool (B, h, w) at the size of the level that is asked.

    Raises:
        UnknownNameError: another direction.
    """
    if direction not in DIRECTIONS:
        raise unknown_name("direction of a message", direction, DIRECTIONS)
    maps = [torch.randn(batch, c, side >> i, side >> i, generator=random) for i, c in enumerate(channels)]
    coarse = side >> 3
    sign = torch.randint(2, (batch, coarse, coarse), generator=random) * 2.0 - 1
    if direction == "down":
        maps[3][:, 0] += STRENGTH * sign
        return maps, _enlarged(sign, 4) > 0
    place = torch.randint(16, (batch, coarse, coarse), generator=random)
    marks = F.one_hot(place, 16).view(batch, coarse, coarse, 4, 4).permute(0, 1, 3, 2, 4).flatten(3).flatten(1, 2)
    maps[1][:, 0] += STRENGTH * marks * _enlarged(sign, 4)
    return maps, sign > 0


def _enlarged(x: Tensor, times: int) -> Tensor:
    return x.repeat_interleave(times, 1).repeat_interleave(times, 2)


def delivery(
    build: Callable[[], nn.Module],
    direction: Direction,
    *,
    channels: Sequence[int] = (4, 8, 8, 8),
    width: int = 16,
    side: int = 32,
    steps: int = 60,
    seed: int = 0,
    rate: float = 1e-2,
) -> list[float]:
    """Train a neck and a 1 x 1 read-out of one level to tell the signs: accuracy on each new batch, before its step.

    Args:
        build: makes the neck, C2..C5 to P3..P7 of ``width`` channels.
        direction: see :func:`messages`.
        channels: of C2..C5.
        width: of the levels.
        side: of C2.
        steps: updates of AdamW.
        seed: of weights and batches.
        rate: learning rate.
    """
    with seeded(seed):
        neck, readout = build().train(), nn.Conv2d(width, 1, 1)
    optimizer = torch.optim.AdamW([*neck.parameters(), *readout.parameters()], lr=rate)
    random, level, right = torch_generator("messages", seed), DIRECTIONS[direction], []
    for _ in range(steps):
        features, sign = messages(direction, channels, side, random)
        logits = readout(neck(features)[level])[:, 0]
        loss = F.binary_cross_entropy_with_logits(logits, sign.float())
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        right.append(float(((logits > 0) == sign).float().mean()))
    return right
