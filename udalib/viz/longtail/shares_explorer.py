"""The explorer of the shares: alpha, temperature, length of the queue, and how alike two views are already."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.figure import Figure

from udalib.analysis.longtail.shares import pulls, random_anchors
from udalib.core.errors import ConfigError
from udalib.core.profiles import exponential_profile
from udalib.viz.explorer.explorer import Control, Explorer, Stops
from udalib.viz.longtail.shares import KINDS, shares_figure

ALPHAS = (0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 0.9)
TEMPERATURES = (0.05, 0.07, 0.1, 0.2, 0.5, 1.0)
QUEUES = (256, 1024, 4096, 16384)


class SharesExplorer(Explorer):
    """Pulls on one anchor of each of ten classes among random directions, and the optima.

    Args:
        imbalance: of the classes in the queue.
        seeds: of the directions.

    Controls: ``alpha``, ``temperature``, ``queue`` (its length), ``cosine`` of the anchor and its own key (0 = nothing
    learned yet).

    Raises:
        ConfigError: no seed.
    """

    def __init__(self, imbalance: float = 100.0, seeds: Sequence[int] = (0, 1, 2)) -> None:
        if not seeds:
            raise ConfigError("give a seed at least.")

        def figure(alpha: float, temperature: float, queue: int, cosine: float) -> Figure:
            counts = queue_counts(queue, imbalance)
            drawn = [random_anchors(counts, seed, cosine=cosine) for seed in seeds]
            found = {k: [pulls(a, temperature=temperature, alpha=alpha, positives=k) for a in drawn] for k in KINDS}
            title = f"alpha {alpha:g}, tau {temperature:g}, queue of {queue}, cosine of the own view {cosine:g}"
            return shares_figure(found, alpha=alpha, temperature=temperature, queue=sum(counts), title=title)

        controls: dict[str, Control] = {
            "alpha": Stops("alpha: share of the own view", ALPHAS, 0.1),
            "temperature": Stops("Temperature tau", TEMPERATURES, 0.07),
            "queue": Stops("Length of the queue", QUEUES, 1024),
            "cosine": Stops("Cosine of the two views", (0.0, 0.3, 0.5, 0.7, 0.9), 0.0),
        }
        super().__init__("Who pulls, the own view or the class?", figure, controls, sheet_columns=1)


def queue_counts(queue: int, imbalance: float, classes: int = 10) -> list[int]:
    """Entries of each class in a queue of about ``queue`` pictures that come as often as an exponential profile says.

    >>> queue_counts(1024, 100.0)
    [413, 247, 148, 89, 53, 32, 19, 11, 7, 4]
    """
    profile = exponential_profile(10**6, classes, imbalance)
    return [max(1, round(queue * n / sum(profile))) for n in profile]
