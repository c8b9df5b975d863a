"""The explorer of the two filters: a confidence threshold that a hand sets, and ELN."""

from __future__ import annotations

from collections.abc import Mapping

from matplotlib.figure import Figure

from udalib.core.errors import ConfigError
from udalib.data.labels import LabelSpace
from udalib.viz.eln.kept_and_dropped import kept_and_dropped_figure
from udalib.viz.eln.verdicts import CUT, JudgedImages
from udalib.viz.explorer.explorer import Choice, Control, Explorer, Slider, Stops

THRESHOLDS = (0.0, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99, 0.999)


class ThresholdExplorer(Explorer):
    """Which pseudo labels a confidence threshold keeps, which ELN keeps, and which of them are right.

    Args:
        judged: name of a student -> its judged images; all have the judges below, and equally many images.
        space: of the labels.
        confidence: the judge whose "wrong" is one minus the largest soft-max.
        localizer: the judge it is compared with.

    Controls: ``threshold`` on the confidence, ``cut`` on the other's probability of "wrong" (0.5 as published),
    ``student``, ``index`` of the image shown, ``positive``: which pixels precision and recall are about.

    Raises:
        ConfigError: no student, or students with unlike numbers of images.
        UnknownNameError: a judge that a student lacks.
    """

    def __init__(
        self,
        judged: Mapping[str, JudgedImages],
        space: LabelSpace,
        *,
        confidence: str = "confidence",
        localizer: str = "ELN",
    ) -> None:
        counts = {len(each.images) for each in judged.values()}
        if len(counts) != 1:
            raise ConfigError(f"give one student or more, with equally many images; got numbers of images {counts}.")
        for each in judged.values():
            for name in (confidence, localizer):
                each.score(name)

        def figure(threshold: float, cut: float, student: str, index: int, positive: str) -> Figure:
            text = f"{student}: {confidence} threshold {threshold:g}; {localizer} drops above {cut:g}"
            cuts = {confidence: 1 - threshold, localizer: cut}
            kind = "correct" if positive == "correct" else "wrong"
            return kept_and_dropped_figure(judged[student], space, index, cuts=cuts, positive=kind, title=text)  # type: ignore[arg-type]

        controls: dict[str, Control] = {
            "threshold": Stops("Threshold on the confidence", THRESHOLDS, 0.9),
            "cut": Slider(f'{localizer} drops above "wrong" =', 0.1, 0.9, 0.1, CUT),
            "student": Choice("Student", tuple(judged), next(iter(judged))),
            "index": Slider("Image", 0, counts.pop() - 1, 1, 0),
            "positive": Choice("Precision and recall of", ("wrong", "correct"), "wrong"),
        }
        super().__init__("Whom to trust: a threshold or a judge?", figure, controls, sheet_columns=1)
