"""Effective receptive fields (Luo et al., "Understanding the effective receptive field", NeurIPS 2016)."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from udalib.core.errors import ConfigError


def effective_receptive_field(
    forward: Callable[[Tensor], Tensor], images: Tensor, point: tuple[float, float] = (0.5, 0.5)
) -> Tensor:
    """How strongly each input pixel moves one output position: (H, W), its sum is 1.

    Args:
        forward: images (B, 3, H, W) -> map (B, C, h, w), for example a network or one of its features.
        images: float batch; the field is the mean over it.
        point: (x, y) of the output position in fractions of width and height.

    The field is the mean over images of the absolute gradient of the channels' sum at ``point``, summed over the
    image's channels. Take the module's eval mode, or BatchNorm couples the images.
    """
    images = images.detach().clone().requires_grad_(True)
    output = forward(images)
    if output.ndim != 4:
        raise ConfigError(f"the map to look at must be (B, C, h, w), got shape {tuple(output.shape)}.")
    row = min(int(point[1] * output.shape[2]), output.shape[2] - 1)
    column = min(int(point[0] * output.shape[3]), output.shape[3] - 1)
    (gradient,) = torch.autograd.grad(output[:, :, row, column].sum(), images)
    field = gradient.abs().sum(dim=1).mean(dim=0)
    return field / field.sum().clamp_min(torch.finfo(field.dtype).tiny)


def mean_field(
    build: Callable[[int], nn.Module], size: tuple[int, int], seeds: tuple[int, ...] = (0, 1, 2), batch: int = 2
) -> Tensor:
    """Mean effective receptive field (H, W) of freshly initialised modules ``build(seed)`` on noise in [0, 1]."""
    fields = []
    for seed in seeds:
        module = build(seed).eval()
        noise = torch.rand(batch, 3, *size, generator=torch.Generator().manual_seed(seed))
        fields.append(effective_receptive_field(module, noise))
    return torch.stack(fields).mean(dim=0)
