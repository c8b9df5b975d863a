"""A toy world with twins: two classes of one texture that only their neighbours tell apart, in two domains.

Seen from above, every picture is a row of bands: a house, the pavement before it, the road, grass; or mirrored.
Pavement and road have the same grey and the same noise. In the target all colours are moved, the noise is stronger.
"""

from __future__ import annotations

import torch
from torch import Tensor

from udalib.core.errors import ConfigError
from udalib.core.types import Batch

CLASSES = ("house", "pavement", "road", "grass")
COLORS = torch.tensor([[0.60, 0.30, 0.25], [0.45, 0.45, 0.45], [0.45, 0.45, 0.45], [0.30, 0.55, 0.25]])
MOVED = torch.tensor([[0.45, 0.40, 0.45], [0.52, 0.50, 0.42], [0.52, 0.50, 0.42], [0.48, 0.52, 0.32]])
DOMAINS = {"source": (COLORS, 0.03), "target": (MOVED, 0.08)}
BANDS = ((8, 18), (8, 16), (16, 26))
"""Widths of house, pavement and road in pixels, drawn evenly between both ends; grass gets the rest."""


def twin_scenes(domain: str, count: int, seed: int = 0, size: tuple[int, int] = (32, 64)) -> Batch:
    """``image`` float32 (count, 3, H, W) in [0, 1] and ``label`` int64 (count, H, W) of :data:`CLASSES`.

    Raises:
        ConfigError: an unknown domain, or pictures narrower than the widest bands.
    """
    if domain not in DOMAINS or size[1] <= sum(high for _, high in BANDS):
        raise ConfigError(f"no {domain!r} of {size}; take source or target, wider than {sum(b for _, b in BANDS)}.")
    random = torch.Generator().manual_seed(2 * seed + (domain == "target"))
    colors, noise = DOMAINS[domain]
    label = _bands(count, size, random)
    shade = 1 + 0.1 * torch.randn(count, 1, 1, 1, generator=random)
    grain = noise * torch.randn(count, 1, *size, generator=random)
    image = (colors[label].movedim(3, 1) * shade + grain).clamp(0, 1)
    return {"image": image, "label": label}


def _bands(count: int, size: tuple[int, int], random: torch.Generator) -> Tensor:
    """Labels (count, H, W): bands whose edges lean a little, mirrored in half of the pictures."""
    widths = torch.stack([torch.randint(low, high + 1, (count,), generator=random) for low, high in BANDS], 1)
    lean = torch.rand(count, 1, generator=random) * 0.3 - 0.15
    edges = widths.cumsum(1)[:, :, None, None] + (lean * torch.arange(size[0]))[:, None, :, None]
    label = (torch.arange(size[1]) >= edges).sum(1)
    mirrored = torch.rand(count, 1, 1, generator=random) < 0.5
    return torch.where(mirrored, label.flip(2), label)
