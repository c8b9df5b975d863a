"""Anchors of a pyramid (cfpt sheet, 3)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Anchors:
    """Anchors at every cell: area (stride * scale)**2, ratio = height / width, centres at multiples of the stride.

    Attributes:
        strides: of the levels.
        base_scale: of the smallest anchor, in strides.
        scales_per_octave: anchors between one scale and twice it.
        ratios: height / width.
    """

    strides: tuple[int, ...] = (8, 16, 32, 64, 128)
    base_scale: float = 4
    scales_per_octave: int = 3
    ratios: tuple[float, ...] = (0.5, 1.0, 2.0)

    @property
    def per_cell(self) -> int:
        """Anchors of one cell: ratios slow, scales fast."""
        return len(self.ratios) * self.scales_per_octave

    def base(self, stride: int) -> Tensor:
        """Anchors (per_cell, 4) around the origin."""
        scales = self.base_scale * 2 ** (
            torch.arange(self.scales_per_octave, dtype=torch.float32) / self.scales_per_octave
        )
        root = torch.tensor(self.ratios, dtype=torch.float32).sqrt()[:, None]
        half_w, half_h = (stride * scales / root).flatten() / 2, (stride * scales * root).flatten() / 2
        return torch.stack([-half_w, -half_h, half_w, half_h], dim=1)

    def level(self, level: int, size: tuple[int, int], device: torch.device | str = "cpu") -> Tensor:
        """Anchors (h * w * per_cell, 4) of a map of ``size`` (h, w): row, column, anchor."""
        stride = self.strides[level]
        y = torch.arange(size[0], device=device, dtype=torch.float32) * stride
        x = torch.arange(size[1], device=device, dtype=torch.float32) * stride
        rows, columns = torch.meshgrid(y, x, indexing="ij")
        shift = torch.stack([columns, rows, columns, rows], dim=-1).view(-1, 1, 4)
        return (shift + self.base(stride).to(device, non_blocking=True)).view(-1, 4)

    def all(self, sizes: Sequence[tuple[int, int]], device: torch.device | str = "cpu") -> list[Tensor]:
        """Those of every level."""
        return [self.level(i, size, device) for i, size in enumerate(sizes)]
