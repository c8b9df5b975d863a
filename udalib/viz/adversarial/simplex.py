"""Where minimising entropy pushes: three classes on the simplex."""

from __future__ import annotations

import numpy as np
import torch
from matplotlib.axes import Axes
from numpy.typing import NDArray

from udalib.core.errors import ConfigError
from udalib.ops import pixel_entropy
from udalib.viz.theme import Picture, new_figure

CORNERS = np.array([[0.0, 0.0], [1.0, 0.0], [0.5, np.sqrt(3) / 2]])
"""Where the three certain predictions lie in the plane."""


def simplex_points(resolution: int) -> NDArray[np.float64]:
    """Points (N, 3) strictly inside the simplex of three probabilities, on a regular grid."""
    if resolution < 3:
        raise ConfigError(f"the simplex needs a resolution of at least 3 points a side, got {resolution}.")
    first, second = np.meshgrid(np.arange(resolution), np.arange(resolution))
    kept = first + second < resolution
    counts = np.stack([first[kept], second[kept], resolution - 1 - first[kept] - second[kept]], axis=1)
    inside = (counts + 1 / 3) / resolution
    return np.asarray(inside)


def logit_push(probabilities: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Entropy (N,) in [0, 1] and its NEGATIVE gradient (N, 3) with respect to the logits, at probabilities (N, 3).

    The gradient is the autograd one of :func:`udalib.ops.pixel_entropy`, which MinEnt minimises.
    """
    logits = torch.from_numpy(np.log(probabilities))[:, :, None, None].requires_grad_(True)
    values = pixel_entropy(logits.softmax(1))
    (gradient,) = torch.autograd.grad(values.sum(), logits)
    return values.detach().numpy().ravel(), -gradient[:, :, 0, 0].numpy()


def entropy_simplex(resolution: int = 60) -> Picture:
    """Draw the entropy of three classes over the simplex, and how hard MinEnt pulls at the logits of each pixel.

    Left: entropy with contours. Right: the length of the gradient with respect to the logits; the arrows are the
    negative gradient, each pointing to the classes whose logits rise. The pull is 0 for the undecided pixel in the
    middle and for a certain one in a corner, and largest for confident ones that are not certain.
    """
    points = simplex_points(resolution)
    values, push = logit_push(points)
    force = np.linalg.norm(push, axis=1)
    figure, axes = new_figure(12.0, 5.0, 1, 2)
    _triangle(figure, axes[0], points, values, "entropy", levels=np.linspace(0, 1, 11))
    _triangle(
        figure,
        axes[1],
        points,
        force,
        "length of the gradient w.r.t. the logits",
        levels=np.linspace(0, force.max(), 11),
    )
    _arrows(axes[1])
    best = points[force.argmax()].max()
    axes[0].set_title("entropy of a prediction over three classes", fontsize=11)
    axes[1].set_title(f"what MinEnt does to it: strongest where the largest probability is {best:.2f}", fontsize=11)
    return figure


def _triangle(
    figure: Picture,
    axes: Axes,
    points: NDArray[np.float64],
    values: NDArray[np.float64],
    label: str,
    *,
    levels: NDArray[np.float64],
) -> None:
    x, y = (points @ CORNERS).T
    filled = axes.tricontourf(x, y, values, levels=levels, cmap="cividis")
    axes.tricontour(x, y, values, levels=levels, colors="white", linewidths=0.4)
    figure.colorbar(filled, ax=axes, shrink=0.8, label=label)
    for corner, name, side in zip(CORNERS, ("A", "B", "C"), ("top", "top", "bottom"), strict=True):
        axes.text(corner[0], corner[1], f"certain: {name}", ha="center", va=side, fontsize=9)
    axes.set_aspect("equal")
    axes.axis("off")
    axes.set(xlim=(-0.08, 1.08), ylim=(-0.08, 0.95))


def _arrows(axes: Axes) -> None:
    points = simplex_points(11)
    x, y = (points @ CORNERS).T
    u, v = (logit_push(points)[1] @ CORNERS).T
    axes.quiver(
        x,
        y,
        u,
        v,
        color="white",
        edgecolor="black",
        linewidth=0.5,
        width=0.006,
        headlength=4,
        headwidth=3.5,
        headaxislength=3.5,
        scale=4,
        pivot="mid",
    )
