"""The explorer of pseudo labels: threshold and EMA alpha against what is kept and what is right."""

from __future__ import annotations

from collections.abc import Mapping

from matplotlib.figure import Figure

from udalib.core.errors import ConfigError
from udalib.data.labels import LabelSpace
from udalib.viz.explorer.explorer import Control, Explorer, Stops
from udalib.viz.self_training.calibration import TeacherOutput
from udalib.viz.self_training.pseudo_labels import pseudo_label_figure

THRESHOLDS = (0.0, 0.5, 0.7, 0.8, 0.9, 0.95, 0.968, 0.98, 0.99, 0.999)


class PseudoLabelExplorer(Explorer):
    """What a threshold keeps of each teacher's pseudo labels, and how much of that is right.

    Args:
        outputs: EMA alpha -> what the teacher with that alpha said, :class:`udalib.viz.TeacherOutput`.
        space: of the predicted ids.

    Controls: ``threshold`` on the confidence, ``alpha`` of the teacher.

    Raises:
        ConfigError: no teacher.
        DataError: outputs of unlike shapes, or no pixel of known truth.
    """

    def __init__(self, outputs: Mapping[float, TeacherOutput], space: LabelSpace) -> None:
        if not outputs:
            raise ConfigError("there is no teacher to explore; give at least one alpha and its output.")
        flat = {alpha: TeacherOutput(*output.known()) for alpha, output in outputs.items()}

        def figure(threshold: float, alpha: float) -> Figure:
            title = f"pseudo labels of a teacher with alpha = {alpha:g}, against the truth"
            return pseudo_label_figure(flat[alpha], space, threshold, title=title)

        alphas = tuple(sorted(flat))
        controls: dict[str, Control] = {
            "threshold": Stops("Threshold on the confidence", THRESHOLDS, 0.968),
            "alpha": Stops("EMA alpha of the teacher", alphas, alphas[-1]),
        }
        super().__init__("Are sure pseudo labels right?", figure, controls, sheet_columns=1)
