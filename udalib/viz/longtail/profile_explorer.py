"""The explorer of class sizes: any imbalance, any number of classes, and what is left for the tail."""

from __future__ import annotations

from matplotlib.figure import Figure

from udalib.core.profiles import exponential_profile
from udalib.viz.explorer.explorer import Control, Explorer, Stops
from udalib.viz.longtail.profile import profile_figure

IMBALANCES = (1, 2, 5, 10, 20, 50, 100, 256)


class ProfileExplorer(Explorer):
    """Exponential profiles of class sizes.

    Controls: ``largest`` class, ``classes``, ``imbalance`` (largest over smallest), ``few``: a class below this share
    of the largest counts as few-shot (many-shot is above a half).
    """

    def __init__(self) -> None:
        def figure(largest: int, classes: int, imbalance: int, few: float) -> Figure:
            counts = exponential_profile(largest, classes, imbalance)
            shots = (largest // 2, round(few * largest))
            title = f"imbalance {imbalance}"
            return profile_figure(counts, [str(c) for c in range(classes)], shots, title=title)

        controls: dict[str, Control] = {
            "largest": Stops("Largest class", (50, 500, 1280, 5000), 500),
            "classes": Stops("Classes", (5, 10, 100, 1000), 10),
            "imbalance": Stops("Imbalance", IMBALANCES, 50),
            "few": Stops("Few-shot below this share of it", (0.05, 0.1, 0.2, 0.4), 0.1),
        }
        super().__init__("How long is the tail?", figure, controls)
