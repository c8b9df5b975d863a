"""The explorer of CFPT's parts: order of the attentions, how many pairs, how narrow, with positions or without."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache, partial

from matplotlib.figure import Figure
from torch import Tensor, nn

from udalib.analysis.networks.level_reach import NeckCost, mean_fields, neck_cost, noise_features
from udalib.models.cfpt.neck import CFPT, ORDERS
from udalib.viz.detection.reach import fields_figure
from udalib.viz.explorer.explorer import Choice, Control, Explorer, Slider, Stops

WORDS = {"cca_csa": "CCA, then CSA", "csa_cca": "CSA, then CCA", "cca": "CCA alone", "csa": "CSA alone",
         "parallel": "side by side", "none": "no attention"}  # fmt: skip
OUTPUTS = ("P3", "P4", "P5", "P6")


class ReachExplorer(Explorer):
    """Which cells of which levels move a middle cell of an output level, in freshly initialised necks.

    Args:
        channels: of C2..C5.
        width: of the levels; a multiple of 32, so that every ``reduction`` fits four heads.
        finest: (h, w) of C2, multiples of 16.
        seeds: necks whose gradients are averaged.

    Controls: ``order``, ``num_cam`` (pairs on each other), ``reduction``, ``output`` level.
    """

    def __init__(
        self,
        channels: Sequence[int] = (8, 16, 16, 16),
        *,
        width: int = 32,
        finest: tuple[int, int] = (64, 128),
        seeds: Sequence[int] = (0, 1, 2),
    ) -> None:
        features = noise_features(channels, finest)
        names = {text: name for name, text in WORDS.items()}

        def build(order: str, num_cam: int, reduction: int) -> nn.Module:
            return CFPT(channels, width, order=order, num_cam=num_cam, reduction=reduction)  # type: ignore[arg-type]

        @cache
        def cost(order: str, num_cam: int, reduction: int) -> NeckCost:
            return neck_cost(partial(build, order, num_cam, reduction), features)

        @cache
        def fields(order: str, num_cam: int, reduction: int, level: int) -> list[Tensor]:
            return mean_fields(partial(build, order, num_cam, reduction), features, level, seeds)

        def figure(order: str, num_cam: int, reduction: float, output: str) -> Figure:
            kind = (names[order], num_cam, int(reduction))
            title = f"{order}, {num_cam} time{'s' * (num_cam > 1)}, reduction {int(reduction)}: "
            title += f"what moves a cell of {output} (mean of {len(seeds)} initialisations)"
            found = fields(*kind, OUTPUTS.index(output))
            return fields_figure(found, cost(*kind), cost("cca_csa", 1, 4), title=title)

        controls: dict[str, Control] = {
            "order": Choice("Order of the attentions", tuple(WORDS[name] for name in ORDERS), WORDS["cca_csa"]),
            "num_cam": Slider("Pairs on each other", 1, 3, 1, 1),
            "reduction": Stops("Reduction (C / channels of q)", (1, 2, 4, 8), 4),
            "output": Choice("Output level", OUTPUTS, "P3"),
        }
        super().__init__("What does an exchange reach?", figure, controls, sheet_columns=1)
