"""The explorer of the auxiliary decoders: their number against the errors that a judge learns from."""

from __future__ import annotations

from matplotlib.figure import Figure

from udalib.data.labels import LabelSpace
from udalib.viz.eln.decoders import DecodedImages, decoders_figure
from udalib.viz.explorer.explorer import Choice, Control, Explorer, Slider


class DecodersExplorer(Explorer):
    """What the main decoder and some auxiliary ones get wrong.

    Args:
        decoded: images and the predictions of all decoders.
        space: of the labels.

    Controls: ``count`` of the auxiliary decoders that are used, ``shown`` (classes, or errors alone), ``index`` of the
    image.
    """

    def __init__(self, decoded: DecodedImages, space: LabelSpace) -> None:
        most = len(decoded.predictions) - 1

        def figure(count: int, shown: str, index: int) -> Figure:
            title = f"{count} auxiliary decoder{'s' * (count != 1)}"
            return decoders_figure(decoded, space, index, count, title=title, errors=shown == "errors alone")

        controls: dict[str, Control] = {
            "count": Slider("Auxiliary decoders", 0, most, 1, min(2, most)),
            "shown": Choice("Show", ("all classes", "errors alone"), "all classes"),
            "index": Slider("Image", 0, len(decoded.images) - 1, 1, 0),
        }
        super().__init__("How many bad decoders?", figure, controls, sheet_columns=1)
