"""The gates of auxiliary decoders: losses over the iterations, their limits, and when each decoder learns."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.ticker import NullFormatter
from numpy.typing import NDArray
from torch import Tensor

from udalib.core.errors import ConfigError
from udalib.core.seeding import torch_generator
from udalib.ops.error_localization import gated_sum, gates_open
from udalib.viz.theme import COLORS, Picture, line_style, new_figure, tidy, whole_percent

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class GateRun:
    """Losses of one training.

    Attributes:
        main: cross-entropy of the main decoder, (T,).
        auxiliary: of the K auxiliary decoders, (T, K).
        alphas: their factors.
        num_classes: C; a decoder that knows nothing has a cross-entropy of about ln C.
    """

    main: Floats
    auxiliary: Floats
    alphas: tuple[float, ...]
    num_classes: int = 19

    @property
    def limits(self) -> Floats:
        """alpha_k times the main loss, (T, K)."""
        return np.asarray(self.main[:, None] * np.asarray(self.alphas), dtype=np.float64)

    @property
    def opened(self) -> NDArray[np.bool_]:
        """Where decoder k learns, (T, K)."""
        return np.asarray(self.auxiliary >= self.limits)


def main_curve(iterations: int, settles: float, num_classes: int, seed: int = 0, decay: float = 30.0) -> Floats:
    """A made-up loss of a main decoder, (T,): from ln C down to about ``settles``, with the scatter of batches.

    What is above ``settles`` falls to 1 / e of it in ``decay`` iterations.
    """
    curve = settles + (math.log(num_classes) - settles) * np.exp(-np.arange(iterations) / decay)
    noise = torch.randn(iterations, generator=torch_generator("made-up main loss", seed)).numpy()
    return np.asarray(curve * np.exp(0.12 * noise), dtype=np.float64)


def play_gates(
    pixels: Tensor,
    label: Tensor,
    main: Floats,
    alphas: Sequence[float],
    *,
    num_classes: int = 19,
    batch: int = 256,
    lr: float = 0.02,
    seed: int = 0,
) -> GateRun:
    """Train linear decoders on pixels (N, D), labels (N,), behind the gates: an iteration for each loss in ``main``.

    Each iteration takes one random batch; Adam. The main decoder is not trained: its losses are given.

    Raises:
        ConfigError: no pixels, no main loss, or no factor.
    """
    if not len(pixels) or not len(main) or not alphas:
        raise ConfigError(f"{len(pixels)} pixels, {len(main)} main losses and {len(alphas)} factors: give one or more.")
    random = torch_generator("gates", seed)
    scaled = (pixels - pixels.mean(0)) / pixels.std(0).clamp(min=1e-6)
    weights = [0.1 * torch.randn(pixels.shape[1], num_classes, generator=random) for _ in alphas]
    optimizer = torch.optim.Adam([w.requires_grad_() for w in weights], lr)
    found = []
    for reference in main:
        chosen = torch.randint(len(pixels), (batch,), generator=random)
        losses = [torch.nn.functional.cross_entropy(scaled[chosen] @ w, label[chosen]) for w in weights]
        optimizer.zero_grad()
        total = gated_sum(losses, gates_open(losses, torch.tensor(reference), alphas))
        total.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        found.append([float(loss.detach()) for loss in losses])
    return GateRun(main, np.asarray(found), tuple(alphas), num_classes)


def gates_figure(run: GateRun, *, start: int = 0, title: str = "") -> Picture:
    """Draw the losses with the limits alpha_k CE_main (dashed), and below, for each decoder, when its gate is open.

    ``start`` is the iteration number of the first loss.
    """
    figure, axes = new_figure(
        10.5, 5.0, 2, 1, sharex=True, gridspec_kw={"height_ratios": [3, 0.25 + 0.35 * len(run.alphas)]}
    )
    steps = start + np.arange(len(run.main))
    _losses(axes[0], run, steps)
    for k in range(len(run.alphas)):
        _bar(axes[1], k, run.opened[:, k], steps)
    shares = [f"aux {k}: {whole_percent(100 * run.opened[:, k].mean())} %" for k in range(len(run.alphas))]
    axes[1].set_yticks(range(len(shares)), shares, fontsize=9)
    axes[1].set(ylim=(len(shares) - 0.4, -0.6), xlabel="iteration")
    axes[1].set_title(
        "filled: the gate is open, the decoder learns; the share of the iterations stands at the left", fontsize=9
    )
    tidy(axes[1])
    figure.suptitle(title, fontsize=10)
    return figure


def _losses(axes: Axes, run: GateRun, steps: NDArray[np.int64]) -> None:
    every = {"markevery": max(1, len(steps) // 10), "markersize": 5, "linewidth": 1.4}
    axes.plot(steps, run.main, **{**line_style(6), **every}, label="main decoder")
    for k, alpha in enumerate(run.alphas):
        color = COLORS[k]
        axes.plot(
            steps,
            run.limits[:, k],
            color=color,
            linestyle="--",
            linewidth=1.0,
            label=f"{alpha:g} x main: limit of aux {k}",
        )
        axes.plot(
            steps, run.auxiliary[:, k], **{**line_style(k), **every, "linestyle": "-"}, label=f"auxiliary decoder {k}"
        )
    top = math.log(run.num_classes)
    axes.axhline(top, color="#555555", linewidth=1.0, linestyle=(0, (1, 2)))
    note = axes.annotate(
        "ln C: knows nothing", (1.0, top), (0, 3), ("axes fraction", "data"), "offset points", fontsize=8
    )
    note.set(horizontalalignment="right", bbox={"facecolor": "white", "alpha": 0.8, "pad": 1.0, "linewidth": 0})
    axes.set(yscale="log", ylabel="cross-entropy (logarithmic)")
    axes.yaxis.set_major_formatter("{x:g}")
    axes.yaxis.set_minor_formatter(NullFormatter())
    axes.legend(fontsize=8, loc="upper left", bbox_to_anchor=(1.0, 1.0), frameon=False)
    tidy(axes, grid="y")


def _bar(axes: Axes, k: int, opened: NDArray[np.bool_], steps: NDArray[np.int64]) -> None:
    axes.broken_barh(
        [(steps[0] - 0.5, len(steps))], (k - 0.3, 0.6), facecolors="none", edgecolors="#888888", linewidth=0.8
    )
    padded = np.diff(np.concatenate([[0], opened.astype(int), [0]]))
    spans = zip(np.flatnonzero(padded == 1), np.flatnonzero(padded == -1), strict=True)
    bars = [(float(steps[0] + first - 0.5), float(last - first)) for first, last in spans]
    axes.broken_barh(bars, (k - 0.3, 0.6), facecolors=COLORS[k], edgecolors="none")
