"""Figures and explorers of a memory of the classes: reading weights, writes and their momentum, exchanged items."""

from udalib.viz.memory.cosines import cosines_figure
from udalib.viz.memory.exchange import EXCHANGES, exchange_figure, exchanged_items
from udalib.viz.memory.exchange_explorer import ExchangeExplorer
from udalib.viz.memory.momentum_explorer import MomentumExplorer
from udalib.viz.memory.nearest import nearest_figure, nearest_pixels
from udalib.viz.memory.reading import Recall, reading_figure
from udalib.viz.memory.reading_explorer import ReadingExplorer
from udalib.viz.memory.writes import replay_writes, writes_figure

__all__ = [
    "EXCHANGES",
    "ExchangeExplorer",
    "MomentumExplorer",
    "ReadingExplorer",
    "Recall",
    "cosines_figure",
    "exchange_figure",
    "exchanged_items",
    "nearest_figure",
    "nearest_pixels",
    "reading_figure",
    "replay_writes",
    "writes_figure",
]
