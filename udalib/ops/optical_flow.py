"""Optical flow without a network: Lucas and Kanade's least squares, from coarse to fine.

Lucas, Kanade, "An iterative image registration technique with an application to stereo vision", IJCAI 1981, in the
pyramid of Bouguet (Intel, 2000). It is what real clips get where no RAFT weights are at hand: good on texture and small
motion, poor at borders of what moves and on plain surfaces.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from udalib.core.errors import ConfigError
from udalib.ops.warp import resize_flow, warp

SMALLEST = 16
"""Least side of the coarsest pyramid level in pixels."""


@dataclass(frozen=True)
class LucasKanade:
    """Dense pyramidal Lucas-Kanade flow.

    Attributes:
        radius: of the square window of a pixel's equations.
        iterations: on every level.
        stiffness: added to the diagonal of the equations, in squared grey levels of an image in [0, 1]: where there is
            no texture, the flow of the coarser level stays.

    Raises:
        ConfigError: a radius or number of iterations below 1, or a negative stiffness.
    """

    radius: int = 4
    iterations: int = 5
    stiffness: float = 1e-3

    def __post_init__(self) -> None:
        if min(self.radius, self.iterations) < 1 or self.stiffness < 0:
            raise ConfigError(f"{self}: radius and iterations are at least 1, the stiffness at least 0.")

    @torch.no_grad()
    def __call__(self, first: Tensor, second: Tensor) -> Tensor:
        """Flow float32 (B, 2, H, W) on the grid of ``first`` to ``second``, both RGB (B, 3, H, W) in [0, 1]."""
        pairs = [(_grey(first), _grey(second))]
        while min(pairs[-1][0].shape[-2:]) >= 2 * SMALLEST:
            pairs.append((F.avg_pool2d(pairs[-1][0], 2), F.avg_pool2d(pairs[-1][1], 2)))
        flow = first.new_zeros(len(first), 2, *pairs[-1][0].shape[-2:], dtype=torch.float32)
        for a, b in reversed(pairs):
            flow = resize_flow(flow, a.shape[-2:], align_corners=False)
            for _ in range(self.iterations):
                flow = self._smooth(flow + self._step(a, warp(b, flow)))
        return flow

    def _step(self, a: Tensor, b: Tensor) -> Tensor:
        """Motion (B, 2, h, w) that is left between two grey images, at most a pixel a component."""
        dx, dy = _gradients((a + b) / 2)
        dt = b - a
        xx, xy, yy, xt, yt = (self._window(p) for p in (dx * dx, dx * dy, dy * dy, dx * dt, dy * dt))
        xx, yy = xx + self.stiffness, yy + self.stiffness
        determinant = xx * yy - xy * xy
        u, v = (xy * yt - yy * xt) / determinant, (xy * xt - xx * yt) / determinant
        return torch.cat([u, v], 1).clamp(-1, 1)

    def _window(self, x: Tensor) -> Tensor:
        return _box(x, self.radius)

    def _smooth(self, flow: Tensor) -> Tensor:
        return _box(flow, 1)


def _box(x: Tensor, radius: int) -> Tensor:
    """Mean over a square window; near the border, over its part inside."""
    side, margin = 2 * radius + 1, radius
    rows = F.avg_pool2d(x, (side, 1), stride=1, padding=(margin, 0), count_include_pad=False)
    return F.avg_pool2d(rows, (1, side), stride=1, padding=(0, margin), count_include_pad=False)


def _grey(images: Tensor) -> Tensor:
    weights = images.new_tensor([0.299, 0.587, 0.114]).view(1, 3, 1, 1)
    return (images * weights).sum(1, keepdim=True).float()


def _gradients(x: Tensor) -> tuple[Tensor, Tensor]:
    padded = F.pad(x, [1, 1, 1, 1], mode="replicate")
    return (padded[..., 1:-1, 2:] - padded[..., 1:-1, :-2]) / 2, (padded[..., 2:, 1:-1] - padded[..., :-2, 1:-1]) / 2
