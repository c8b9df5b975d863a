"""Auxiliary decoders: what each gets wrong, and how much more there is to learn from with one more of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from matplotlib.axes import Axes
from torch import Tensor

from udalib.core.errors import ConfigError, DataError
from udalib.core.types import IGNORE_INDEX
from udalib.data.labels import LabelSpace
from udalib.viz.pictures.labels import colorize, to_hwc, write_names
from udalib.viz.theme import COLORS, HATCHES, MARKERS, Picture, new_figure, show_image, tidy


@dataclass(frozen=True)
class DecodedImages:
    """N images as the main decoder and K auxiliary ones see them.

    Attributes:
        images: float (N, 3, H, W) in [0, 1].
        truth: train ids (N, H, W), 255 = void.
        predictions: train ids (1 + K, N, H, W), the main decoder's first.
        measured: number of auxiliary decoders -> average precision in [0, 1] of a judge trained with them, one a seed.

    Raises:
        ConfigError: no auxiliary decoder.
        DataError: the parts differ in size.
    """

    images: Tensor
    truth: Tensor
    predictions: Tensor
    measured: Mapping[int, Sequence[float]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if len(self.predictions) < 2:
            raise ConfigError("there is no auxiliary decoder to draw; give the main prediction and one or more others.")
        shape = (len(self.images), *self.images.shape[-2:])
        if tuple(self.truth.shape) != shape or tuple(self.predictions.shape[1:]) != shape:
            raise DataError(
                f"images {tuple(self.images.shape)}, truth {tuple(self.truth.shape)} and predictions "
                f"{tuple(self.predictions.shape)} do not fit; expected (N, 3, H, W), (N, H, W) and (1 + K, N, H, W)."
            )

    @property
    def wrong(self) -> Tensor:
        """Valid pixels that each decoder gets wrong, bool (1 + K, N, H, W)."""
        return (self.predictions != self.truth) & (self.truth != IGNORE_INDEX)

    def shares(self) -> list[float]:
        """Share of the valid pixels that each decoder gets wrong, the main one first."""
        valid = (self.truth != IGNORE_INDEX).sum()
        return [float(each.sum() / valid) for each in self.wrong]

    def confusions(self, count: int, least: int = 20) -> int:
        """How many kinds of error (true class, named class) occur in ``least`` pixels with ``count`` auxiliary ones."""
        pairs = [
            self.truth[each].long() * 256 + p[each].long() for each, p in zip(self.wrong, self.predictions, strict=True)
        ]
        kinds = torch.bincount(torch.cat(pairs[: count + 1]), minlength=1)
        return int((kinds >= least).sum())


def decoders_figure(
    decoded: DecodedImages, space: LabelSpace, index: int, count: int, *, title: str = "", errors: bool = False
) -> Picture:
    """Draw image ``index`` as each of the first ``count`` auxiliary decoders sees it, and what the judge learns from.

    With ``errors`` right pixels are black; the share of wrong pixels is that of all images. Below: by how many decoders
    a pixel is missed; how many kinds of error there are in all images, and the average precision measured, both over
    the number of auxiliary decoders.
    """
    height, across = decoded.truth.shape[1:]
    most = len(decoded.predictions) - 1
    figure, axes = new_figure(13.0, 2.6 * height / across + 3.7)
    axes[0].remove()
    rows = figure.add_gridspec(2, 1, height_ratios=[2.6 * height / across, 2.9])
    grids = rows[0].subgridspec(1, most + 2), rows[1].subgridspec(1, 3)
    upper, lower = ([figure.add_subplot(grid[k]) for k in range(grid.ncols)] for grid in grids)
    show_image(upper[0], to_hwc(decoded.images[index]), f"image {index}")
    for k, panel in enumerate(upper[1:]):
        _prediction(panel, decoded, space, index, k, k <= count, errors)
    _missed(lower[0], decoded, index, count)
    _kinds(lower[1], decoded, count)
    _precision(lower[2], decoded, count)
    figure.suptitle(title, fontsize=10)
    return figure


def _prediction(
    axes: Axes, decoded: DecodedImages, space: LabelSpace, index: int, k: int, used: bool, errors: bool
) -> None:
    name = f"auxiliary {k - 1}" if k else "main"
    if not used:
        axes.axis("off")
        axes.text(0.5, 0.5, f"{name}:\nnot used", ha="center", va="center", fontsize=9, transform=axes.transAxes)
        return
    ids = decoded.predictions[k, index]
    shown = torch.where(decoded.wrong[k, index], ids, IGNORE_INDEX) if errors else ids
    show_image(axes, colorize(shown, space), f"{name}: {100 * decoded.shares()[k]:.0f} % wrong").title.set_fontsize(9)
    write_names(axes, shown, space)


def _missed(axes: Axes, decoded: DecodedImages, index: int, count: int) -> None:
    missed = decoded.wrong[: count + 1, index].sum(0).numpy()
    show_image(
        axes, missed, "how many decoders miss a pixel", cmap="cividis", vmin=-0.5, vmax=len(decoded.predictions) + 0.5
    )
    bar = axes.figure.colorbar(axes.images[0], ax=axes, shrink=0.7, ticks=range(count + 2), pad=0.02)
    bar.ax.set_ylim(-0.5, count + 1.5)
    axes.set_xlabel("0: all used decoders are right", fontsize=8)


def _kinds(axes: Axes, decoded: DecodedImages, count: int) -> None:
    """Bars; the hatched ones are beyond the number of decoders used."""
    numbers = [decoded.confusions(k) for k in range(len(decoded.predictions))]
    for k, number in enumerate(numbers):
        style: dict[str, Any] = {
            "facecolor": COLORS[0] if k <= count else "white",
            "hatch": HATCHES[0 if k <= count else 1],
        }
        axes.bar(k, number, width=0.7, edgecolor=COLORS[0], **style)
        axes.text(k, number, f"{number}", ha="center", va="bottom", fontsize=9)
    axes.set(ylim=(0, 1.15 * max(*numbers, 1)), xticks=range(len(numbers)), xlabel="auxiliary decoders")
    axes.set_title("kinds of error (true class, named class)\nin at least 20 pixels; hatched: not used", fontsize=9)
    tidy(axes, grid="y")


def _precision(axes: Axes, decoded: DecodedImages, count: int) -> None:
    """One dot a seed and the mean; a ring around the number chosen."""
    axes.set_title("average precision of the judge trained with them", fontsize=9)
    axes.set(xticks=range(len(decoded.predictions)), xlim=(-0.5, len(decoded.predictions) - 0.5), ylim=(0, 100))
    axes.set(xlabel="auxiliary decoders", ylabel="percent")
    for k, values in decoded.measured.items():
        percent = 100 * np.asarray(values, dtype=np.float64)
        axes.plot([k] * len(percent), percent, "o", markersize=4, markerfacecolor="white", markeredgecolor="black")
        axes.plot(k, percent.mean(), MARKERS[3], color=COLORS[0], markersize=8)
        axes.annotate(
            f"{percent.mean():.0f}", (k, percent.mean()), (13, 0), textcoords="offset points", fontsize=9, va="center"
        )
        if k == count:
            axes.plot(k, percent.mean(), "o", markersize=20, markerfacecolor="none", markeredgecolor="black")
    if not decoded.measured:
        axes.text(0.5, 0.5, "not measured", ha="center", va="center", transform=axes.transAxes)
    seeds = max((len(values) for values in decoded.measured.values()), default=0)
    axes.annotate(
        f"dots: {seeds} seed{'s' * (seeds != 1)}, diamond: mean",
        (0.98, 0.97),
        xycoords="axes fraction",
        fontsize=8,
        ha="right",
        va="top",
    )
    tidy(axes, grid="y")
