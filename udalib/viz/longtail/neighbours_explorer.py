"""The explorer of nearest neighbours: a picture, a part of it, a network, a temperature."""

from __future__ import annotations

from collections.abc import Mapping

from matplotlib.figure import Figure

from udalib.analysis.longtail.retrieval import Gallery
from udalib.analysis.longtail.views import Probe
from udalib.core.errors import ConfigError
from udalib.data.labels import LabelSpace
from udalib.viz.explorer.explorer import Choice, Control, Explorer, Stops
from udalib.viz.longtail.neighbours import neighbours_figure

TEMPERATURES = (0.05, 0.07, 0.1, 0.2, 0.5)


class NeighboursExplorer(Explorer):
    """What lies next to a picture, or to a part of it.

    Args:
        galleries: name of a network -> the gallery as it sees it.
        probes: name of a network -> name of a picture -> the picture as it sees it; the same names for all.
        space: of the classes.

    Controls: ``picture``, ``part``, ``network``, ``temperature`` of the probabilities.

    Raises:
        ConfigError: no network, no picture, or networks that have not seen the same pictures and parts.
    """

    def __init__(
        self, galleries: Mapping[str, Gallery], probes: Mapping[str, Mapping[str, Probe]], space: LabelSpace
    ) -> None:
        names = {tuple((name, *each.parts) for name, each in seen.items()) for seen in probes.values()}
        if not galleries or set(galleries) != set(probes) or len(names) != 1 or not next(iter(names)):
            raise ConfigError(
                f"give galleries and probes of the same networks, one at least, with the same pictures and parts; got "
                f"galleries of {sorted(galleries)} and probes of {sorted(probes)}."
            )

        def figure(picture: str, part: str, network: str, temperature: float) -> Figure:
            seen, title = probes[network][picture], f"{picture}, {part}, as {network} sees it"
            return neighbours_figure(galleries[network], seen, part, space, temperature=temperature, title=title)

        first = next(iter(probes.values()))
        parts = tuple(next(iter(first.values())).parts)
        controls: dict[str, Control] = {
            "picture": Choice("Picture", tuple(first), next(iter(first))),
            "part": Choice("Part of it", parts, parts[-1]),
            "network": Choice("Trained by", tuple(galleries), next(iter(galleries))),
            "temperature": Stops("Temperature tau", TEMPERATURES, 0.1),
        }
        super().__init__("What lies next to it?", figure, controls, sheet_columns=1)
